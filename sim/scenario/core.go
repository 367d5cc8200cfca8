package scenario

import (
	"slices"
	"strings"
)

// Cores returns the parts of the mesh that must recover in the end: the nodes of
// the action Settle, or all if there is none, by those links between them that no
// certificate keeps apart at last. They are sorted, and so are the node IDs in each.
func (s *Scenario) Cores() [][]string {
	var nodes []string
	for _, n := range s.Nodes {
		nodes = append(nodes, n.ID)
	}
	for _, a := range s.Timeline {
		if a.Do == Settle {
			nodes = slices.Clone(a.Nodes)
		}
	}
	slices.SortFunc(nodes, strings.Compare)
	part := make(map[string]int, len(nodes)) // named by the first node's place
	for i, id := range nodes {
		part[id] = i
	}
	for _, l := range s.Links {
		from, ok := part[l.From]
		to, also := part[l.To]
		if !ok || !also || s.endsRefused(l) {
			continue
		}
		for _, id := range nodes {
			if part[id] == max(from, to) {
				part[id] = min(from, to)
			}
		}
	}
	var cores [][]string
	for i := range nodes {
		var core []string
		for _, id := range nodes {
			if part[id] == i {
				core = append(core, id)
			}
		}
		if len(core) > 0 {
			cores = append(cores, core)
		}
	}
	return cores
}

// Joined reports whether two nodes are in the same of some cores.
func Joined(cores [][]string, a, b string) bool {
	return slices.ContainsFunc(cores, func(core []string) bool { return slices.Contains(core, a) && slices.Contains(core, b) })
}
