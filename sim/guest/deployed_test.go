package guest

import (
	"testing"

	"receptor/sim/eventlog"
)

// Deployed daemons with units, their crashes and a power cut: for the race detector.
// Nothing of them is left.
func TestNativeDeployed(t *testing.T) {
	log := native(t, `
for: 60s
nodes: [a, {id: B, kind: deployed}, {id: C, kind: deployed}]
links: [{from: a, to: B, delay: 5ms}, {from: B, to: C, delay: 5ms}]
workload:
  units:
    - {from: a, to: B, at: 8s, stdin: 20000, stdout: 50000, duration: 4s}
    - {from: a, to: C, at: 8s, stdout: 5000, duration: 60s, cancel_at: 20s}
    - {from: a, to: B, at: 40s, exit: 3}
timeline:
  - {at: 10s, do: crash, node: B, for: 3s}
  - {at: 30s, do: power-cut, node: C, for: 3s}
`)
	released, ran, leaks := count(log, eventlog.Released), count(log, eventlog.Ran), count(log, eventlog.Leak)
	if released != 3 || ran != 3 || leaks != 0 || count(log, eventlog.End) != 1 {
		t.Errorf("%d units released, %d started, %d leaks, %d ends, want 3, 3, 0 and 1", released, ran, leaks, count(log, eventlog.End))
	}
}
