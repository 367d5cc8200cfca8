package full

import (
	"strings"
	"testing"

	"receptor/sim/eventlog"
)

// A machine with the ID of b appears at the other end: it is the newcomer, so it
// leaves. A slow node, and one that forges, spoil nothing that lasts.
func TestImpostors(t *testing.T) {
	const file = `
for: 60s
nodes: [a, b, c, d]
links: [{from: a, to: b, delay: 5ms}, {from: b, to: c, delay: 5ms}, {from: c, to: d, delay: 5ms}]
workload:
  pings: [{from: a, to: c, at: 40s, every: 1s, count: 10}]
  units: [{from: a, to: c, at: 35s, stdin: 1000, stdout: 2000, duration: 1s}, {from: a, to: b, at: 35s, duration: 1s}]
  datagrams: [{from: a, to: d, at: 30s, every: 500ms, count: 10}]
timeline:
  - {at: 10s, do: duplicate, node: b, via: d, for: 20s}
  - {at: 20s, do: slow, node: c, by: 20ms, for: 10s}
  - {at: 20s, do: forge, node: d, every: 500ms, for: 5s}
expect: {converges: true}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units.Released != 2 || !r.Quiet || r.Pings.Answered < 9 {
		t.Errorf("units %+v, pings %+v, violations %v, quiet %v, want all done; log:\n%.20000s", r.Units, r.Pings, r.Violations, r.Quiet, trace)
	}
	if !strings.Contains(trace, `"kind":"died","node":"b (duplicate 1)"`) || strings.Contains(trace, `"kind":"died","node":"b"`) {
		t.Error("the newcomer stays, or the other leaves")
	}
	if n := strings.Count(trace, "Dropped a frame"); n == 0 {
		t.Error("no forged frame was dropped")
	}
	if again, _ := play(t, file, 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

// What a slow node does takes so long for each frame that pings through it are late.
func TestSlow(t *testing.T) {
	const file = `
for: 60s
nodes: [a, b, c]
links: [{from: a, to: b}, {from: b, to: c}]
workload: {pings: [{from: a, to: c, at: 10s}, {from: a, to: c, at: 30s}]}
timeline: [{at: 25s, do: slow, node: b, by: 1s, for: 20s}]
`
	r, trace := play(t, file, 1)
	var took []int64
	for line := range strings.Lines(trace) {
		if e, err := eventlog.Parse([]byte(line)); err == nil && e.Kind == eventlog.Pinged {
			took = append(took, e.At/1e9)
		}
	}
	if len(r.Violations) > 0 || len(took) != 2 || took[0] != 10 || took[1] < 32 || took[1] > 36 {
		t.Errorf("pings end at %v s, violations %v, want 10 and, with b on the way there and back, 32 or a little more", took, r.Violations)
	}
}
