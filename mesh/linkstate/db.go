// Package linkstate is a node's knowledge of the mesh: the newest routing
// update of every node, and the least-cost routes that follow from them. It is
// pure: no clock, no I/O, no logging; a DB belongs to one caller at a time.
package linkstate

import (
	"iter"
	"maps"
	"slices"
	"time"

	"receptor/mesh/wire"
)

const (
	// MaxNodes bounds the names in a pool. Beyond it unknown nodes are refused:
	// a peer that invents node IDs must not exhaust the memory.
	MaxNodes = 65536
	// MaxEdges bounds the connections of all nodes in a database together, and
	// with them the memory that all updates take.
	MaxEdges = 1 << 20
	// MaxBytes bounds the frames of all updates together. All are sent on a link that
	// comes up: more than its queue takes would break that link, and every later one.
	MaxBytes = 8 << 20
	// ForgetAfter is how long a node may be unreachable before its record
	// goes. It is several update periods, so that a healed partition finds
	// most records still there.
	ForgetAfter = time.Minute
)

// DB is a link-state database. Create one with New.
type DB struct {
	pool *Pool
	self int32 // number of the node that owns the database

	links   []edge    // of the owner, in order of node IDs
	records []*Update // by number, as far as there are any; nil: none
	edges   int       // of all records but the owner's
	bytes   int       // of their frames
	quoted  int       // of the owner's node ID in each of them
	lost    []loss    // sorted by number
	version uint64    // of what a summary says
}

// loss is a record of a node that cannot be reached.
type loss struct {
	node  int32
	since time.Time
}

// New returns the database of a node that has no links yet; it knows of other
// nodes only what it is told, whatever others that share the pool know.
func New(id string, pool *Pool) *DB {
	db := &DB{pool: pool, self: pool.acquire(id), quoted: wire.QuotedLen(id)}
	db.SetLinks(nil)
	return db
}

// Verdict is what became of an update.
type Verdict int

// Verdicts, from least to most news.
const (
	// Stale: not newer than what is known, and dropped.
	Stale Verdict = iota
	// Full: there is no room for what it says, and it was dropped.
	Full
	// Completed: it is the update on record, which had come past a deployed node and
	// so had lost what only ours say; now it has not. It is to be passed on to nodes
	// of ours.
	Completed
	// Refreshed: accepted, the connections are as they were.
	Refreshed
	// Changed: accepted, the connections have changed.
	Changed
	// Discovered: accepted, from a node that had no record.
	Discovered
)

// Accepted reports whether the update was newer than what was known, and is
// to be passed on.
func (v Verdict) Accepted() bool { return v >= Refreshed }

// Apply takes in an update of another node. One that raises suspicion of a
// duplicate is for Suspect instead.
func (db *DB) Apply(u *Update) Verdict {
	old := db.Record(u.NodeID)
	if db.owns(old) || !u.replaces(old) {
		return Stale
	}
	edges, bytes := db.edges, db.bytes+db.size(u)
	if old != nil {
		edges, bytes = edges-len(old.edges), bytes-db.size(old)
	}
	if edges+len(u.Connections) > MaxEdges || bytes > MaxBytes || !db.pool.room(u) {
		return Full
	}
	db.pool.hold(u)
	db.edges, db.bytes = edges+len(u.edges), bytes
	db.set(u.node, u)
	if old == nil {
		return Discovered
	}
	newer, changed := u.newerThan(old), !slices.Equal(u.edges, old.edges)
	db.pool.release(old)
	switch {
	case !newer:
		return Completed
	case changed:
		return Changed
	}
	return Refreshed
}

// size returns how many bytes the frame has by which the owner passes an update on.
func (db *DB) size(u *Update) int { return u.size + db.quoted }

// owns reports whether a record is that of the owner.
func (db *DB) owns(u *Update) bool { return u != nil && u.node == db.self }

// set stores a record.
func (db *DB) set(i int32, u *Update) {
	if missing := int(i) + 1 - len(db.records); missing > 0 {
		// At once for all that have numbers: they may well be next.
		db.records = append(db.records, make([]*Update, len(db.pool.names)-len(db.records))...)
	}
	if old := db.records[i]; old == nil || old.digest != u.digest || old.summarizes != u.summarizes {
		db.version++
	}
	db.records[i] = u
}

// record returns the record of a number, nil if there is none.
func (db *DB) record(i int32) *Update {
	if int(i) >= len(db.records) {
		return nil
	}
	return db.records[i]
}

