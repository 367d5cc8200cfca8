package full

import (
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

const streams = `
for: 100s
nodes: [a, b, c]
links:
  - {from: a, to: b, delay: 5ms, jitter: 3ms}
  - {from: b, to: c, delay: 10ms}
workload:
  streams:
    - {from: a, to: c, at: 8s, send: 300000, receive: 200000}
    - {from: c, to: a, at: 9s, send: 100000, receive: 50000, half_close: true, by: connect}
    - {from: a, to: b, at: 10s, send: 10, receive: 20, idle: 50s}
    - {from: b, to: a, at: 10s}
    - {from: c, to: b, at: 8s, send: 300000, receive: 300000, write_first: true}
`

func TestStreamsAreComplete(t *testing.T) {
	r, trace := play(t, streams, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{5, 5}) {
		t.Errorf("streams %+v, violations %v, want all complete; log:\n%.20000s", r.Streams, r.Violations, trace[max(0, len(trace)-20000):])
	}
}

func TestStreamsFailAtBothEnds(t *testing.T) {
	const faults = `
timeline:
  - {at: 8.1s, do: crash, node: c, for: 3s}
  - {at: 12s, do: down, link: [a, b]}
`
	r, trace := play(t, streams+faults, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{4, 1}) {
		t.Errorf("streams %+v, violations %v, want four of which one is complete; log:\n%.20000s", r.Streams, r.Violations, trace[max(0, len(trace)-20000):])
	}
}

func TestStreamJudge(t *testing.T) {
	at := func(seconds int, e eventlog.Event) eventlog.Event {
		e.At, e.Stream = int64(seconds)*int64(time.Second), 1
		return e
	}
	client, service := eventlog.Event{Text: "client", Node: "a"}, eventlog.Event{Text: "service", Node: "b"}
	opened := func(e eventlog.Event) eventlog.Event { e.Kind = eventlog.Opened; return e }
	closed := func(e eventlog.Event, problem string, flaw eventlog.Flaw) eventlog.Event {
		e.Kind, e.Problem, e.Flaw = eventlog.Closed, problem, flaw
		return e
	}
	distrusted := func(e eventlog.Event) eventlog.Event { e.Trust = eventlog.Never; return e }
	refused := eventlog.Event{Kind: eventlog.Refused, Node: "b", Text: "a"}
	died := eventlog.Event{Kind: eventlog.Died, Node: "a"}
	open := func(quiet time.Duration) eventlog.Event {
		e := service
		e.Kind, e.Quiet = eventlog.Open, int64(quiet)
		return e
	}
	for name, c := range map[string]struct {
		log  []eventlog.Event
		by   scenario.By
		want string
	}{
		"all is well":       {[]eventlog.Event{at(10, closed(client, "", "")), at(11, closed(service, "", ""))}, "", ""},
		"an error at both":  {[]eventlog.Event{at(10, closed(client, "reset", "")), at(30, closed(service, "reset", ""))}, "", "although nothing was in the way"},
		"altered":           {[]eventlog.Event{at(10, closed(client, "x", eventlog.Altered)), at(11, closed(service, "", ""))}, "", "has not written"},
		"cut":               {[]eventlog.Event{at(10, closed(client, "x", eventlog.Cut)), at(11, closed(service, "", ""))}, "", "a part for the whole"},
		"too late":          {[]eventlog.Event{at(10, closed(client, "", "")), at(70, closed(service, "", ""))}, "", "did not end within"},
		"never":             {[]eventlog.Event{at(10, closed(client, "", ""))}, "", "did not end within"},
		"outlives its node": {[]eventlog.Event{at(10, died), at(70, closed(client, "", "")), at(11, closed(service, "", ""))}, "", "its node has died"},
		"idles meanwhile":   {[]eventlog.Event{at(10, died), at(13, closed(client, "", "")), at(11, closed(service, "", ""))}, "", ""},
		"its peer has died": {[]eventlog.Event{at(10, died), at(70, closed(service, "", ""))}, "", "did not end within"},
		"hangs":             {[]eventlog.Event{at(80, open(time.Minute))}, "", "no error"},
		"the other idles":   {[]eventlog.Event{at(80, open(54*time.Second))}, "", ""},
		"is not refused":    {[]eventlog.Event{at(10, distrusted(closed(client, "reset", ""))), at(10, refused)}, "", "has come to its service"},
		"ends well":         {[]eventlog.Event{at(10, distrusted(closed(client, "", ""))), at(10, refused)}, "", "has ended well"},
		"without a reason":  {[]eventlog.Event{at(10, distrusted(closed(client, "reset", "")))}, "", "want the reason"},
	} {
		var texts []string
		s := &scenario.Scenario{Streams: []scenario.Stream{{From: "a", To: "b", At: 9 * time.Second, Idle: 5 * time.Second, By: c.by}}}
		j := judgeStreams(s, func(_ time.Duration, _ string, rule check.Rule, format string, args ...any) {
			texts = append(texts, check.Violation{Rule: rule, Text: strings.TrimSpace(format)}.Text)
		})
		for _, e := range append([]eventlog.Event{at(9, opened(client)), at(9, opened(service))}, c.log...) {
			j.take(e)
		}
		j.take(at(80, eventlog.Event{Kind: eventlog.Stopping}))
		j.finish()
		if (c.want == "") != (len(texts) == 0) || c.want != "" && !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("%s: violations %q, want %q", name, texts, c.want)
		}
	}
}

// Where a node is slow, QUIC gives a peer longer until it takes that for gone.
func TestStreamJudgeOfSlowNodes(t *testing.T) {
	for _, c := range []struct {
		timeline []scenario.Action
		want     int
	}{{nil, 1}, {[]scenario.Action{{Do: scenario.Slow, Node: "c"}}, 0}} {
		j := newJudge(&scenario.Scenario{Streams: []scenario.Stream{{From: "a", To: "b"}}, Timeline: c.timeline})
		for _, e := range []eventlog.Event{
			{Kind: eventlog.Opened, Node: "a", Text: "client"}, {Kind: eventlog.Opened, Node: "b", Text: "service"},
			{Kind: eventlog.Closed, Node: "b", Text: "service", At: int64(10 * time.Second)},
			{Kind: eventlog.Closed, Node: "a", Text: "client", At: int64(100 * time.Second)},
		} {
			e.Stream = 1
			j.take(e)
		}
		if j.streams.finish(); len(j.violations) != c.want {
			t.Errorf("with %v: violations %v, want %d", c.timeline, j.violations, c.want)
		}
	}
}

// A run may end while one end of a stream waits for the other, which is silent for long
// since it was told to be.
func TestIdleStreams(t *testing.T) {
	const file = `
for: 200s
nodes: [a, b]
links: [{from: a, to: b, delay: 5ms}]
workload:
  streams:
    - {from: a, to: b, at: 5s, send: 1000, receive: 1000, idle: 120s, half_close: true}
    - {from: b, to: a, at: 5s, idle: 300s, half_close: true, by: connect}
    - {from: b, to: a, at: 5s, send: 1000, receive: 1000, idle: 60s, half_close: true}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{3, 1}) {
		t.Errorf("streams %+v, violations %v, want three of which one is complete; log:\n%.20000s", r.Streams, r.Violations, trace)
	}
}
