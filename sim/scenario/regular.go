package scenario

import (
	"fmt"
	"math/rand/v2"
)

// regularAttempts bounds the tries of randomRegular. One fails with a
// probability well below a half at any size and degree that it accepts.
const regularAttempts = 200

// randomRegular draws a connected graph of n nodes with the given number of
// links each, by the method of Steger and Wormald: join random free ends as
// long as that makes no loop and no second link, and begin anew when stuck.
func randomRegular(n, degree int, r *rand.Rand) ([]edge, error) {
	switch {
	case degree < 3:
		return nil, fmt.Errorf("degree %d is not at least 3 (with 2, a connected one is a ring)", degree)
	case degree >= n:
		return nil, fmt.Errorf("degree %d needs more than %d nodes", degree, n)
	case n*degree%2 != 0:
		return nil, fmt.Errorf("%d nodes of degree %d have an odd number of ends: make one of the two even", n, degree)
	case n*degree/2 > MaxLinks:
		return nil, fmt.Errorf("%d nodes of degree %d have %d links, at most %d are possible", n, degree, n*degree/2, MaxLinks)
	}
	for range regularAttempts {
		edges, ok := joinEnds(n, degree, r)
		if ok && connected(n, edges) {
			return edges, nil
		}
	}
	return nil, fmt.Errorf("no connected graph of %d nodes of degree %d found in %d attempts", n, degree, regularAttempts)
}

func joinEnds(n, degree int, r *rand.Rand) ([]edge, bool) {
	free := make([]int, 0, n*degree)
	for i := range n * degree {
		free = append(free, i/degree)
	}
	have := make(map[edge]bool, n*degree/2)
	edges := make([]edge, 0, n*degree/2)
	failures := 0
	for len(free) > 0 {
		i, k := r.IntN(len(free)), r.IntN(len(free))
		e := newEdge(free[i], free[k])
		if e[0] == e[1] || have[e] {
			// Few ends are left when this happens often: no pair of them may fit.
			if failures++; failures > 100+10*degree*degree {
				return nil, false
			}
			continue
		}
		failures = 0
		have[e] = true
		edges = append(edges, e)
		for _, at := range [2]int{max(i, k), min(i, k)} {
			free[at] = free[len(free)-1]
			free = free[:len(free)-1]
		}
	}
	return edges, true
}
