package mesh

import (
	"slices"
	"time"

	"receptor/mesh/linkstate"
)

// maxSuspicions is how many suspicions a node remembers. They are rare: a mesh
// that has more of them under way is under attack.
const maxSuspicions = 1024

// duplicates is what a node knows of nodes that share an ID.
type duplicates struct {
	joined   time.Time // when the node last got its first link
	suspects []suspect // of which it has told the mesh within suspicionInterval
	// seen are the last suspicions, the oldest first. A suspicion sets the record
	// of a node back, so it must not take effect a second time when it comes by
	// another path, or it and the updates that it revokes chase each other round
	// every loop of the mesh.
	seen []suspicion
}

// suspect is another node with the own ID.
type suspect struct {
	epoch uint64
	told  time.Time // when the mesh was last told of it
}

// maxSuspects is of how many a node tells within suspicionInterval.
const maxSuspects = 8

// mayTell reports whether to tell the mesh of a suspect now, and takes that for
// done.
func (d *duplicates) mayTell(now time.Time, epoch uint64) bool {
	d.suspects = slices.DeleteFunc(d.suspects, func(s suspect) bool { return now.Sub(s.told) >= suspicionInterval })
	if len(d.suspects) == maxSuspects || slices.ContainsFunc(d.suspects, func(s suspect) bool { return s.epoch == epoch }) {
		return false
	}
	d.suspects = append(d.suspects, suspect{epoch, now})
	return true
}

// suspicion identifies an update that tells of a duplicate.
type suspicion struct {
	node, update string
	epoch        uint64
}

// isNew reports whether a suspicion is seen for the first time.
func (d *duplicates) isNew(s suspicion) bool {
	if slices.Contains(d.seen, s) {
		return false
	}
	if len(d.seen) == maxSuspicions {
		d.seen = slices.Delete(d.seen, 0, 1)
	}
	d.seen = append(d.seen, s)
	return true
}

// receiveSuspicion takes an update of another node that says that it shares its
// ID with one of the epoch SuspectedDuplicate. It requires mu.
func (n *Node) receiveSuspicion(u *linkstate.Update, from *session) {
	if !n.dup.isNew(suspicion{u.NodeID, u.UpdateID, u.UpdateEpoch}) {
		return
	}
	n.emit(DuplicateSuspected{Node: u.NodeID, Epoch: u.UpdateEpoch, Suspect: u.SuspectedDuplicate})
	if n.db.Suspect(u) {
		n.passOn(u, from)
	}
}

// receiveOwnID takes an update with this node's own ID that another node made,
// or an earlier run of this one (PROTOCOL section 2.2): of two nodes with one
// ID the newcomer leaves. It requires mu.
func (n *Node) receiveOwnID(now time.Time, u *linkstate.Update, from *session) {
	switch {
	case u.UpdateEpoch == n.epoch && u.UpdateSequence > n.sequence:
		// Not ours: it is forged, or an earlier run had this very epoch, on a
		// machine whose clock begins at a fixed date. Those that believed it take
		// nothing from us until an epoch that is newer.
		n.epoch++
		n.bring(&n.due.update, now.Add(coalesce))
	case u.UpdateEpoch == n.epoch:
		return // our own, come round
	case u.SuspectedDuplicate == n.epoch:
		leaving := now.Sub(n.dup.joined) < joinWindow
		n.emit(DuplicateID{ID: n.id, OtherEpoch: u.UpdateEpoch, From: from.peer, Leaving: leaving})
		if leaving {
			n.shut()
			return
		}
		// Those that believed it have the epoch of the other on record now.
		n.suspect(now, u.UpdateEpoch)
	case u.UpdateEpoch > n.epoch:
		if n.suspect(now, u.UpdateEpoch) {
			n.emit(DuplicateID{ID: n.id, OtherEpoch: u.UpdateEpoch, From: from.peer})
		}
	}
}

// suspect tells the mesh that the node of an epoch shares this node's ID, and
// soon after of this node itself; it reports false if it did so just now. It
// requires mu.
func (n *Node) suspect(now time.Time, epoch uint64) bool {
	n.bring(&n.due.update, now.Add(coalesce))
	if !n.dup.mayTell(now, epoch) {
		return false
	}
	n.floodOwn(epoch)
	return true
}
