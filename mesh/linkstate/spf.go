package linkstate

import (
	"math"
	"slices"
	"time"
)

// Hop is how the owner of a database reaches a node.
type Hop uint16

// Hops. FirstLink+k is the k-th of the owner's links, counted from 0 in the
// order of peer IDs.
const (
	NotOnRecord Hop = iota
	Unreachable
	FirstLink
)

// Link returns the number of the link by which the node is reached.
func (h Hop) Link() (k int, ok bool) { return int(h) - int(FirstLink), h >= FirstLink }

// spf is the working memory of a shortest-path computation, kept between runs.
type spf struct {
	cost []float64
	hop  []Hop
	heap []int32
	pos  []int32 // of a number in heap, or one of the values below
}

// Values of pos for a number that is not in the heap.
const (
	unseen  = -1
	settled = -2
)

// Routes computes the least-cost routes to all other nodes (Dijkstra), and
// returns the hop to each by its number in the pool; the owner has none to
// itself. The answer is working memory of the pool, good until the next call.
// Among paths of equal cost the one whose first hop has the smallest node ID is
// taken. now dates the moment from which nodes are unreachable, for Forget.
//
// A connection counts when both its ends list it, at the greater of the two
// costs; the owner's own links count when it lists them.
func (db *DB) Routes(now time.Time) []Hop {
	db.shortestPaths()
	db.lost = db.losses(now)
	db.version++
	return db.pool.spf.hop
}

// Costs returns what the least-cost routes to nodes cost, +Inf where there is
// none. It computes all routes, and overwrites what Routes has returned.
func (db *DB) Costs(nodes []string) []float64 {
	db.shortestPaths()
	costs := make([]float64, len(nodes))
	for k, id := range nodes {
		costs[k] = math.Inf(1)
		if i, ok := db.pool.index[id]; ok && i != db.self {
			costs[k] = db.pool.spf.cost[i]
		}
	}
	return costs
}

func (db *DB) shortestPaths() {
	s := &db.pool.spf
	s.reset(len(db.pool.names))
	s.pos[db.self] = settled
	for k, e := range db.links {
		s.relax(e.to, e.cost, FirstLink+Hop(k))
	}
	for len(s.heap) > 0 {
		i := s.pop()
		u := db.record(i)
		if u == nil {
			continue
		}
		for _, e := range u.edges {
			if s.pos[e.to] == settled {
				continue
			}
			to := db.record(e.to)
			if to == nil {
				continue
			}
			if back, listed := to.cost(i); listed {
				s.relax(e.to, s.cost[i]+max(e.cost, back), s.hop[i])
			}
		}
	}
}

// losses marks the records of nodes to which there is no route, and returns
// them.
func (db *DB) losses(now time.Time) []loss {
	var lost []loss
	was := db.lost
	for k, u := range db.records {
		i := int32(k)
		if u == nil || i == db.self || db.pool.spf.hop[i] != NotOnRecord {
			continue
		}
		db.pool.spf.hop[i] = Unreachable
		for len(was) > 0 && was[0].node < i {
			was = was[1:]
		}
		l := loss{node: i, since: now}
		if len(was) > 0 && was[0].node == i {
			l = was[0]
		}
		lost = append(lost, l)
	}
	return lost
}

func (s *spf) reset(n int) {
	s.cost = slices.Grow(s.cost[:0], n)[:n]
	s.hop = slices.Grow(s.hop[:0], n)[:n]
	s.pos = slices.Grow(s.pos[:0], n)[:n]
	s.heap = s.heap[:0]
	for i := range n {
		s.cost[i], s.hop[i], s.pos[i] = math.Inf(1), NotOnRecord, unseen
	}
}

// relax takes in a path to a node. Of two hops the smaller is that of the
// smaller peer ID.
func (s *spf) relax(v int32, cost float64, by Hop) {
	switch {
	case s.pos[v] == settled || cost > s.cost[v] || math.IsInf(cost, 1):
		return
	case cost == s.cost[v]:
		s.hop[v] = min(s.hop[v], by)
	default:
		s.cost[v], s.hop[v] = cost, by
		s.push(v)
	}
}

// push adds a number to the heap, or moves it up after its cost has fallen.
func (s *spf) push(v int32) {
	i := s.pos[v]
	if i == unseen {
		i = int32(len(s.heap))
		s.heap = append(s.heap, v)
	}
	for i > 0 {
		parent := (i - 1) / 2
		if s.cost[s.heap[parent]] <= s.cost[v] {
			break
		}
		s.place(i, s.heap[parent])
		i = parent
	}
	s.place(i, v)
}

// pop removes the number of least cost. Which of several does not matter: costs
// are positive, so neither can improve the other.
func (s *spf) pop() int32 {
	top := s.heap[0]
	last := s.heap[len(s.heap)-1]
	s.heap = s.heap[:len(s.heap)-1]
	s.pos[top] = settled
	n := int32(len(s.heap))
	if n == 0 {
		return top
	}
	i := int32(0)
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && s.cost[s.heap[child+1]] < s.cost[s.heap[child]] {
			child++
		}
		if s.cost[last] <= s.cost[s.heap[child]] {
			break
		}
		s.place(i, s.heap[child])
		i = child
	}
	s.place(i, last)
	return top
}

func (s *spf) place(i, v int32) {
	s.heap[i] = v
	s.pos[v] = i
}
