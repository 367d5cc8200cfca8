package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// meanDegree is the number of links that a node has on average where a kind
// draws links and its parameters leave open how many.
const meanDegree = 4

// erdosRenyi links each pair of n nodes with probability p, then adds the fewest
// links that make the graph connected, between random nodes.
func erdosRenyi(n int, p float64, r *rand.Rand) ([]edge, error) {
	if p == 0 {
		p = min(1, meanDegree/float64(max(1, n-1)))
	}
	pairs := float64(n) * float64(n-1) / 2
	if p*pairs > MaxLinks {
		return nil, fmt.Errorf("%d nodes have about %.0f links with probability %v, at most %d are possible", n, p*pairs, p, MaxLinks)
	}
	return join(n, drawPairs(n, p, r), func(part, joined []int) edge {
		return newEdge(part[r.IntN(len(part))], joined[r.IntN(len(joined))])
	}), nil
}

// drawPairs draws each pair of nodes with probability p by the method of
// Batagelj and Brandes: how many pairs are left out before the next one has a
// geometric distribution, so the work is that of the links, not of the pairs.
func drawPairs(n int, p float64, r *rand.Rand) []edge {
	var edges []edge
	most := float64(n) * float64(n)
	low, high := -1, 1
	for high < n {
		skip := 0.0
		if p < 1 {
			skip = math.Floor(math.Log1p(-r.Float64()) / math.Log1p(-p))
		}
		if skip >= most {
			break
		}
		low += 1 + int(skip)
		for low >= high && high < n {
			low -= high
			high++
		}
		if high < n {
			edges = append(edges, edge{low, high})
		}
	}
	return edges
}

// join adds the fewest links that make a graph connected, one less than it has
// parts: each part but the first is linked to those before it where pick says.
func join(n int, edges []edge, pick func(part, joined []int) edge) []edge {
	all := parts(n, edges)
	joined := all[0]
	for _, part := range all[1:] {
		edges = append(edges, pick(part, joined))
		joined = append(joined, part...)
	}
	return edges
}
