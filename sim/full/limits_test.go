package full

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// Two units of a type run at once, in the order in which they came, also when the daemon
// dies meanwhile. Those that write more than they may fail with what may be kept.
func TestLimits(t *testing.T) {
	const file = `
for: 60s
nodes: [a, {id: b, max_parallel: 2, max_output: 10000}]
links: [{from: a, to: b, delay: 5ms}]
workload:
  units:
    - {from: a, to: b, at: 8s, stdout: 10000, duration: 10s}
    - {from: a, to: b, at: 9s, stdout: 10001, duration: 8s}
    - {from: a, to: b, at: 10s, stdout: 50000, duration: 1s, output: burst, children: 2}
    - {from: a, to: b, at: 11s, stdout: 20000, duration: 4s, output: drip, exit: 1}
    - {from: a, to: b, at: 12s, stdout: 100, duration: 1s, signed: true}
    - {from: a, to: b, at: 13s, stdout: 100, exit: 1}
timeline: [{at: 14s, do: crash, node: b, for: 1s}]
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units != (Units{6, 2, 6, 6}) {
		t.Errorf("units %+v, violations %v, want six done, two of them well; log:\n%.20000s", r.Units, r.Violations, trace)
	}
	var order []string
	for _, m := range regexp.MustCompile(`"kind":"ran","node":"b","unit":(\d+)`).FindAllStringSubmatch(trace, -1) {
		order = append(order, m[1])
	}
	if want := []string{"1", "2", "5", "3", "4", "6"}; !slices.Equal(order, want) {
		t.Errorf("units ran in the order %v, want %v: the type of those that are signed has places of its own", order, want)
	}
	if n := strings.Count(trace, `"detail":"Output exceeds 10000 bytes`); n != 3 {
		t.Errorf("%d units are said to exceed what they may write, want 3", n)
	}
}

func TestLimitsJudge(t *testing.T) {
	started := func(unit int) eventlog.Event {
		return eventlog.Event{Kind: eventlog.Started, Node: "b", Unit: unit, Text: eventlog.Command}
	}
	ended := func(unit int) eventlog.Event {
		return eventlog.Event{Kind: eventlog.Ended, Node: "b", Unit: unit, Text: eventlog.Command}
	}
	seen := func(state string, size int, detail, problem string) []eventlog.Event {
		return []eventlog.Event{{Kind: eventlog.Submitted, Unit: 3}, {Kind: eventlog.Ran, Unit: 3},
			{Kind: eventlog.Seen, Unit: 3, Text: state, Size: size, Detail: detail, Problem: problem}}
	}
	const detail = "Output exceeds 100 bytes, the maxoutput of the work type"
	for name, c := range map[string]struct {
		log  []eventlog.Event
		want int
	}{
		"one after the other": {[]eventlog.Event{started(1), ended(1), started(2)}, 0},
		"both at once":        {[]eventlog.Event{started(1), started(2)}, 1},
		"of two types":        {[]eventlog.Event{started(1), started(4)}, 0},
		"the disk lies":       {[]eventlog.Event{{Kind: eventlog.Unsafe, Node: "b"}, started(1), started(2)}, 0},
		"after a power cut":   {[]eventlog.Event{started(1), {Kind: eventlog.PowerOff, Node: "b"}, started(2)}, 0},
		"ended as it must":    {seen("Failed", 100, detail, ""), 0},
		"succeeded":           {seen("Succeeded", 100, "", ""), 1},
		"another detail":      {seen("Failed", 100, "exit status 1", ""), 1},
		"a byte less":         {seen("Failed", 99, detail, ""), 1},
		"a byte more":         {seen("Failed", 101, detail, "differs"), 2},
		"other bytes":         {seen("Failed", 100, detail, "differs"), 1},
		"the disk was full":   {append([]eventlog.Event{{Kind: eventlog.Impaired, Node: "b"}}, seen("Failed", 50, "no space", "differs")...), 0},
	} {
		j := newJudge(&scenario.Scenario{
			Nodes: []scenario.Node{{ID: "a"}, {ID: "b", MaxParallel: 1, MaxOutput: 100}},
			Units: []scenario.Unit{{From: "a", To: "b"}, {From: "a", To: "b"}, {From: "a", To: "b", Stdout: 101}, {From: "a", To: "b", Signed: true}},
		})
		for _, e := range c.log {
			j.take(e)
		}
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}
