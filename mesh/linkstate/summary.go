package linkstate

import (
	"iter"
	"slices"

	"receptor/mesh/wire"
)

// A summary is about the nodes that can be reached, and so is what is sent where
// two differ. Of others each node has what it happens to remember, and forgets it
// at a moment of its own: told of them again and again, nobody ever would.

// summarize prepares an update that some database holds for summaries.
func (u *Update) summarize() {
	u.part = wire.PartOf(u.pool.names[u.node].hash)
	u.summarizes = u.HasFeature(wire.FeatureSummary)
	u.digest = u.digestIn(u.UpdateEpoch)
}

// digestIn returns the digest of an update of that epoch.
func (u *Update) digestIn(epoch uint64) wire.Digest {
	d := wire.DigestRecord(u.pool.names[u.node].hash, epoch, u.summarizes)
	for _, e := range u.edges {
		d = d.Connection(u.pool.names[e.to].hash, e.cost)
	}
	return d
}

// Version changes whenever what Summarize returns may have changed.
func (db *DB) Version() uint64 { return db.version }

// Summarize adds to s all records of nodes that can be reached, as Routes found
// them, and the owner's, with the epoch of its run. It reports whether all of the
// others came by nodes that send summaries.
func (db *DB) Summarize(epoch uint64, s *wire.Summary) (all bool) {
	all = true
	for u := range db.reachable() {
		if db.owns(u) {
			s.Add(u.part, u.digestIn(epoch))
			continue
		}
		s.Add(u.part, u.digest)
		all = all && u.summarizes
	}
	return all
}

// FramesOf is Frames for the nodes of some parts of a summary, for a peer that
// knows something else about them. So it has also what has been revoked.
func (db *DB) FramesOf(parts wire.PartSet) [][]byte {
	return db.frames(func(u *Update) bool { return parts.Has(u.part) && !db.isLost(u.node) })
}

// isLost reports whether there is no route to a node on record.
func (db *DB) isLost(node int32) bool {
	_, lost := slices.BinarySearchFunc(db.lost, node, func(l loss, node int32) int { return int(l.node) - int(node) })
	return lost
}

// reachable iterates over the records of nodes that can be reached, in no
// particular order.
func (db *DB) reachable() iter.Seq[*Update] {
	return func(yield func(*Update) bool) {
		lost := db.lost
		for i, u := range db.records {
			if len(lost) > 0 && lost[0].node == int32(i) {
				lost = lost[1:]
				continue
			}
			if u != nil && !yield(u) {
				return
			}
		}
	}
}
