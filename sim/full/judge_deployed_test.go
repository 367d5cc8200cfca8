package full

import (
	"testing"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// Of a unit on a deployed node more is forgiven, but not that it runs twice, or that its
// submitter is told less than is unknown.
func TestJudgeDeployed(t *testing.T) {
	submitted, ran := eventlog.Event{Kind: eventlog.Submitted, Unit: 1}, eventlog.Event{Kind: eventlog.Ran, Unit: 1}
	started, ended := eventlog.Event{Kind: eventlog.Started, Unit: 1, Text: eventlog.Command}, eventlog.Event{Kind: eventlog.Ended, Unit: 1, Text: eventlog.Command}
	released, end := eventlog.Event{Kind: eventlog.Released, Unit: 1}, eventlog.Event{Kind: eventlog.End}
	seen := func(state, detail string) eventlog.Event {
		return eventlog.Event{Kind: eventlog.Seen, Unit: 1, Text: state, Detail: detail}
	}
	good, unknown := seen("Succeeded", "exit status 0"), seen("Failed", "it is unknown whether it was started there")
	unsent, restart := seen("Failed", "the connection broke before it had all input"), seen("Failed", "Pending at restart")
	wrong := good
	wrong.Problem = "differs"
	at := func(k eventlog.Kind, node string) eventlog.Event { return eventlog.Event{Kind: k, Node: node} }
	left := eventlog.Event{Kind: eventlog.Left, Node: "B", Text: "x"}
	down := []scenario.Action{{Do: scenario.Down}}
	for name, c := range map[string]struct {
		timeline []scenario.Action
		log      []eventlog.Event
		want     int
	}{
		"all is well":               {nil, []eventlog.Event{submitted, ran, started, ended, good, released, end}, 0},
		"ran twice":                 {down, []eventlog.Event{submitted, ran, ran, good, released, end}, 1},
		"its disk was wiped, twice": {down, []eventlog.Event{submitted, ran, at(eventlog.Unsafe, "B"), ran, released, end}, 1},
		"ours was wiped, twice":     {down, []eventlog.Event{submitted, ran, at(eventlog.Unsafe, "a"), ran, released, end}, 0},
		"wrong bytes":               {down, []eventlog.Event{submitted, ran, wrong, released, end}, 1},
		"unknown, in calm":          {nil, []eventlog.Event{submitted, ran, unknown, released, end}, 1},
		"unknown":                   {down, []eventlog.Event{submitted, ran, unknown, released, left, end}, 0},
		"not sent":                  {down, []eventlog.Event{submitted, unsent, released, end}, 0},
		"not sent, and it ran":      {down, []eventlog.Event{submitted, ran, unsent, released, end}, 1},
		"not sent, and it runs":     {down, []eventlog.Event{submitted, unsent, ran, released, end}, 1},
		"failed without a reason":   {down, []eventlog.Event{submitted, ran, seen("Failed", "delivers only 1 byte"), released, end}, 1},
		"held for failed":           {down, []eventlog.Event{submitted, at(eventlog.Died, "B"), ran, started, restart, released, end}, 0},
		"gone, and it was up":       {down, []eventlog.Event{submitted, ran, seen("Failed", "Remote work unit is gone"), released, end}, 1},
		"still runs":                {down, []eventlog.Event{submitted, ran, started, good, released, ended, end}, 1},
		"left":                      {down, []eventlog.Event{submitted, ran, good, released, left, end}, 1},
		"no end":                    {down, []eventlog.Event{submitted, ran, end}, 1},
		"its power was lost":        {down, []eventlog.Event{submitted, ran, at(eventlog.PowerOff, "B"), end}, 0},
		"our power was lost":        {down, []eventlog.Event{submitted, ran, at(eventlog.PowerOff, "a"), end}, 1},
		"our disk was full":         {down, []eventlog.Event{at(eventlog.Impaired, "a"), submitted, seen("Failed", "no room"), released, end}, 0},
	} {
		j := newJudge(&scenario.Scenario{
			Nodes: []scenario.Node{{ID: "a"}, {ID: "B", Kind: scenario.KindDeployed}}, Links: []scenario.Link{{From: "a", To: "B"}},
			Units: []scenario.Unit{{From: "a", To: "B"}}, Timeline: c.timeline, Expect: scenario.Expect{LostPings: -1},
		})
		j.reached = map[string]string{"a": "B", "B": "a"}
		for _, e := range c.log {
			j.take(e)
		}
		j.finish(time.Second, "")
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}
