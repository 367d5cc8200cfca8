package truth

import (
	"slices"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

// Size returns what the control traffic of a scenario depends on. Services are those
// of its workload.
func Size(s *scenario.Scenario) check.Size {
	size := check.Size{
		Nodes: len(s.Nodes), Links: len(s.Links), Services: len(s.Services),
		Lossy: slices.ContainsFunc(s.Links, func(l scenario.Link) bool { return l.Backend == scenario.UDP }),
	}
	for _, a := range s.Timeline {
		if a.Do == scenario.Duplicate { // which has a link to one of the others
			size.Nodes++
			size.Links++
		}
	}
	return size
}
