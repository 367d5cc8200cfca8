package scenario

// edge joins two nodes by number, the lower one first.
type edge [2]int

func newEdge(a, b int) edge { return edge{min(a, b), max(a, b)} }

// Parts returns the connected parts of the mesh as indices of its nodes, in
// ascending order, the part of the first node first. A link whose ends are not
// both nodes joins nothing.
func (s *Scenario) Parts() [][]int {
	number := make(map[string]int, len(s.Nodes))
	for i, n := range s.Nodes {
		number[n.ID] = i
	}
	edges := make([]edge, 0, len(s.Links))
	for _, l := range s.Links {
		from, fromOK := number[l.From]
		to, toOK := number[l.To]
		if fromOK && toOK {
			edges = append(edges, edge{from, to})
		}
	}
	return parts(len(s.Nodes), edges)
}

// parts returns the connected parts of a graph of n nodes, ordered by their
// lowest node.
func parts(n int, edges []edge) [][]int {
	parent := make([]int, n)
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for _, e := range edges {
		parent[root(e[0])] = root(e[1])
	}
	var all [][]int
	at := make(map[int]int)
	for i := range n {
		k, known := at[root(i)]
		if !known {
			k = len(all)
			at[root(i)] = k
			all = append(all, nil)
		}
		all[k] = append(all[k], i)
	}
	return all
}

func connected(n int, edges []edge) bool { return len(parts(n, edges)) == 1 }
