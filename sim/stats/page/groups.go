package page

import (
	"cmp"
	"slices"
)

// Limits of a drawing. A mesh beyond them is drawn as groups.
const (
	maxNodes = 1000
	maxLinks = 8000
	// maxGroups keeps the links between all groups below maxLinks.
	maxGroups = 120
)

// drawing is what the page draws: places, each with one node or many, and edges
// between them, each with one link or many.
type drawing struct {
	members [][]int32 // nodes, by place
	placeOf []int32   // by node
	edges   [][2]int32
	edgeOf  []int32 // by link; -1 within a place
	at      [][2]int
	grouped bool
}

// draw places a mesh of so many nodes in a square with this side.
func draw(nodes int, links [][2]int32, side float64) *drawing {
	d := &drawing{placeOf: make([]int32, nodes), grouped: nodes > maxNodes || len(links) > maxLinks}
	points := newGraph(nodes, links).place()
	if d.grouped {
		all := make([]int32, nodes)
		for i := range all {
			all[i] = int32(i)
		}
		d.split(all, points, maxGroups)
		for place, members := range d.members {
			for _, node := range members {
				d.placeOf[node] = int32(place)
			}
		}
	} else {
		for i := range nodes {
			d.members = append(d.members, []int32{int32(i)})
			d.placeOf[i] = int32(i)
		}
	}
	d.connect(links)
	centers := make([]point, len(d.members))
	for place, members := range d.members {
		for _, node := range members {
			centers[place] = centers[place].plus(points[node].times(1 / float64(len(members))))
		}
	}
	spread(centers)
	newGraph(len(centers), d.edges).refine(centers, steps(len(centers)))
	d.at = fit(centers, side)
	return d
}

// steps bounds the time that a refinement takes: each step looks at all pairs.
func steps(places int) int { return max(60, min(400, 60_000/max(places, 1))) }

// split makes at most so many groups of nodes that lie together, of about the
// same size.
func (d *drawing) split(nodes []int32, points []point, groups int) {
	if len(nodes) == 0 {
		return
	}
	if groups == 1 || len(nodes) == 1 {
		slices.Sort(nodes)
		d.members = append(d.members, nodes)
		return
	}
	low, high := bounds(func(yield func(point) bool) {
		for _, node := range nodes {
			if !yield(points[node]) {
				return
			}
		}
	})
	vertical := high.y-low.y > high.x-low.x
	slices.SortFunc(nodes, func(a, b int32) int {
		return cmp.Or(cmp.Compare(points[a].axis(vertical), points[b].axis(vertical)), cmp.Compare(a, b))
	})
	left := groups / 2
	cut := len(nodes) * left / groups
	d.split(nodes[:cut], points, left)
	d.split(nodes[cut:], points, groups-left)
}

// connect makes one edge of all links between two places.
func (d *drawing) connect(links [][2]int32) {
	known := make(map[[2]int32]int32)
	for _, l := range links {
		ends := [2]int32{d.placeOf[l[0]], d.placeOf[l[1]]}
		if ends[0] == ends[1] {
			d.edgeOf = append(d.edgeOf, -1)
			continue
		}
		if ends[0] > ends[1] {
			ends[0], ends[1] = ends[1], ends[0]
		}
		edge, ok := known[ends]
		if !ok {
			edge = int32(len(d.edges))
			known[ends] = edge
			d.edges = append(d.edges, ends)
		}
		d.edgeOf = append(d.edgeOf, edge)
	}
}
