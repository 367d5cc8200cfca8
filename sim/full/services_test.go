package full

import "testing"

const services = `
for: 330s
nodes: [a, b, c]
links: [{from: a, to: b, delay: 5ms}, {from: b, to: c, delay: 5ms}]
workload:
  services: [{node: a, name: web}, {node: c, name: db, at: 200s, for: 100s}, {node: c, name: log, at: 2s}]
timeline: [{at: 10s, do: crash, node: c, for: 5s}]
`

// Nodes know of services on offer, also of those that a daemon offers anew when it has
// started again, and of no others.
func TestServices(t *testing.T) {
	r, trace := play(t, services, 1)
	if len(r.Violations) > 0 || !r.Quiet {
		t.Errorf("violations %v, quiet %v, want none and true; log:\n%.20000s", r.Violations, r.Quiet, trace)
	}
}
