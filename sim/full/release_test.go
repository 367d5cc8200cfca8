package full

import (
	"strings"
	"testing"
)

// Units are released while they run, while the two nodes are apart, long after
// their end, and when one of the two machines has just been without power: nothing
// is left of any, and an end that was seen stays.
func TestReleaseAtATime(t *testing.T) {
	const file = `
for: 60s
nodes: [a, b]
links: [{from: a, to: b, delay: 5ms}]
workload:
  units:
    - {from: a, to: b, at: 9s, stdout: 5000, duration: 60s, children: 1, release_at: 12s}
    - {from: b, to: a, at: 9s, stdout: 5000, duration: 60s, release_at: 21s}
    - {from: a, to: b, at: 9s, stdout: 5000, duration: 1s, children: 2, release_at: 22s}
    - {from: b, to: a, at: 9s, stdout: 5000, duration: 1s, release_at: 50s}
timeline:
  - {at: 20s, do: down, link: [a, b], for: 10s}
  - {at: 21.5s, do: power-cut, node: b, for: 2s}
`
	r, trace := play(t, file, 1)
	seen := strings.Count(trace, `"kind":"seen"`)
	if len(r.Violations) > 0 || r.Units.Released != 4 || seen != 2 {
		t.Errorf("units %+v of which %d were seen to end, violations %v, want 4 released, 2 seen; log:\n%.20000s", r.Units, seen, r.Violations, trace)
	}
}