// Record returns the record of a node, nil if there is none.
func (db *DB) Record(id string) *Update {
	if i, ok := db.pool.index[id]; ok {
		return db.record(i)
	}
	return nil
}

// Suspect takes in an update in which a node says that another, of the epoch
// SuspectedDuplicate, uses its ID (PROTOCOL section 2.2). If that epoch is the
// one on record, the sender's epoch and sequence replace it, so that the next
// update of the true node is accepted; Suspect reports whether that was so,
// and the update is to be passed on.
func (db *DB) Suspect(u *Update) bool {
	old := db.Record(u.NodeID)
	if old == nil || db.owns(old) || old.UpdateEpoch != u.SuspectedDuplicate {
		return false
	}
	dated := &Update{RoutingUpdate: old.RoutingUpdate, size: old.size, pool: db.pool} // no relay: it is the duplicate's
	dated.UpdateEpoch, dated.UpdateSequence = u.UpdateEpoch, u.UpdateSequence
	db.pool.hold(dated)
	db.set(dated.node, dated)
	db.pool.release(old)
	return true
}

// Frames returns the frames by which the owner passes on all updates that it
// has accepted, but for those that have been revoked, in the order of their node
// IDs: for a peer that has just come up.
func (db *DB) Frames() [][]byte {
	return db.frames(func(u *Update) bool { return !u.relay.IsZero() })
}

// frames returns those of the records that it is to have, but for the owner's.
func (db *DB) frames(has func(*Update) bool) [][]byte {
	var frames [][]byte
	for _, i := range db.pool.order {
		if u := db.record(i); u != nil && !db.owns(u) && has(u) {
			frames = append(frames, u.Frame(db.pool.names[db.self].id))
		}
	}
	return frames
}

// IsStale reports whether an update with this key is certainly the record of its node,
// or older in the same epoch: Apply would drop it, and nobody need know.
func (db *DB) IsStale(k wire.RoutingKey) bool {
	i, ok := db.pool.index[string(k.NodeID)]
	if !ok || i == db.self {
		return false
	}
	u := db.record(i)
	return u != nil && k.Epoch == u.UpdateEpoch &&
		(k.Sequence < u.UpdateSequence || k.Sequence == u.UpdateSequence && (u.summarizes || !k.Extended))
}

// Has reports whether an update that some database holds is the record of its
// node, or older in the same epoch: Apply would drop it, and nobody need know.
func (db *DB) Has(u *Update) bool {
	if u.node == db.self {
		return false
	}
	held := db.record(u.node)
	return held == u || held != nil && u.UpdateEpoch == held.UpdateEpoch && !u.replaces(held)
}

// SetLinks replaces the owner's own links: peer node ID to cost. There are at
// most as many as a routing update can list.
func (db *DB) SetLinks(links map[string]float64) {
	was := db.links
	db.links = make([]edge, 0, len(links))
	for _, peer := range slices.Sorted(maps.Keys(links)) {
		db.links = append(db.links, edge{to: db.pool.acquire(peer), cost: links[peer]})
	}
	u := &Update{pool: db.pool, node: db.self, edges: slices.Clone(db.links)}
	u.NodeID, u.Features = db.pool.names[db.self].id, []string{wire.FeatureSummary}
	slices.SortFunc(u.edges, func(a, b edge) int { return int(a.to) - int(b.to) })
	u.summarize()
	db.set(db.self, u)
	for _, e := range was {
		db.pool.drop(e.to)
	}
}

// Records iterates over all records, in no particular order.
func (db *DB) Records() iter.Seq[*Update] {
	return func(yield func(*Update) bool) {
		for _, u := range db.records {
			if u != nil && !yield(u) {
				return
			}
		}
	}
}

// Forget removes the records of nodes that have been unreachable for
// ForgetAfter, as Routes found them, and returns their IDs in order and the
// time at which to call it again (zero: nobody is unreachable).
func (db *DB) Forget(now time.Time) (gone []string, next time.Time) {
	var kept []loss
	for _, l := range db.lost {
		due := l.since.Add(ForgetAfter)
		if now.Before(due) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			kept = append(kept, l)
			continue
		}
		u := db.records[l.node]
		gone = append(gone, u.NodeID)
		db.records[l.node] = nil
		db.version++
		db.edges -= len(u.edges)
		db.bytes -= db.size(u)
		db.pool.release(u)
	}
	db.lost = kept
	slices.Sort(gone)
	return gone, next
}
