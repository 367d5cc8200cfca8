package sim

import (
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/sim/check"
	"receptor/sim/stats"
)

// Every datagram that does not arrive is counted once, by its cause.
func TestLostDatagramsAreAccountedFor(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, `
for: 120s
nodes: [a, b, c, d]
links:
  - {from: a, to: b, backend: udp, delay: 5ms, loss: {forward: 0.2, back: 0}}
  - {from: b, to: c, delay: 400ms}
  - {from: c, to: d, delay: 5ms}
workload:
  datagrams:
    - {from: a, to: b, at: 20s, every: 50ms, count: 100}
    - {from: a, to: d, at: 20s, every: 50ms, count: 100, hops: 2}
    - {from: b, to: c, at: 32s, every: 100ms, count: 300}
timeline:
  - {at: 40s, link: [b, c], do: down}
`), 1)
	r := run(t, s, Options{})
	d := r.Figures.Datagrams
	lost := 0
	for _, n := range d.Lost {
		lost += n
	}
	if d.Sent != 500 || d.Delivered+lost != d.Sent {
		t.Errorf("%v: that is %d in all", d, d.Delivered+lost)
	}
	for _, why := range []stats.Loss{stats.LossWire, stats.LossLink, stats.Loss(mesh.DropExpired), stats.Loss(mesh.DropNoRoute)} {
		if d.Lost[why] == 0 {
			t.Errorf("none is counted as %q: %v", why, d)
		}
	}
	if r.Figures.DeliveredHops != 1 || r.Figures.RouteHops != 3 {
		t.Errorf("the longest way of a datagram has %d links, the longest route %d; want 1 and 3",
			r.Figures.DeliveredHops, r.Figures.RouteHops)
	}
}

func TestEpisodesOfARun(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, `
for: 60s
generate: {kind: ring, nodes: 5, delay: 5ms}
timeline:
  - {at: 20s, link: [n1, n2], do: down}
  - {at: 40s, link: [n1, n2], do: up}
`), 1)
	f := run(t, s, Options{}).Figures
	var causes []check.Cause
	for _, e := range f.Episodes {
		causes = append(causes, e.Cause)
		if e.Routed < 0 || e.Converged < e.Routed || e.Ended-e.Began != 20*time.Second {
			t.Errorf("episode %+v", e)
		}
	}
	if want := []check.Cause{check.CauseStart, check.CauseLinkLoss, check.CauseHeal}; !slices.Equal(causes, want) {
		t.Errorf("episodes began with %q, want %q", causes, want)
	}
	for i := range f.Calm {
		if f.Calm[i] <= 0 || f.Busy[i] <= f.Calm[i] {
			t.Errorf("node %d sends %v control bytes per second when calm, %v otherwise", i, f.Calm[i], f.Busy[i])
		}
	}
}
