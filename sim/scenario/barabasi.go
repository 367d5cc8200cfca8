package scenario

import (
	"fmt"
	"math/rand/v2"
)

// barabasiAlbert grows a graph from links+1 nodes that are all linked: each node
// that comes links to as many others as links says, each drawn with a
// probability in proportion to the links that it has.
func barabasiAlbert(n, links int, r *rand.Rand) ([]edge, error) {
	switch {
	case links >= n:
		return nil, fmt.Errorf("degree %d needs more than %d nodes", links, n)
	case n*links > MaxLinks:
		return nil, fmt.Errorf("%d nodes that bring %d links each have more than the %d links that are possible", n, links, MaxLinks)
	}
	edges, err := hub(links+1, links+1)
	if err != nil {
		return nil, err
	}
	// A node is in ends once for each of its links.
	ends := make([]int, 0, 2*n*links)
	for _, e := range edges {
		ends = append(ends, e[0], e[1])
	}
	chosenBy := make([]int, n)
	for newcomer := links + 1; newcomer < n; newcomer++ {
		before := len(ends)
		for range links {
			other := ends[r.IntN(before)]
			for chosenBy[other] == newcomer {
				other = ends[r.IntN(before)]
			}
			chosenBy[other] = newcomer
			edges = append(edges, edge{other, newcomer})
			ends = append(ends, other, newcomer)
		}
	}
	return edges, nil
}
