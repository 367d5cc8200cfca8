package linkstate

import (
	"math"
	"slices"
	"time"
)

// Route is how a node is reached.
type Route struct {
	Node string
	// Hash stands for Node in data frames.
	Hash uint64
	// Via is the peer to send to, "" when the node cannot be reached.
	Via string
	// Cost is that of the whole path; infinite when there is none.
	Cost float64
}

// spf is the working memory of a shortest-path computation, kept between runs.
type spf struct {
	cost []float64
	via  []int32
	done []bool
	heap []int32
	pos  []int32 // of a slot in heap, -1 when it is not there
}

const nowhere = -1

// Routes computes the least-cost routes to all other nodes on record (Dijkstra)
// and appends them to buf, in no particular order. Among paths of equal cost
// the one whose first hop has the smallest node ID is taken. now dates the
// moment from which nodes are unreachable, for Forget.
//
// A connection counts when both its ends list it, at the greater of the two
// costs; the owner's own links count when it lists them.
func (db *DB) Routes(now time.Time, buf []Route) []Route {
	s := &db.spf
	s.reset(len(db.nodes))
	s.cost[self] = 0
	db.push(self)
	for len(s.heap) > 0 {
		u := db.pop()
		s.done[u] = true
		for _, e := range db.nodes[u].edges {
			cost := e.cost
			if u != self {
				back, listed := db.lists(e.to, u)
				if !listed {
					continue
				}
				cost = max(cost, back)
			}
			via := s.via[u]
			if u == self {
				via = e.to
			}
			db.relax(e.to, s.cost[u]+cost, via)
		}
	}
	for i := range db.nodes {
		n := &db.nodes[i]
		if i == self || !n.known && s.via[i] == nowhere {
			continue
		}
		r := Route{Node: n.id, Hash: n.hash, Cost: s.cost[i]}
		if s.via[i] != nowhere {
			r.Via = db.nodes[s.via[i]].id
			n.lost = time.Time{}
		} else if n.lost.IsZero() {
			n.lost = now
		}
		buf = append(buf, r)
	}
	return buf
}

// lists returns the cost at which a node lists a connection to another.
func (db *DB) lists(from, to int32) (float64, bool) {
	edges := db.nodes[from].edges
	k, found := slices.BinarySearchFunc(edges, to, func(e edge, to int32) int { return int(e.to) - int(to) })
	if !found {
		return 0, false
	}
	return edges[k].cost, true
}

func (db *DB) relax(v int32, cost float64, via int32) {
	s := &db.spf
	switch {
	case s.done[v] || cost > s.cost[v] || math.IsInf(cost, 1):
		return
	case cost == s.cost[v]:
		if db.nodes[via].id < db.nodes[s.via[v]].id {
			s.via[v] = via
		}
	default:
		s.cost[v], s.via[v] = cost, via
		db.push(v)
	}
}

func (s *spf) reset(n int) {
	s.cost = slices.Grow(s.cost[:0], n)[:n]
	s.via = slices.Grow(s.via[:0], n)[:n]
	s.done = slices.Grow(s.done[:0], n)[:n]
	s.pos = slices.Grow(s.pos[:0], n)[:n]
	s.heap = s.heap[:0]
	for i := range n {
		s.cost[i], s.via[i], s.done[i], s.pos[i] = math.Inf(1), nowhere, false, nowhere
	}
}

// push adds a slot to the heap, or moves it up after its cost has fallen.
func (db *DB) push(v int32) {
	s := &db.spf
	i := s.pos[v]
	if i == nowhere {
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

// pop removes the slot of least cost. Which of several does not matter: costs
// are positive, so neither can improve the other.
func (db *DB) pop() int32 {
	s := &db.spf
	top := s.heap[0]
	last := s.heap[len(s.heap)-1]
	s.heap = s.heap[:len(s.heap)-1]
	s.pos[top] = nowhere
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
