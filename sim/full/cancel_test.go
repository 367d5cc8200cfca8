package full

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// Units are cancelled while they run, before they have come to their node, after
// they have ended, and while the two nodes are apart.
func TestCancel(t *testing.T) {
	const file = `
for: 90s
nodes: [a, b, c]
links: [{from: a, to: b, delay: 5ms}, {from: b, to: c, delay: 10ms}]
workload:
  units:
    - {from: a, to: c, at: 9s, stdout: 5000, duration: 20s, cancel_at: 15s}
    - {from: a, to: c, at: 9s, stdin: 5000, duration: 1s, cancel_at: 9s}
    - {from: c, to: a, at: 9s, stdout: 5000, duration: 1s, cancel_at: 20s}
    - {from: c, to: a, at: 9s, stdout: 5000, duration: 60s, cancel_at: 26s}
    - {from: a, to: b, at: 26s, duration: 60s, cancel_at: 27s}
timeline:
  - {at: 25s, do: down, link: [a, b], for: 10s}
  - {at: 28s, do: crash, node: a, for: 2s}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units.Released != 5 {
		t.Errorf("units %+v, violations %v, want all released; log:\n%.20000s", r.Units, r.Violations, trace)
	}
	for _, e := range strings.Split(trace, "\n") {
		if strings.Contains(e, `"kind":"seen"`) && strings.Contains(e, `"unit":1,`) && !strings.Contains(e, `"text":"Canceled"`) {
			t.Errorf("unit 1 has ended so: %s, want it cancelled", e)
		}
	}
	if last := strings.LastIndex(trace, `"kind":"seen"`); last < 0 || strings.Contains(trace[last:], `"Succeeded"`) {
		t.Error("the last unit ran to its end, although it was cancelled long before")
	}
}

func TestJudgeOfCancelledUnits(t *testing.T) {
	started, child := eventlog.Event{Kind: eventlog.Started, Text: eventlog.Command}, eventlog.Event{Kind: eventlog.Started, Text: "child 1"}
	ran, seen := eventlog.Event{Kind: eventlog.Ran}, eventlog.Event{Kind: eventlog.Seen, Text: "Succeeded"}
	for name, c := range map[string]struct {
		log  []eventlog.Event
		want int
	}{
		"cancelled":               {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Canceled"}}, 0},
		"ended before":            {[]eventlog.Event{{Kind: eventlog.Ran}, {Kind: eventlog.Seen, Text: "Succeeded"}}, 0},
		"cancelled by nobody":     {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(time.Second), Text: "Canceled"}}, 1},
		"never started":           {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Failed"}}, 0},
		"failed":                  {[]eventlog.Event{{Kind: eventlog.Ran}, {Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Failed"}}, 1},
		"command runs on":         {[]eventlog.Event{started, {Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Canceled"}}, 1},
		"child runs on":           {[]eventlog.Event{child, {Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Canceled"}}, 1},
		"in the background":       {[]eventlog.Event{ran, child, seen}, 0},
		"its command is not":      {[]eventlog.Event{ran, started, seen}, 1},
		"released with a child":   {[]eventlog.Event{ran, child, seen, {Kind: eventlog.Released}}, 1},
		"released after children": {[]eventlog.Event{ran, child, seen, {Kind: eventlog.Released}, {Kind: eventlog.Ended, Text: "child 1"}}, 0},
		"its machine went down":   {[]eventlog.Event{ran, child, seen, {Kind: eventlog.Released}, {Kind: eventlog.PowerOff, Node: "b"}}, 0},
	} {
		j := newJudge(&scenario.Scenario{
			Nodes:  []scenario.Node{{ID: "a"}, {ID: "b"}},
			Links:  []scenario.Link{{From: "a", To: "b"}},
			Units:  []scenario.Unit{{From: "a", To: "b", CancelAt: 2 * time.Second}},
			Expect: scenario.Expect{LostPings: -1},
		})
		for _, e := range append([]eventlog.Event{{Kind: eventlog.Submitted}}, c.log...) {
			e.Unit = 1
			j.take(e)
		}
		if slices.ContainsFunc(c.log, func(e eventlog.Event) bool { return e.Kind == eventlog.Released }) {
			j.finishUnits(time.Minute)
		}
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}

// A node that has promised to cancel a unit does.
func TestJudgeOfLostCancels(t *testing.T) {
	const s = int64(time.Second)
	promised, seen := eventlog.Event{Kind: eventlog.Canceled, At: 5 * s}, eventlog.Event{Kind: eventlog.Seen, Text: "Succeeded", At: 1000 * s}
	ended := func(at int64) eventlog.Event {
		return eventlog.Event{Kind: eventlog.Ended, Text: eventlog.Command, At: at}
	}
	down := []scenario.Action{{Do: scenario.Down}}
	for name, c := range map[string]struct {
		timeline []scenario.Action
		log      []eventlog.Event
		want     int
	}{
		"ended at once":           {nil, []eventlog.Event{promised, ended(20 * s)}, 0},
		"went on":                 {nil, []eventlog.Event{promised, ended(70 * s)}, 1},
		"was not promised":        {nil, []eventlog.Event{ended(70 * s)}, 0},
		"the nodes were apart":    {down, []eventlog.Event{promised, ended(70 * s)}, 0},
		"went on when they met":   {down, []eventlog.Event{promised, ended(700 * s)}, 1},
		"and a disk has lost all": {down, []eventlog.Event{promised, {Kind: eventlog.Unsafe, Node: "a"}, ended(700 * s)}, 0},
	} {
		j := newJudge(&scenario.Scenario{
			Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}}, Links: []scenario.Link{{From: "a", To: "b"}}, For: 30 * time.Second,
			Units: []scenario.Unit{{From: "a", To: "b", CancelAt: 4 * time.Second}}, Timeline: c.timeline,
		})
		for _, e := range append(append([]eventlog.Event{{Kind: eventlog.Submitted}, {Kind: eventlog.Ran}}, c.log...), seen, eventlog.Event{Kind: eventlog.Released}) {
			e.Unit = 1
			j.take(e)
		}
		if j.finishUnits(time.Hour); len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}

// What a command has left in the background, and a command that does not heed
// SIGINT, is ended by a cancellation and by a release, after the waits of
// docs/work.md; also when its daemon has been started anew meanwhile.
func TestCancelEndsAllProcesses(t *testing.T) {
	const file = `
for: 90s
nodes: [a, b]
links: [{from: a, to: b, delay: 5ms}]
workload:
  units:
    - {from: a, to: b, at: 9s, stdout: 5000, duration: 1s, children: 3}
    - {from: a, to: b, at: 9s, duration: 60s, children: 2, cancel_at: 20s}
    - {from: a, to: b, at: 9s, duration: 60s, children: 1, ignore_sigint: true, cancel_at: 20s}
    - {from: a, to: b, at: 9s, stdout: 100, duration: 15s, children: 1}
timeline:
  - {at: 15s, do: crash, node: b, for: 2s}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units.Released != 4 {
		t.Errorf("units %+v, violations %v, want all released; log:\n%.20000s", r.Units, r.Violations, trace)
	}
	started, ended := make(map[string]bool), make(map[string]int64)
	for line := range strings.Lines(trace) {
		e, err := eventlog.Parse([]byte(line))
		if err != nil {
			continue
		}
		switch name := fmt.Sprintf("unit %d: %s", e.Unit, e.Text); e.Kind {
		case eventlog.Started:
			started[name] = true
		case eventlog.Ended:
			ended[name] = e.At
		}
	}
	if len(started) != 4+3+2+1+1 || len(ended) != len(started) {
		t.Errorf("processes %v were started, and %v ended, want 11 of each", started, ended)
	}
	if at := time.Duration(ended["unit 2: child 1"]).Round(time.Second); at != 20*time.Second {
		t.Errorf("a child ends after %v, want 20s: at once when the command is gone", at)
	}
	if at := time.Duration(ended["unit 3: command"]).Round(time.Second); at != 25*time.Second {
		t.Errorf("a command that ignores SIGINT ends after %v, want 25s", at)
	}
}
