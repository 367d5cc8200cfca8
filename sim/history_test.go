package sim

import (
	"errors"
	"strings"
	"testing"
	"time"

	"receptor/sim/probe"
)

// The link of a line of three goes down, and the mesh is not as fast as is
// expected of it.
const late = `
for: 30s
nodes: [a, b, c]
links: [{from: a, to: b, delay: 10ms}, {from: b, to: c, delay: 10ms}]
workload:
  pings: [{from: a, to: c, at: 5s}]
  datagrams: [{from: c, to: a, at: 6s, hops: 1}]
timeline: [{at: 10s, link: [b, c], do: down}]
expect: {converged_within: 1s}
`

func TestHistoryLeadsToTheViolation(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, late), 1)
	plain := run(t, s, Options{})
	r := run(t, s, Options{History: 12})
	if len(plain.Histories) > 0 || r.TraceHash != plain.TraceHash {
		t.Errorf("%d histories that nobody asked for; hash %s without history, %s with", len(plain.Histories), plain.TraceHash, r.TraceHash)
	}
	if len(r.Violations) == 0 || len(r.Histories) == 0 {
		t.Fatalf("violations %v, histories %v", r.Violations, r.Histories)
	}
	h := r.Histories[0]
	if h.Node != r.Violations[0].Node || len(h.Events) != 12 {
		t.Errorf("history of %q with %d events, the violation is of %q", h.Node, len(h.Events), r.Violations[0].Node)
	}
	all := strings.Join(h.Events, "\n")
	for _, want := range []string{": frame, peer ", "links map[", ": RoutesChanged{Reachable:1", "13.110000s a: UpdateAccepted{Node:b"} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "timer") {
		t.Errorf("timers are of no interest in\n%s", all)
	}
}

// The history of a violation of the whole mesh is that of all nodes.
func TestHistoryOfTheMesh(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, strings.Replace(late, "converged_within: 1s", "lost_pings: 0", 1)+"\nname: x"), 1)
	s.Pings[0].At = 12 * time.Second
	r := run(t, s, Options{History: 20})
	if len(r.Histories) != 1 || r.Histories[0].Node != "" || len(r.Histories[0].Events) != 20 {
		t.Fatalf("histories %v", r.Histories)
	}
	all := strings.Join(r.Histories[0].Events, "\n")
	for _, want := range []string{"s a: ", "s b: ", "s c: ", "b: dial, peer c"} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %q in\n%s", want, all)
		}
	}
}

func TestProbesAreCounted(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, late), 1)
	if r := run(t, s, Options{}); r.Probes != (probe.Counts{}) {
		t.Errorf("nobody asked for probes: %v", r.Probes)
	}
	r := run(t, s, Options{Probes: true})
	for p, want := range map[probe.Probe]uint64{
		probe.HopLimitReached: 1, probe.UnreachableSent: 1, probe.UnreachableReceived: 1, probe.DuplicateIDSeen: 0,
	} {
		if r.Probes[p] != want {
			t.Errorf("%v was reached %d times, want %d", p, r.Probes[p], want)
		}
	}
}

func TestRunIsInterrupted(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, busy), 1)
	asked := 0
	_, err := Run(s, 1, Options{Interrupt: func(time.Duration) bool { asked++; return asked == 3 }})
	if !errors.Is(err, ErrInterrupted) || asked != 3 {
		t.Errorf("error %v after %d questions", err, asked)
	}
}
