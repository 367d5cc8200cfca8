package full

import (
	"strings"
	"testing"
)

const wires = `
for: 100s
nodes: [a, b, c, d]
links:
  - {from: a, to: b, backend: udp, delay: 5ms, jitter: 8ms, distribution: exponential, loss: 0.05, burst: 3, duplicate: 0.05, reorder: 0.05}
  - {from: b, to: c, delay: 10ms, jitter: 5ms, distribution: normal, loss: 0.02, corrupt: 0.01, bandwidth: 20Mbit, queue: 100kB}
  - {from: c, to: d, backend: udp, delay: 2ms, bandwidth: 10Mbit, queue: 60kB}
  - {from: a, to: c, delay: 30ms, cost: 5}
workload:
  pings: [{from: a, to: d, at: 10s, every: 1s, count: 5}]
  streams:
    - {from: a, to: d, at: 10s, send: 200000, receive: 100000}
    - {from: d, to: b, at: 12s, send: 100000, half_close: true, receive: 50000}
  units: [{from: a, to: d, at: 11s, stdin: 20000, stdout: 50000, duration: 2s}]
`

func TestWires(t *testing.T) {
	r, trace := play(t, wires, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{2, 2}) || r.Units.Succeeded != 1 || r.Pings.Answered < 3 {
		t.Errorf("streams %+v, units %+v, pings %+v, violations %v, want all done; log:\n%.20000s", r.Streams, r.Units, r.Pings, r.Violations, trace)
	}
	if again, _ := play(t, wires, 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

func TestTimeline(t *testing.T) {
	const faults = `
timeline:
  - {at: 10.2s, do: down, link: [b, a], one_way: true, for: 8s}
  - {at: 11s, do: clog, link: [b, c], for: 4s}
  - {at: 13s, do: pause, node: d, for: 12s}
  - {at: 30s, do: split, nodes: [a, b], for: 5s}
  - {at: 36s, do: flap, link: [c, d], every: 2s, for: 9s}
  - {at: 46s, do: restart, node: b}
  - {at: 48s, do: settle, nodes: [a, b, c, d]}
`
	r, trace := play(t, strings.Replace(wires, "for: 100s", "for: 180s", 1)+faults, 1)
	if len(r.Violations) > 0 || r.Units.Released != 1 {
		t.Errorf("units %+v, violations %v, want none, and the unit released; log:\n%.20000s", r.Units, r.Violations, trace)
	}
	if n := strings.Count(trace, `"kind":"fault over"`); n != 5 {
		t.Errorf("%d faults have ended, want the 5 that say how long they last", n)
	}
}
