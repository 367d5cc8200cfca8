package full

import (
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
	for name, c := range map[string]struct {
		log  []eventlog.Event
		want int
	}{
		"cancelled":           {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Canceled"}}, 0},
		"ended before":        {[]eventlog.Event{{Kind: eventlog.Ran}, {Kind: eventlog.Seen, Text: "Succeeded"}}, 0},
		"cancelled by nobody": {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(time.Second), Text: "Canceled"}}, 1},
		"never started":       {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Failed"}}, 0},
		"failed":              {[]eventlog.Event{{Kind: eventlog.Ran}, {Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Failed"}}, 1},
		"command runs on": {[]eventlog.Event{{Kind: eventlog.Seen, At: int64(3 * time.Second), Text: "Canceled"},
			{Kind: eventlog.Survived, Text: "Canceled"}}, 1},
	} {
		j := newJudge(&scenario.Scenario{
			Units:  []scenario.Unit{{From: "a", To: "b", CancelAt: 2 * time.Second}},
			Expect: scenario.Expect{LostPings: -1},
		})
		for _, e := range append([]eventlog.Event{{Kind: eventlog.Submitted}}, c.log...) {
			e.Unit = 1
			j.take(e)
		}
		if len(j.violations) != c.want {
			t.Errorf("%s: violations %v, want %d", name, j.violations, c.want)
		}
	}
}
