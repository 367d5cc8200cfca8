package full

import (
	"fmt"
	"slices"
	"time"

	"receptor/sim/scenario"
)

// supported says what in a scenario this engine does not do, and on which line.
func supported(s *scenario.Scenario) error {
	for _, v := range s.Services {
		if slices.Contains([]string{"control", "stream", "secure"}, v.Name) {
			return s.Refuse(v.Line(), "the daemons of the full engine have a service %s of their own: give that of %s another name", v.Name, v.Node)
		}
	}
	for _, u := range s.Units {
		if problem := unitProblem(s, u); problem != "" {
			return s.Refuse(u.Line(), "a unit of work from %s to %s: %s", u.From, u.To, problem)
		}
	}
	for _, v := range s.Streams {
		if problem := streamProblem(s, v); problem != "" {
			return s.Refuse(v.Line(), "a stream from %s to %s: %s", v.From, v.To, problem)
		}
	}
	for _, l := range s.Links {
		if id := oneOf(deployedOnes(s), l.From, l.To); l.TLS && id != "" {
			return s.Refuse(l.Line(), "link %s: the model of the deployed node %s has no TLS: leave it out", l.Name(), id)
		}
	}
	return nil
}

// unitProblem says what of a unit deployed nodes do not do here, or "".
func unitProblem(s *scenario.Scenario, u scenario.Unit) string {
	id := oneOf(deployedOnes(s), u.From, u.To)
	switch {
	case id == "":
	case u.From == id && u.CancelAt > 0 && u.ReleaseAt == 0:
		return fmt.Sprintf("the deployed node %s never ends the results of what is cancelled: give it release_at, too", id)
	case u.Children > 0:
		return fmt.Sprintf("the deployed node %s ends no process that the command has left: leave out children", id)
	case u.Signed || u.TLS != scenario.NoTLS:
		return fmt.Sprintf("the model of the deployed node %s has neither signatures nor TLS: leave out signed and tls", id)
	}
	return ""
}

// streamProblem says what of a stream deployed nodes do not do here, or "".
func streamProblem(s *scenario.Scenario, v scenario.Stream) string {
	id := oneOf(deployedOnes(s), v.From, v.To)
	switch {
	case id == "":
	case v.TLS != scenario.NoTLS:
		return fmt.Sprintf("the model of the deployed node %s has no TLS: leave out tls", id)
	case v.From == id && v.By == scenario.ByConnect:
		return fmt.Sprintf("the deployed node %s ends both directions of what it connects with the first: leave out by", id)
	}
	return ""
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
