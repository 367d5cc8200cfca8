package full

import (
	"regexp"
	"strings"
	"testing"
)

// A wrong clock of one node keeps nothing from working, and shows in its log alone.
func TestClocksAndFirewalls(t *testing.T) {
	const file = `
for: 150s
nodes:
  - {id: a, clock: {offset: -8760h, drift: 0.05}}
  - {id: b, clock: {offset: 24h}}
  - {id: c, clock: {drift: -0.05}, firewall: [{action: drop, toservice: stream}]}
links: [{from: a, to: b, delay: 5ms}, {from: b, to: c, delay: 10ms}]
workload:
  pings: [{from: a, to: c, at: 8s, every: 1s, count: 3}]
  streams:
    - {from: a, to: b, at: 9s, send: 1000, receive: 1000}
    - {from: b, to: a, at: 9s, send: 1000, receive: 1000}
    - {from: a, to: c, at: 9s, send: 1000}
  units: [{from: a, to: c, at: 9s, stdin: 20000, stdout: 5000, duration: 2s}, {from: c, to: a, at: 9s, stdin: 20000, stdout: 5000, duration: 2s}]
timeline:
  - {at: 30s, do: clock, node: c, offset: -24h}
  - {at: 31s, do: crash, node: c, for: 1s}
  - {at: 40s, do: restart, node: b, epoch: old}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Pings.Answered != 3 || r.Streams != (Streams{2, 2}) || r.Units.Released != 2 {
		t.Errorf("pings %+v, streams %+v, units %+v, violations %v, want three, two and two done; log:\n%.20000s", r.Pings, r.Streams, r.Units, r.Violations, trace)
	}
	starts := regexp.MustCompile(`"node":"(.)","text":"INFO (\S+) \S+ Initialization complete`).FindAllStringSubmatch(trace, -1)
	var got []string
	for _, s := range starts {
		got = append(got, s[1]+" "+s[2])
	}
	if got, want := strings.Join(got, ", "), "a 2025/01/01, b 2026/01/02, c 2026/01/01, c 2025/12/31, b 2026/01/02"; got != want {
		t.Errorf("daemons start at %s by their clocks, want %s", got, want)
	}
}
