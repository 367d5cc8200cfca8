package full

import (
	"context"
	"strings"
	"sync"
	"testing"

	"receptor/sim/full/fulltest"
	"receptor/sim/scenario"
)

// host is one for all tests. It lives as long as they do.
var host = sync.OnceValues(func() (*Host, error) {
	guest, err := fulltest.Guest()
	if err != nil {
		return nil, err
	}
	return NewHost(context.Background(), guest, CacheDir(), 0)
})

// play runs a scenario.
func play(t *testing.T, text string, seed uint64) (Report, string) {
	t.Helper()
	file, err := scenario.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := file.Resolve(seed)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host()
	if err != nil {
		t.Fatal(err)
	}
	var trace strings.Builder
	r, err := h.Run(t.Context(), s, Options{Trace: &trace})
	if err != nil {
		t.Fatal(err)
	}
	return r, trace.String()
}

const line = `
for: 40s
nodes: [a, b, c]
links:
  - {from: a, to: b, delay: 5ms, jitter: 3ms, loss: 0.02}
  - {from: b, to: c, delay: 10ms}
workload:
  pings: [{from: a, to: c, at: 8s, every: 1s, count: 3}]
  units: [{from: a, to: c, at: 9s, stdin: 20000, stdout: 50000, duration: 2s}, {from: c, to: a, at: 9s, exit: 3}]
`

func TestSameSeedSameRun(t *testing.T) {
	first, trace := play(t, line, 1)
	if len(first.Violations) > 0 || first.Units != (Units{2, 1, 2, 2}) || first.Pings != (Pings{3, 3}) {
		t.Errorf("units %+v, pings %+v, violations %v, want all done", first.Units, first.Pings, first.Violations)
	}
	if again, traceAgain := play(t, line, 1); again.TraceHash != first.TraceHash || traceAgain != trace {
		t.Errorf("the same seed gave %d events with trace hash %s, and then %d with %s", first.Events, first.TraceHash, again.Events, again.TraceHash)
	}
	if other, _ := play(t, line, 2); other.TraceHash == first.TraceHash {
		t.Errorf("seeds 1 and 2 have the same trace hash %s", other.TraceHash)
	}
}

func TestUnitsSurviveCrashesAndOutages(t *testing.T) {
	const faults = `
timeline:
  - {at: 9.5s, do: crash, node: c, for: 3s}
  - {at: 10s, do: crash, node: a, for: 2s}
  - {at: 14s, do: down, link: [a, b], for: 5s}
`
	r, trace := play(t, strings.Replace(line, "for: 40s", "for: 90s", 1)+faults, 1)
	if len(r.Violations) > 0 || r.Units.Ended != 2 || r.Units.Released != 2 {
		t.Errorf("units %+v, violations %v, want both ended and released; log:\n%.20000s", r.Units, r.Violations, trace[max(0, len(trace)-20000):])
	}
}
