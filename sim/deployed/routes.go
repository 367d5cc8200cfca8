package deployed

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"

	"receptor/mesh"
)

// computeRoutes computes the next hops anew (Dijkstra). An edge counts as soon
// as the node that it leaves lists it; that the other end does too is left to
// the edits of apply. Among paths of equal cost deployed nodes take one by the
// order of a map, and perhaps another the next time: here it is drawn.
func (n *Node) computeRoutes() {
	t := tree{reached: map[string]*reached{n.id: {id: n.id}}}
	heap.Push(&t.open, t.reached[n.id])
	for len(t.open) > 0 {
		at := heap.Pop(&t.open).(*reached)
		at.done = true
		for _, to := range slices.Sorted(maps.Keys(n.costs[at.id])) {
			if _, recorded := n.costs[to]; recorded {
				n.relax(&t, at, to, n.costs[at.id][to])
			}
		}
	}
	before := n.routes
	n.routes = make(map[string]string, len(t.reached))
	var changed mesh.RoutesChanged
	for _, id := range slices.Sorted(maps.Keys(t.reached)) {
		if id == n.id {
			continue
		}
		n.routes[id] = t.reached[id].via
		changed.Reachable++
		if before[id] == "" {
			changed.Gained = append(changed.Gained, id)
		}
	}
	n.emit(changed)
}

// relax takes in a path to a node: by way of at, over one more edge.
func (n *Node) relax(t *tree, at *reached, to string, cost float64) {
	cost += at.cost
	r := t.reached[to]
	switch {
	case r == nil:
		r = &reached{id: to, cost: cost, paths: 1}
		t.reached[to] = r
		heap.Push(&t.open, r)
	case r.done || cost > r.cost:
		return
	case cost == r.cost:
		r.paths++
		if n.rand.IntN(r.paths) > 0 {
			return
		}
	default:
		r.cost, r.paths = cost, 1
		heap.Fix(&t.open, r.index)
	}
	r.via = at.via
	if at.id == n.id {
		r.via = to
	}
}

// tree is the state of Dijkstra's algorithm.
type tree struct {
	reached map[string]*reached
	open    frontier
}

// reached is a node to which a path is known.
type reached struct {
	id    string
	cost  float64
	via   string // next hop
	paths int    // of this cost, that were seen
	done  bool
	index int // in the frontier
}

// frontier is a heap of nodes that are not done, the cheapest first.
type frontier []*reached

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(f[i].cost, f[j].cost), cmp.Compare(f[i].id, f[j].id)) < 0
}
func (f frontier) Swap(i, j int) {
	f[i], f[j] = f[j], f[i]
	f[i].index, f[j].index = i, j
}
func (f *frontier) Push(x any) {
	r := x.(*reached)
	r.index = len(*f)
	*f = append(*f, r)
}
func (f *frontier) Pop() any {
	last := len(*f) - 1
	r := (*f)[last]
	*f = (*f)[:last]
	return r
}
