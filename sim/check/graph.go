package check

import (
	"math"
	"slices"
	"time"
)

// Graph is the true mesh at one moment: the links whose wires carry frames.
type Graph struct {
	ids     []string
	index   map[string]int
	adj     [][]edge
	left    []bool        // nodes that are not there
	slowest time.Duration // delay of any link
	whole   bool          // all costs are whole numbers, so sums of them are exact
}

type edge struct {
	to    int
	cost  float64
	delay time.Duration
}

// NewGraph returns a graph without links. The node IDs must be distinct; they
// are numbered in the order given.
func NewGraph(ids []string) *Graph {
	g := &Graph{ids: ids, index: make(map[string]int, len(ids)), adj: make([][]edge, len(ids)), left: make([]bool, len(ids)), whole: true}
	for i, id := range ids {
		g.index[id] = i
	}
	return g
}

// Leave tells that a node, by number, is not there: it is down, or hears
// nothing. It must get no links, and what it believes is not judged.
func (g *Graph) Leave(a int) { g.left[a] = true }

// Link adds a link between two nodes, by number. delay is the most that a frame
// takes in either direction.
func (g *Graph) Link(a, b int, cost float64, delay time.Duration) {
	g.adj[a] = append(g.adj[a], edge{b, cost, delay})
	g.adj[b] = append(g.adj[b], edge{a, cost, delay})
	g.slowest = max(g.slowest, delay)
	g.whole = g.whole && cost == math.Trunc(cost) && cost < 1<<32
}

// Paths answers questions about the least-cost paths of a graph that no longer
// changes. Answers are computed when first asked for, and kept.
type Paths struct {
	g       *Graph
	parts   []int       // by node: a number of the component that it is in
	costs   [][]float64 // from and to; +Inf: no path
	hops    [][]int32   // from and to: most links on any of the least-cost paths
	longest int         // most links on any of the paths computed so far
	right   []Record    // by node: one that was found to be right
}

// NewPaths returns the paths of g.
func NewPaths(g *Graph) *Paths {
	n := len(g.ids)
	return &Paths{g: g, parts: g.components(), costs: make([][]float64, n), hops: make([][]int32, n), right: make([]Record, n)}
}

func (p *Paths) from(a int) []float64 {
	if p.costs[a] == nil {
		cost, order := p.g.leastCosts(a, byCost)
		p.costs[a] = cost
		p.longest = max(p.longest, int(slices.Max(p.g.mostHops(a, cost, order))))
	}
	return p.costs[a]
}

// Reachable reports whether there is a path from a to b.
func (p *Paths) Reachable(a, b int) bool { return p.parts[a] == p.parts[b] }

// MaxHops returns the most links that a least-cost path from a to b has.
func (p *Paths) MaxHops(a, b int) int {
	if p.hops[a] == nil {
		cost, order := p.g.leastCosts(a, byCost)
		p.hops[a] = p.g.mostHops(a, cost, order)
	}
	return int(p.hops[a][b])
}

// Travel returns how long a datagram from a to b takes at most, on any of the
// least-cost paths.
func (p *Paths) Travel(a, b int) time.Duration {
	return time.Duration(p.MaxHops(a, b)) * p.g.slowest
}

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
	direct = p.from(a)[b]
	for _, e := range p.g.adj[a] {
		if e.to == via {
			return direct, e.cost + p.from(via)[b], true
		}
	}
	return direct, math.Inf(1), false
}

// same compares costs that were added up in different orders.
func same(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// components numbers the components of the graph.
func (g *Graph) components() []int {
	const none = -1
	parts := make([]int, len(g.ids))
	for i := range parts {
		parts[i] = none
	}
	var open []int
	for first := range parts {
		if parts[first] != none {
			continue
		}
		parts[first] = first
		open = append(open, first)
		for len(open) > 0 {
			a := open[len(open)-1]
			open = open[:len(open)-1]
			for _, e := range g.adj[a] {
				if parts[e.to] == none {
					parts[e.to] = first
					open = append(open, e.to)
				}
			}
		}
	}
	return parts
}

// Weights of an edge.
func byCost(e edge) float64  { return e.cost }
func byDelay(e edge) float64 { return float64(e.delay) }
func byLinks(edge) float64   { return 1 }

// leastCosts is Dijkstra's algorithm from one node, with a weight of edges:
// +Inf where no path leads. It returns also the nodes that are reached, in the
// order of costs.
func (g *Graph) leastCosts(from int, weight func(edge) float64) (cost []float64, order []int) {
	cost = make([]float64, len(g.ids))
	for i := range cost {
		cost[i] = math.Inf(1)
	}
	cost[from] = 0
	open := frontier{{0, from}}
	for len(open) > 0 {
		at := open.pop()
		if at.cost > cost[at.node] {
			continue // it was reached at less
		}
		order = append(order, at.node)
		for _, e := range g.adj[at.node] {
			if c := at.cost + weight(e); c < cost[e.to] {
				cost[e.to] = c
				open.push(reached{c, e.to})
			}
		}
	}
	return cost, order
}

// mostHops returns the most links on any of the least-cost paths from a node,
// which leastCosts has found.
func (g *Graph) mostHops(from int, cost []float64, order []int) []int32 {
	hops := make([]int32, len(cost))
	for _, a := range order {
		for _, e := range g.adj[a] {
			if e.to != from && same(cost[a]+e.cost, cost[e.to]) {
				hops[e.to] = max(hops[e.to], hops[a]+1)
			}
		}
	}
	return hops
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
