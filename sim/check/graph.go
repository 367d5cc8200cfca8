package check

import (
	"math"
	"slices"
	"time"
)

// Graph is the true mesh at one moment: the links whose wires carry frames.
type Graph struct {
	ids   []string
	index map[string]int
	adj   [][]edge
}

type edge struct {
	to    int
	cost  float64
	delay time.Duration
}

// NewGraph returns a graph without links. The node IDs must be distinct; they
// are numbered in the order given.
func NewGraph(ids []string) *Graph {
	g := &Graph{ids: ids, index: make(map[string]int, len(ids)), adj: make([][]edge, len(ids))}
	for i, id := range ids {
		g.index[id] = i
	}
	return g
}

// Link adds a link between two nodes, by number. delay is the most that a frame
// takes in either direction.
func (g *Graph) Link(a, b int, cost float64, delay time.Duration) {
	g.adj[a] = append(g.adj[a], edge{b, cost, delay})
	g.adj[b] = append(g.adj[b], edge{a, cost, delay})
}

// Paths answers questions about the least-cost paths of a graph that no longer
// changes. Answers are computed when first asked for, and kept.
type Paths struct {
	g       *Graph
	rows    []*row
	longest int // most links on any of the paths computed so far
}

// row has the least-cost paths from one node.
type row struct {
	cost []float64 // +Inf: no path
	hops []int32   // most links on any of the least-cost paths
}

// NewPaths returns the paths of g.
func NewPaths(g *Graph) *Paths { return &Paths{g: g, rows: make([]*row, len(g.ids))} }

func (p *Paths) from(a int) *row {
	if p.rows[a] == nil {
		p.rows[a] = p.g.leastCosts(a, func(e edge) float64 { return e.cost })
		p.longest = max(p.longest, int(slices.Max(p.rows[a].hops)))
	}
	return p.rows[a]
}

// Reachable reports whether there is a path from a to b.
func (p *Paths) Reachable(a, b int) bool { return !math.IsInf(p.from(a).cost[b], 1) }

// MaxHops returns the most links that a least-cost path from a to b has.
func (p *Paths) MaxHops(a, b int) int { return int(p.from(a).hops[b]) }

// Connected reports whether every node can reach every other.
func (p *Paths) Connected() bool {
	for b := range p.g.ids {
		if !p.Reachable(0, b) {
			return false
		}
	}
	return true
}

// nextHop returns the least cost from a to b, and that of the paths whose next
// hop is via; linked is false when a has no link there.
func (p *Paths) nextHop(a, via, b int) (direct, through float64, linked bool) {
	direct = p.from(a).cost[b]
	for _, e := range p.g.adj[a] {
		if e.to == via {
			return direct, e.cost + p.from(via).cost[b], true
		}
	}
	return direct, math.Inf(1), false
}

// same compares costs that were added up in different orders.
func same(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// leastCosts is Dijkstra's algorithm from one node, with a weight of edges.
func (g *Graph) leastCosts(from int, weight func(edge) float64) *row {
	r := &row{cost: make([]float64, len(g.ids)), hops: make([]int32, len(g.ids))}
	for i := range r.cost {
		r.cost[i] = math.Inf(1)
	}
	r.cost[from] = 0
	order := make([]int, 0, len(g.ids))
	done := make([]bool, len(g.ids))
	open := frontier{{0, from}}
	for len(open) > 0 {
		at := open.pop()
		if done[at.node] {
			continue
		}
		done[at.node] = true
		order = append(order, at.node)
		for _, e := range g.adj[at.node] {
			if c := at.cost + weight(e); c < r.cost[e.to] {
				r.cost[e.to] = c
				open.push(reached{c, e.to})
			}
		}
	}
	for _, a := range order {
		for _, e := range g.adj[a] {
			if e.to != from && same(r.cost[a]+weight(e), r.cost[e.to]) {
				r.hops[e.to] = max(r.hops[e.to], r.hops[a]+1)
			}
		}
	}
	return r
}

// reached is a node and the cost of a path to it.
type reached struct {
	cost float64
	node int
}

// frontier is a binary heap of reached nodes, the cheapest first.
type frontier []reached

func (f *frontier) push(x reached) {
	h := append(*f, x)
	*f = h
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].cost <= h[i].cost {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (f *frontier) pop() reached {
	h := *f
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	*f = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].cost < h[least].cost {
				least = child
			}
		}
		if least == i {
			return top
		}
		h[least], h[i] = h[i], h[least]
		i = least
	}
}
