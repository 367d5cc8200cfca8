package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Light in fibre: about two thirds of its speed in a vacuum.
const (
	fibreKmPerMs  = 200
	minFibreDelay = 100 * time.Microsecond
)

// FibreDelay returns how long light in fibre takes for a distance, at least
// 0.1 ms (equipment takes time too) and in whole 10 us.
func FibreDelay(km float64) time.Duration {
	d := time.Duration(km / fibreKmPerMs * float64(time.Millisecond))
	return max(d.Round(10*time.Microsecond), minFibreDelay)
}

// Defaults and bounds of Waxman.
const (
	defaultBeta = 0.1
	defaultSide = 1000 // km
	maxBeta     = 1000
	maxSide     = 40_000 // km
	// maxWaxman bounds the time that it takes: every pair of nodes is looked at.
	maxWaxman = 20_000
)

type point struct{ x, y float64 } // km

func (p point) distance(q point) float64 { return math.Hypot(p.x-q.x, p.y-q.y) }

// waxman puts nodes on a square and links two of them with the probability
// alpha*exp(-distance/(beta*diagonal)); then it adds the fewest links that make
// the graph connected, each the shortest from a part to those before it.
func (g *Generate) waxman(r *rand.Rand) (layout, error) {
	if g.Nodes > maxWaxman {
		return layout{}, fmt.Errorf("%d nodes would take too long, at most %d are possible", g.Nodes, maxWaxman)
	}
	side := orDefault(g.Side, defaultSide)
	at := make([]point, g.Nodes)
	for i := range at {
		at[i] = point{side * r.Float64(), side * r.Float64()}
	}
	reach := orDefault(g.Beta, defaultBeta) * side * math.Sqrt2
	weight := func(i, k int) float64 { return math.Exp(-at[i].distance(at[k]) / reach) }
	sum := 0.0
	for k := range at {
		for i := range k {
			sum += weight(i, k)
		}
	}
	alpha := g.Alpha
	if alpha == 0 {
		alpha = min(1, meanDegree*float64(g.Nodes)/2/sum)
	}
	if alpha*sum > MaxLinks {
		return layout{}, fmt.Errorf("there would be about %.0f links, at most %d are possible: lower alpha or beta", alpha*sum, MaxLinks)
	}
	var edges []edge
	for k := range at {
		for i := range k {
			if r.Float64() < alpha*weight(i, k) {
				edges = append(edges, edge{i, k})
			}
		}
	}
	edges = join(g.Nodes, edges, func(part, joined []int) edge { return shortest(at, part, joined) })
	delay := func(e edge) time.Duration { return FibreDelay(at[e[0]].distance(at[e[1]])) }
	return layout{ids: numbered(g.Nodes), edges: edges, delay: delay}, nil
}

func shortest(at []point, part, others []int) edge {
	best, least := edge{}, math.Inf(1)
	for _, i := range part {
		for _, k := range others {
			if d := at[i].distance(at[k]); d < least {
				best, least = newEdge(i, k), d
			}
		}
	}
	return best
}
