// Package linkstate is a node's knowledge of the mesh: the newest routing
// update of every node, and the least-cost routes that follow from them. It is
// pure: no clock, no I/O, no logging; a DB belongs to one caller at a time.
package linkstate

import (
	"slices"
	"sort"
	"time"

	"receptor/mesh/wire"
)

const (
	// MaxNodes bounds the names in a database. Beyond it unknown nodes are
	// refused: a peer that invents node IDs must not exhaust the memory.
	MaxNodes = 65536
	// MaxEdges bounds the connections of all nodes together, and with them the
	// memory that all updates take.
	MaxEdges = 1 << 20
	// ForgetAfter is how long a node may be unreachable before its record
	// goes. It is several update periods, so that a healed partition finds
	// most records still there.
	ForgetAfter = time.Minute
)

// DB is a link-state database. Create one with New.
type DB struct {
	index map[string]int32
	nodes []node
	free  []int32
	edges int // of all nodes
	spf   spf
}

// node is a slot of the database: a node that has a record, or is only named
// in the records of others, or is free.
type node struct {
	id       string
	hash     uint64
	known    bool // has a record: an update of its own was accepted
	epoch    uint64
	sequence uint64
	edges    []edge // sorted by slot
	frame    []byte
	refs     int // edges that lead here
	lost     time.Time
}

type edge struct {
	to   int32
	cost float64
}

// self is the slot of the node that owns the database.
const self = 0

// New returns the database of a node that has no links yet.
func New(id string) *DB {
	db := &DB{index: make(map[string]int32)}
	db.slot(id)
	db.nodes[self].known = true
	return db
}

// Verdict is what became of an update.
type Verdict int

