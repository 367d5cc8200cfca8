package full

import (
	"testing"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

func TestJudge(t *testing.T) {
	reached, back := eventlog.Event{Kind: eventlog.Reached, Node: "a", Text: "b"}, eventlog.Event{Kind: eventlog.Reached, Node: "b", Text: "a"}
	submitted, ran := eventlog.Event{Kind: eventlog.Submitted, Unit: 1}, eventlog.Event{Kind: eventlog.Ran, Unit: 1}
	seen, end := eventlog.Event{Kind: eventlog.Seen, Unit: 1, Text: "Succeeded"}, eventlog.Event{Kind: eventlog.End}
	released, left := eventlog.Event{Kind: eventlog.Released, Unit: 1}, eventlog.Event{Kind: eventlog.Left, Text: "x"}
	claiming := eventlog.Event{Kind: eventlog.Claiming, Unit: 1}
	powerOff, impaired := eventlog.Event{Kind: eventlog.PowerOff, Node: "b"}, eventlog.Event{Kind: eventlog.Impaired, Node: "a"}
	unsafe := eventlog.Event{Kind: eventlog.Unsafe, Node: "b"}
	wrong, failed := seen, seen
	wrong.Problem, failed.Text = "differs", "Failed"
	for name, c := range map[string]struct {
		log  []eventlog.Event
		want int
	}{
		"end taken back":     {[]eventlog.Event{submitted, ran, seen, {Kind: eventlog.Reverted, Unit: 1}, released, end}, 1},
		"back, disk lies":    {[]eventlog.Event{submitted, ran, seen, unsafe, {Kind: eventlog.Reverted, Unit: 1}, released, end}, 0},
		"released unseen":    {[]eventlog.Event{submitted, ran, released, end}, 0},
		"all is well":        {[]eventlog.Event{submitted, ran, seen, released, end}, 0},
		"ran twice":          {[]eventlog.Event{submitted, ran, ran, seen, released, end}, 1},
		"never ran":          {[]eventlog.Event{submitted, seen, released, end}, 1},
		"wrong bytes":        {[]eventlog.Event{submitted, ran, wrong, released, end}, 1},
		"failed with exit 0": {[]eventlog.Event{submitted, ran, failed, released, end}, 1},
		"has another name":   {[]eventlog.Event{submitted, {Kind: eventlog.Renamed, Unit: 1}, ran, seen, released, end}, 1},
		"lost its name":      {[]eventlog.Event{unsafe, submitted, {Kind: eventlog.Renamed, Unit: 1}, ran, seen, released, end}, 0},
		"not terminal":       {[]eventlog.Event{submitted, ran, end}, 1},
		"not released":       {[]eventlog.Event{submitted, ran, seen, end}, 1},
		"never submitted":    {[]eventlog.Event{end}, 1},
		"left after release": {[]eventlog.Event{submitted, ran, seen, released, left, end}, 1},
		"the log is cut":     {[]eventlog.Event{submitted, ran, seen}, 1},
		"left, not released": {[]eventlog.Event{submitted, ran, seen, left, end}, 1},
		"failed, unpromised": {[]eventlog.Event{ran, failed, released, end}, 0},
		"power was lost":     {[]eventlog.Event{submitted, claiming, ran, powerOff, failed, released, end}, 0},
		"lost before it ran": {[]eventlog.Event{submitted, powerOff, claiming, ran, failed, released, end}, 1},
		"lost, ran twice":    {[]eventlog.Event{submitted, claiming, ran, powerOff, ran, seen, released, end}, 1},
		"the disk was full":  {[]eventlog.Event{submitted, impaired, failed, released, end}, 0},
		"full, no end":       {[]eventlog.Event{submitted, impaired, end}, 1},
		"the disk lies":      {[]eventlog.Event{submitted, unsafe, ran, ran, wrong, released, left, end}, 0},
	} {
		j := newJudge(&scenario.Scenario{
			Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}}, Links: []scenario.Link{{From: "a", To: "b"}},
			Units: []scenario.Unit{{From: "a", To: "b"}}, Expect: scenario.Expect{LostPings: -1},
		})
		for _, e := range append([]eventlog.Event{reached, back}, c.log...) {
			j.take(e)
		}
		j.finish(time.Second, "")
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}

// A command that ends with an error has written all the same, and one that was ended has
// written nothing else.
func TestJudgeOutputOfFailures(t *testing.T) {
	cut, altered := eventlog.Event{Flaw: eventlog.Cut, Problem: "lacks"}, eventlog.Event{Flaw: eventlog.Altered, Problem: "differs"}
	powerOff := eventlog.Event{Kind: eventlog.PowerOff, Node: "b"}
	end := func(e eventlog.Event, state, detail string) eventlog.Event {
		e.Kind, e.At, e.Text, e.Detail = eventlog.Seen, int64(20*time.Second), state, detail
		return e
	}
	for name, c := range map[string]struct {
		log  []eventlog.Event
		want int
	}{
		"all":                    {[]eventlog.Event{end(eventlog.Event{}, "Failed", "exit status 3")}, 0},
		"for another reason":     {[]eventlog.Event{end(cut, "Failed", "the output is damaged")}, 1},
		"another exit code":      {[]eventlog.Event{end(eventlog.Event{}, "Failed", "exit status 1")}, 1},
		"lacks its end":          {[]eventlog.Event{end(cut, "Failed", "exit status 3")}, 1},
		"differs":                {[]eventlog.Event{end(altered, "Failed", "exit status 3")}, 1},
		"lacks, cancelled":       {[]eventlog.Event{end(cut, "Canceled", "Canceled")}, 0},
		"differs, cancelled":     {[]eventlog.Event{end(altered, "Canceled", "Canceled")}, 1},
		"lacks, power was lost":  {[]eventlog.Event{powerOff, end(cut, "Failed", "lost")}, 0},
		"differs, the same":      {[]eventlog.Event{powerOff, end(altered, "Failed", "lost")}, 0},
		"lacks, and was on disk": {[]eventlog.Event{end(cut, "Failed", "exit status 3"), powerOff}, 1},
	} {
		j := newJudge(&scenario.Scenario{
			Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}}, Links: []scenario.Link{{From: "a", To: "b"}},
			Units: []scenario.Unit{{From: "a", To: "b", Exit: 3, Stdout: 100, CancelAt: 10 * time.Second}}, Expect: scenario.Expect{LostPings: -1},
		})
		for _, e := range append([]eventlog.Event{{Kind: eventlog.Submitted}, {Kind: eventlog.Claiming}, {Kind: eventlog.Ran}}, c.log...) {
			e.Unit = 1
			j.take(e)
		}
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}

// Outside of what was made sound nothing has to be done; within, all.
func TestJudgeOfCores(t *testing.T) {
	s := &scenario.Scenario{
		Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}, {ID: "c"}}, Links: []scenario.Link{{From: "a", To: "b"}, {From: "b", To: "c"}},
		Units:    []scenario.Unit{{From: "a", To: "c"}},
		Timeline: []scenario.Action{{Do: scenario.Settle, Nodes: []string{"a", "b"}}}, Expect: scenario.Expect{LostPings: -1},
	}
	j := newJudge(s)
	j.take(eventlog.Event{Kind: eventlog.Reached, Node: "a", Text: "b"})
	j.take(eventlog.Event{Kind: eventlog.End})
	j.finish(time.Second, "")
	if len(j.violations) != 1 || j.violations[0].Rule != check.RuleConverged || j.violations[0].Node != "b" {
		t.Errorf("violations %v, want one: b does not reach a", j.violations)
	}
}
