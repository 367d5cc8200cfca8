package full

import (
	"strings"
	"testing"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

const datagrams = `
for: 60s
nodes: [a, b, c]
links:
  - {from: a, to: b, backend: udp, delay: 5ms, jitter: 3ms}
  - {from: b, to: c, delay: 10ms}
workload:
  datagrams:
    - {from: a, to: c, at: 10s, every: 100ms, count: 20, size: 1000}
    - {from: c, to: a, at: 10s, every: 1s, count: 5}
    - {from: a, to: c, at: 10s, count: 1, hops: 1}
`

func TestDatagrams(t *testing.T) {
	r, trace := play(t, datagrams, 1)
	if want := (Datagrams{Sent: 26, Delivered: 25}); len(r.Violations) > 0 || r.Datagrams != want {
		t.Errorf("datagrams %+v, violations %v, want %+v: the last has a hop too few; log:\n%.20000s", r.Datagrams, r.Violations, want, trace)
	}
}

// What is sent while a node is down is lost, and a daemon that starts anew has the
// service again; wires that duplicate and corrupt are not blamed on nodes.
func TestDatagramsWithFaults(t *testing.T) {
	text := strings.Replace(datagrams, "jitter: 3ms", "jitter: 3ms, duplicate: 0.3, corrupt: 0.1", 1) + `
    - {from: b, to: c, at: 40s, every: 1s, count: 5}
    - {from: c, to: b, at: 15s, count: 1}
timeline: [{at: 11s, do: crash, node: c, for: 9s}]
`
	r, trace := play(t, text, 1)
	if len(r.Violations) > 0 || r.Datagrams.Delivered < 5 || r.Datagrams.Delivered == r.Datagrams.Sent {
		t.Errorf("datagrams %+v, violations %v, want some lost, and the last five delivered; log:\n%.20000s", r.Datagrams, r.Violations, trace)
	}
	if again, _ := play(t, text, 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

func TestDatagramJudge(t *testing.T) {
	sent := eventlog.Event{Kind: eventlog.Sent, Node: "a", Text: "b", Datagram: 1, Sum: 7}
	delivered := eventlog.Event{Kind: eventlog.Delivered, Node: "b", Text: "a", Datagram: 1, Sum: 7}
	altered := func(change func(e *eventlog.Event)) eventlog.Event {
		e := delivered
		change(&e)
		return e
	}
	elsewhere := altered(func(e *eventlog.Event) { e.Node = "c" })
	fromElsewhere := altered(func(e *eventlog.Event) { e.Text = "c" })
	other := altered(func(e *eventlog.Event) { e.Sum = 8 })
	unknown := altered(func(e *eventlog.Event) { e.Datagram = 2 })
	duplicates, corrupts := scenario.Wire{Duplicate: 0.1}, scenario.Wire{Corrupt: 0.1}
	for name, c := range map[string]struct {
		log  []eventlog.Event
		wire scenario.Wire
		want string // in the one violation; "": none
	}{
		"delivered":        {[]eventlog.Event{sent, delivered}, scenario.Wire{}, ""},
		"lost":             {[]eventlog.Event{sent}, scenario.Wire{}, ""},
		"twice":            {[]eventlog.Event{sent, delivered, delivered}, scenario.Wire{}, "twice"},
		"by the wire":      {[]eventlog.Event{sent, delivered, delivered}, duplicates, ""},
		"elsewhere":        {[]eventlog.Event{sent, elsewhere}, scenario.Wire{}, "sent to b"},
		"elsewhere, twice": {[]eventlog.Event{sent, elsewhere}, duplicates, "sent to b"},
		"from elsewhere":   {[]eventlog.Event{sent, fromElsewhere}, scenario.Wire{}, "a sent to b"},
		"other bytes":      {[]eventlog.Event{sent, other}, scenario.Wire{}, "other bytes"},
		"corrupted":        {[]eventlog.Event{sent, other}, corrupts, ""},
		"nobody's":         {[]eventlog.Event{sent, unknown}, scenario.Wire{}, "nobody sent"},
		"nobody's, by it":  {[]eventlog.Event{sent, unknown}, corrupts, ""},
	} {
		j := newJudge(&scenario.Scenario{Links: []scenario.Link{{From: "a", To: "b", Back: c.wire}}})
		for _, e := range c.log {
			j.take(e)
		}
		switch {
		case c.want == "" && len(j.violations) == 0:
		case c.want != "" && len(j.violations) == 1 && j.violations[0].Rule == check.RuleDatagram && strings.Contains(j.violations[0].Text, c.want):
		default:
			t.Errorf("%s: violations %v, want one with %q, or none", name, j.violations, c.want)
		}
	}
}
