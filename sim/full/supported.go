package full

import (
	"fmt"
	"slices"
	"time"

	"receptor/sim/scenario"
)

// supported says what in a scenario this engine does not do.
func supported(s *scenario.Scenario) error {
	for _, v := range s.Services {
		if slices.Contains([]string{"control", "stream", "secure"}, v.Name) {
			return fmt.Errorf("the daemons of the full engine have a service %s of their own: give that of %s another name", v.Name, v.Node)
		}
	}
	// Of a deployed node there is the part that routes alone.
	for _, u := range s.Units {
		if id := oneOf(deployedOnes(s), u.From, u.To); id != "" {
			return fmt.Errorf("a unit of work from %s to %s: the model of the deployed node %s does no work; give it another end", u.From, u.To, id)
		}
	}
	for _, v := range s.Streams {
		if id := oneOf(deployedOnes(s), v.From, v.To); id != "" {
			return fmt.Errorf("a stream from %s to %s: the model of the deployed node %s has none; give it another end", v.From, v.To, id)
		}
	}
	for _, l := range s.Links {
		if id := oneOf(deployedOnes(s), l.From, l.To); l.TLS && id != "" {
			return fmt.Errorf("link %s: the model of the deployed node %s has no TLS: leave it out", l.Name(), id)
		}
	}
	return nil
}

// deployedOnes returns the IDs of the nodes that are deployed ones.
func deployedOnes(s *scenario.Scenario) (ids []string) {
	for _, n := range s.Nodes {
		if n.Kind == scenario.KindDeployed {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// oneOf returns the first of two that is among some, "" if neither is.
func oneOf(ids []string, first, second string) string {
	for _, id := range []string{first, second} {
		if slices.Contains(ids, id) {
			return id
		}
	}
	return ""
}

// shaken reports whether deployed nodes may never find all routes again: they do not
// recover from a doubt about who is who.
func shaken(s *scenario.Scenario) bool {
	return len(deployedOnes(s)) > 0 && slices.ContainsFunc(s.Timeline, func(a scenario.Action) bool {
		return a.Do == scenario.Duplicate || a.Do == scenario.Forge || a.Do == scenario.SetClock || a.OldEpoch ||
			a.Do == scenario.Restart || a.For > 0 && a.For <= time.Second // whose epoch need not be newer
	})
}
