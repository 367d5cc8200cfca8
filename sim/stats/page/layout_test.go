package page

import (
	"math"
	"slices"
	"testing"
)

func links(pairs ...[2]int32) [][2]int32 { return pairs }

func ring(n int) (list [][2]int32) {
	for i := range n {
		list = append(list, [2]int32{int32(i), int32((i + 1) % n)})
	}
	return list
}

// In the drawing of a ring, neighbours are close to each other, and nobody lies
// on another.
func TestLayoutOfARing(t *testing.T) {
	t.Parallel()
	const n = 30
	d := draw(n, ring(n), side)
	distance := func(a, b int) float64 {
		return math.Hypot(float64(d.at[a][0]-d.at[b][0]), float64(d.at[a][1]-d.at[b][1]))
	}
	longest := 0.0
	for i := range n {
		longest = max(longest, distance(i, (i+1)%n))
		if across := distance(i, (i+n/2)%n); across < side/2 {
			t.Errorf("nodes %d and %d, at opposite sides, are drawn %.0f apart", i, (i+n/2)%n, across)
		}
	}
	if longest > side/4 {
		t.Errorf("a link is %.0f long", longest)
	}
}

func TestLayoutsAreFiniteDistinctAndTheSameEachTime(t *testing.T) {
	t.Parallel()
	var star [][2]int32
	for i := range 50 {
		star = append(star, [2]int32{0, int32(i + 1)})
	}
	for name, c := range map[string]struct {
		nodes int
		links [][2]int32
	}{
		"one":      {1, nil},
		"two":      {2, links([2]int32{0, 1})},
		"no links": {20, nil},
		"star":     {51, star},
		"islands":  {60, ring(30)},
		"ring":     {1000, ring(1000)},
	} {
		d := draw(c.nodes, c.links, side)
		seen := make(map[[2]int]bool)
		for i, at := range d.at {
			if at[0] < 0 || at[0] > side || at[1] < 0 || at[1] > side {
				t.Errorf("%s: node %d is drawn at %v", name, i, at)
			}
			seen[at] = true
		}
		if len(seen) < c.nodes*9/10 {
			t.Errorf("%s: %d nodes are drawn at %d points", name, c.nodes, len(seen))
		}
		if again := draw(c.nodes, c.links, side); !slices.Equal(d.at, again.at) {
			t.Errorf("%s: two drawings differ", name)
		}
	}
}

func TestGroupsAreEvenAndComplete(t *testing.T) {
	t.Parallel()
	const n = 5000
	d := draw(n, ring(n), side)
	if !d.grouped || len(d.members) > maxGroups || len(d.members) < maxGroups/2 {
		t.Fatalf("%d groups", len(d.members))
	}
	seen := make([]bool, n)
	for place, members := range d.members {
		if len(members) > 2*n/maxGroups {
			t.Errorf("group %d has %d nodes", place, len(members))
		}
		for _, node := range members {
			if seen[node] || int(d.placeOf[node]) != place {
				t.Fatalf("node %d is in group %d and in %d", node, place, d.placeOf[node])
			}
			seen[node] = true
		}
	}
	if slices.Contains(seen, false) {
		t.Error("a node is in no group")
	}
	for i, l := range ring(n) {
		within := d.placeOf[l[0]] == d.placeOf[l[1]]
		if within != (d.edgeOf[i] < 0) {
			t.Fatalf("link %v has edge %d", l, d.edgeOf[i])
		}
	}
}
