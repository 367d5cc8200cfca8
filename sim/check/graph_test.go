package check

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Least costs and most hops must be those of a method that has nothing in
// common with Dijkstra's: relaxing every edge until nothing changes.
func TestLeastCostsAreThoseOfExhaustiveRelaxation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "nodes")
		g := NewGraph(make([]string, n))
		for range rapid.IntRange(0, 3*n).Draw(t, "links") {
			a, b := rapid.IntRange(0, n-1).Draw(t, "a"), rapid.IntRange(0, n-1).Draw(t, "b")
			if a != b {
				g.Link(a, b, float64(rapid.IntRange(1, 5).Draw(t, "cost")), 0)
			}
		}
		from := rapid.IntRange(0, n-1).Draw(t, "from")
		cost, hops := relax(g, from)
		p := NewPaths(g)
		for b := range n {
			if p.from(from)[b] != cost[b] || p.MaxHops(from, b) != hops[b] {
				t.Fatalf("from %d to %d: cost %v, %d hops at most; want %v, %d",
					from, b, p.from(from)[b], p.MaxHops(from, b), cost[b], hops[b])
			}
			if p.Reachable(from, b) == math.IsInf(cost[b], 1) {
				t.Fatalf("from %d to %d: reachable is %v at cost %v", from, b, p.Reachable(from, b), cost[b])
			}
		}
	})
}

func relax(g *Graph, from int) (cost []float64, hops []int) {
	cost, hops = make([]float64, len(g.ids)), make([]int, len(g.ids))
	for i := range cost {
		cost[i] = math.Inf(1)
	}
	cost[from] = 0
	for changed := true; changed; {
		changed = false
		for a := range g.adj {
			for _, e := range g.adj[a] {
				c, h := cost[a]+e.cost, hops[a]+1
				if c < cost[e.to] || c == cost[e.to] && !math.IsInf(c, 1) && h > hops[e.to] {
					cost[e.to], hops[e.to], changed = c, h, true
				}
			}
		}
	}
	return cost, hops
}

func TestBound(t *testing.T) {
	t.Parallel()
	line := NewGraph([]string{"a", "b", "c"})
	line.Link(0, 1, 1, 10*time.Millisecond)
	line.Link(1, 2, 1, 30*time.Millisecond)
	const crossing = 80 * time.Millisecond // twice from a to c
	const start = time.Second + 3*crossing + 2*(100*time.Millisecond+crossing) + 100*time.Millisecond
	const broken = 3 * time.Second
	for _, c := range []struct {
		name string
		c    Conditions
		want time.Duration
	}{
		{"start", Conditions{Broken: broken}, start},
		{"a wire is down", Conditions{Broken: broken, Down: true}, start + broken},
		{"a UDP-like wire is down", Conditions{Broken: broken, Down: true, Silent: true}, start + 30*time.Second},
		{"a link is dialled again to who may have been refused", Conditions{Broken: broken, Redial: true, Disputed: true}, start + broken + 120*time.Second + broken + 20*time.Second + 40*time.Second},
		{"a link is dialled again", Conditions{Broken: broken, Redial: true}, start + broken + 40*time.Second + broken + 20*time.Second},
		{"nodes have departed", Conditions{Broken: broken, Departures: true}, start + 2*time.Minute},
		{"there are deployed nodes", Conditions{Broken: broken, Deployed: true}, start + 10*time.Second + crossing},
		{"records are in doubt", Conditions{Broken: broken, Disputed: true}, start + 40*time.Second},
		// 4 links are to be crossed, each with a probability of 0.9^3: in all but 1e-6/9
		// of the cases before it has failed 16 times.
		{"UDP-like links lose frames", Conditions{Broken: broken, Loss: 0.1}, start + 11*time.Second + 16*4*time.Second},
		{"in bursts", Conditions{Broken: broken, Loss: 0.1, Burst: 2}, start + 11*time.Second + 3*16*4*time.Second},
		{"and a wire is down", Conditions{Broken: broken, Loss: 0.1, Down: true, Silent: true}, start + 11*time.Second + 16*4*time.Second + time.Minute},
		// One update in 0.9^4 gets through; 1e-6/9 is left after 16 of them.
		{"and there are deployed nodes", Conditions{Broken: broken, Loss: 0.1, Deployed: true}, start + 21*time.Second + crossing + 160*time.Second},
	} {
		if got := NewPaths(line).Bound(c.c); got != c.want {
			t.Errorf("%s: the bound is %v, want %v", c.name, got, c.want)
		}
	}
	if got := NewPaths(line).Crossing(); got != crossing {
		t.Errorf("crossing takes %v, want %v", got, crossing)
	}
}

func TestDiameterIsThatOfTheLargestComponent(t *testing.T) {
	t.Parallel()
	g := NewGraph([]string{"alone", "a", "b", "c"})
	g.Link(1, 2, 1, time.Second)
	g.Link(2, 3, 1, time.Second)
	delay, hops := g.diameter()
	if delay < 2*time.Second || hops < 2 {
		t.Errorf("diameter is %v and %d links, but a and c are 2s and 2 links apart", delay, hops)
	}
}

func TestTravelIsBounded(t *testing.T) {
	t.Parallel()
	g := NewGraph([]string{"a", "b", "c"})
	g.Link(0, 1, 1, 5*time.Millisecond)
	g.Link(1, 2, 1, 2*time.Millisecond)
	g.Link(0, 2, 9, time.Millisecond)
	if got := NewPaths(g).Travel(0, 2); got != 10*time.Millisecond {
		t.Errorf("over two links, of which one takes 5 ms, a datagram takes up to %v, want 10ms", got)
	}
}
