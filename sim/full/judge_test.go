package full

import (
	"testing"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

func TestJudge(t *testing.T) {
	submitted, ran := eventlog.Event{Kind: eventlog.Submitted, Unit: 1}, eventlog.Event{Kind: eventlog.Ran, Unit: 1}
	seen, end := eventlog.Event{Kind: eventlog.Seen, Unit: 1, Text: "Succeeded"}, eventlog.Event{Kind: eventlog.End}
	released, left := eventlog.Event{Kind: eventlog.Released, Unit: 1}, eventlog.Event{Kind: eventlog.Left, Text: "x"}
	wrong, failed := seen, seen
	wrong.Problem, failed.Text = "differs", "Failed"
	for name, c := range map[string]struct {
		log  []eventlog.Event
		want int
	}{
		"all is well":        {[]eventlog.Event{submitted, ran, seen, released, end}, 0},
		"ran twice":          {[]eventlog.Event{submitted, ran, ran, seen, end}, 1},
		"never ran":          {[]eventlog.Event{submitted, seen, end}, 1},
		"wrong bytes":        {[]eventlog.Event{submitted, ran, wrong, end}, 1},
		"failed with exit 0": {[]eventlog.Event{submitted, ran, failed, end}, 1},
		"not terminal":       {[]eventlog.Event{submitted, ran, end}, 1},
		"left after release": {[]eventlog.Event{submitted, ran, seen, released, left, end}, 1},
		"the log is cut":     {[]eventlog.Event{submitted, ran, seen}, 1},
		"left, not released": {[]eventlog.Event{submitted, ran, seen, left, end}, 0},
		"failed, unpromised": {[]eventlog.Event{ran, failed, released, end}, 0},
	} {
		j := newJudge(&scenario.Scenario{Units: []scenario.Unit{{From: "a", To: "b"}}, Expect: scenario.Expect{LostPings: -1}})
		for _, e := range c.log {
			j.take(e)
		}
		j.finish(time.Second, "")
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}
