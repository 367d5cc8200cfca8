package work

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"time"
)

// tombstone is the key of a submission that is over: its unit was released, or
// it was withdrawn before it came.
type tombstone struct {
	Key  string
	Over time.Time
	// From is the node that the submission, or its withdrawal, came from; empty if
	// that did not come over the mesh.
	From string `json:",omitempty"`
}

// tombstones are those that are not older than keyLife, at most so many. It is a
// value without I/O or clock. At the limit, a node that has made the most of them
// gives up its oldest ones: it cannot push out those of others, unless it can claim to
// be many nodes.
type tombstones struct {
	limit int
	over  map[string]time.Time   // by key
	from  map[string][]tombstone // by node, the oldest first
}

func newTombstones(limit int) tombstones {
	return tombstones{limit: limit, over: make(map[string]time.Time), from: make(map[string][]tombstone)}
}

// find returns since when the submission of a key is over.
func (ts *tombstones) find(key string, now time.Time) (since time.Time, ok bool) {
	since, ok = ts.over[key]
	return since, ok && now.Sub(since) < keyLife
}

// add adds a tombstone. What was known of its key must have expired.
func (ts *tombstones) add(t tombstone, now time.Time) {
	if _, old := ts.over[t.Key]; old || len(ts.over) >= ts.limit {
		ts.expire(now)
	}
	if len(ts.over) >= ts.limit {
		ts.thin()
	}
	ts.over[t.Key] = t.Over
	ts.from[t.From] = append(ts.from[t.From], t)
}

// expire forgets those that are old enough.
func (ts *tombstones) expire(now time.Time) {
	for node, list := range ts.from {
		n := 0
		for n < len(list) && now.Sub(list[n].Over) >= keyLife {
			n++
		}
		ts.drop(node, n)
	}
}

// thin makes room for some at once, as it has to look at all nodes, of which
// strangers can invent many. Among those with as many it is the oldest one that goes.
func (ts *tombstones) thin() {
	shares := make(shares, 0, len(ts.from))
	for node, list := range ts.from {
		shares = append(shares, share{node, list})
	}
	heap.Init(&shares)
	for room := ts.limit / 100; len(shares) > 0 && ts.limit-len(ts.over) <= room; {
		most := &shares[0]
		ts.drop(most.node, 1)
		if most.list = ts.from[most.node]; len(most.list) == 0 {
			heap.Pop(&shares)
			continue
		}
		heap.Fix(&shares, 0)
	}
}

// share is what a node has of the tombstones, the oldest first: at least one.
type share struct {
	node string
	list []tombstone
}

// shares are a heap: the first is to give one up before the others.
type shares []share

func (s shares) Len() int      { return len(s) }
func (s shares) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *shares) Push(x any)   { *s = append(*s, x.(share)) }
func (s shares) Less(i, j int) bool {
	a, b := s[i], s[j]
	return cmp.Or(cmp.Compare(len(b.list), len(a.list)), a.list[0].Over.Compare(b.list[0].Over), cmp.Compare(a.node, b.node)) < 0
}

func (s *shares) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// drop forgets the oldest ones of a node.
func (ts *tombstones) drop(node string, n int) {
	for _, t := range ts.from[node][:n] {
		if ts.over[t.Key].Equal(t.Over) { // or else there is a later one
			delete(ts.over, t.Key)
		}
	}
	if ts.from[node] = ts.from[node][n:]; len(ts.from[node]) == 0 {
		delete(ts.from, node)
	}
}

// all returns all, the oldest first.
func (ts *tombstones) all() []tombstone {
	list := slices.Concat(slices.Collect(maps.Values(ts.from))...)
	slices.SortFunc(list, func(a, b tombstone) int { return cmp.Or(a.Over.Compare(b.Over), cmp.Compare(a.Key, b.Key)) })
	return list
}