// Verdicts, from least to most news.
const (
	// Stale: not newer than what is known, and dropped.
	Stale Verdict = iota
	// Full: it names more nodes than the database takes, and was dropped.
	Full
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
func (db *DB) Apply(u *wire.RoutingUpdate) Verdict {
	i, named := db.index[u.NodeID]
	known := named && db.nodes[i].known
	if known {
		n := &db.nodes[i]
		if !wire.Newer(u.UpdateEpoch, u.UpdateSequence, n.epoch, n.sequence) {
			return Stale
		}
	}
	had := 0
	if known {
		had = len(db.nodes[i].edges)
	}
	if db.unnamed(u) > MaxNodes-(len(db.nodes)-len(db.free)) || db.edges-had+len(u.Connections) > MaxEdges {
		return Full
	}
	i = db.slot(u.NodeID)
	changed := db.setEdges(i, u.Connections)
	n := &db.nodes[i]
	n.known = true
	n.epoch, n.sequence = u.UpdateEpoch, u.UpdateSequence
	n.frame = nil
	switch {
	case !known:
		return Discovered
	case changed:
		return Changed
	default:
		return Refreshed
	}
}

// unnamed counts the names in an update that have no slot.
func (db *DB) unnamed(u *wire.RoutingUpdate) int {
	count := 0
	if _, ok := db.index[u.NodeID]; !ok {
		count++
	}
	for peer := range u.Connections {
		if _, ok := db.index[peer]; !ok {
			count++
		}
	}
	return count
}

// Suspect takes in an update in which a node says that another, of the epoch
// SuspectedDuplicate, uses its ID (PROTOCOL section 2.2). If that epoch is the
// one on record, the sender's epoch and sequence replace it, so that the next
// update of the true node is accepted; Suspect reports whether that was so,
// and the update is to be passed on.
func (db *DB) Suspect(u *wire.RoutingUpdate) bool {
	i, named := db.index[u.NodeID]
	if !named || i == self || !db.nodes[i].known || db.nodes[i].epoch != u.SuspectedDuplicate {
		return false
	}
	n := &db.nodes[i]
	n.epoch, n.sequence = u.UpdateEpoch, u.UpdateSequence
	n.frame = nil // it is the duplicate's
	return true
}

// SetFrame stores the frame by which the accepted update of a node is passed
// on, for Frames. The frame is shared and never changed.
func (db *DB) SetFrame(id string, frame []byte) {
	if i, ok := db.index[id]; ok {
		db.nodes[i].frame = frame
	}
}

// Frames returns the stored frames in the order of their node IDs: the whole
// database, for a peer that has just come up.
func (db *DB) Frames() [][]byte {
	slots := make([]int32, 0, len(db.nodes))
	for i := range db.nodes {
		if db.nodes[i].frame != nil {
			slots = append(slots, int32(i))
		}
	}
	sort.Slice(slots, func(a, b int) bool { return db.nodes[slots[a]].id < db.nodes[slots[b]].id })
	frames := make([][]byte, len(slots))
	for k, i := range slots {
		frames[k] = db.nodes[i].frame
	}
	return frames
}

// IsStale reports whether an update with this key is not newer than the record
// of its node: Apply would drop it.
func (db *DB) IsStale(k wire.RoutingKey) bool {
	i, ok := db.index[string(k.NodeID)]
	if !ok || i == self || !db.nodes[i].known {
		return false
	}
	n := &db.nodes[i]
	return !wire.Newer(k.Epoch, k.Sequence, n.epoch, n.sequence)
}

// SetLinks replaces the owner's own links: peer node ID to cost.
func (db *DB) SetLinks(links map[string]float64) { db.setEdges(self, links) }

// Knows reports whether there is a record of a node.
func (db *DB) Knows(id string) bool {
	i, ok := db.index[id]
	return ok && db.nodes[i].known
}

// Costs returns what every node on record says of its connections.
func (db *DB) Costs() map[string]map[string]float64 {
	all := make(map[string]map[string]float64, len(db.nodes))
	for i := range db.nodes {
		n := &db.nodes[i]
		if !n.known {
			continue
		}
		costs := make(map[string]float64, len(n.edges))
		for _, e := range n.edges {
			costs[db.nodes[e.to].id] = e.cost
		}
		all[n.id] = costs
	}
	return all
}

// slot returns the slot of a name and makes one for a new name.
func (db *DB) slot(id string) int32 {
	if i, ok := db.index[id]; ok {
		return i
	}
	var i int32
	if k := len(db.free); k > 0 {
		i, db.free = db.free[k-1], db.free[:k-1]
	} else {
		i = int32(len(db.nodes))
		db.nodes = append(db.nodes, node{})
	}
	db.nodes[i] = node{id: id, hash: wire.HashNode(id)}
	db.index[id] = i
	return i
}

// drop frees a slot that nothing refers to any more.
func (db *DB) drop(i int32) {
	n := &db.nodes[i]
	if n.refs > 0 || n.known {
		return
	}
	delete(db.index, n.id)
	*n = node{}
	db.free = append(db.free, i)
}

// setEdges replaces the edges of a slot and reports whether they changed.
func (db *DB) setEdges(i int32, connections map[string]float64) bool {
	edges := make([]edge, 0, len(connections))
	for peer, cost := range connections {
		if to := db.slot(peer); to != i {
			edges = append(edges, edge{to: to, cost: cost})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(a.to) - int(b.to) })
	old := db.nodes[i].edges
	if slices.Equal(edges, old) {
		// Nothing to release: every name in edges was in old already.
		return false
	}
	for _, e := range edges {
		db.nodes[e.to].refs++
	}
	db.nodes[i].edges = edges
	db.edges += len(edges)
	db.release(old)
	return true
}

func (db *DB) release(edges []edge) {
	db.edges -= len(edges)
	for _, e := range edges {
		db.nodes[e.to].refs--
		db.drop(e.to)
	}
}

// Forget removes the records of nodes that have been unreachable for
// ForgetAfter, as Routes found them, and returns their IDs in order and the
// time at which to call it again (zero: nobody is unreachable).
func (db *DB) Forget(now time.Time) (gone []string, next time.Time) {
	for i := range db.nodes {
		n := &db.nodes[i]
		if !n.known || n.lost.IsZero() {
			continue
		}
		due := n.lost.Add(ForgetAfter)
		if now.Before(due) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		gone = append(gone, n.id)
		edges := n.edges
		n.known, n.edges, n.frame = false, nil, nil
		db.release(edges)
		db.drop(int32(i))
	}
	sort.Strings(gone)
	return gone, next
}
