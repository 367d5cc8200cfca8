package campaign

import (
	"context"
	"slices"
	"sync"
	"testing"

	"receptor/sim/full"
	"receptor/sim/full/fulltest"
	"receptor/sim/scenario"
)

// host is one for all tests. It lives as long as they do.
var host = sync.OnceValues(func() (*full.Host, error) {
	guest, err := fulltest.Guest()
	if err != nil {
		return nil, err
	}
	return full.NewHost(context.Background(), guest, full.CacheDir(), 0)
})

func fullEngine(t *testing.T) Full {
	t.Helper()
	h, err := host()
	if err != nil {
		t.Fatal(err)
	}
	return Full{Host: h}
}

const units = `
for: 30s
generate: {kind: ring, nodes: 4, delay: 5ms}
workload:
  units: [{from: n1, to: n3, at: 5s, stdin: 3000, stdout: 5000, duration: 5s}, {from: n2, to: n4, at: 12s, exit: 1}]
`

func TestCampaignOnTheFullEngine(t *testing.T) {
	t.Parallel()
	c := Campaign{Engine: fullEngine(t), Files: []File{parse(t, "units", units)}, Seeds: Seeds{From: 16, To: 18}, Faults: true}
	var seeds []uint64
	err := c.Run(t.Context(), func(r Result) error {
		seeds = append(seeds, r.Seed)
		if r.Failed() || r.Report.Engine != full.Engine || r.Report.Events == 0 {
			t.Errorf("seed %d: %+v", r.Seed, r.Report)
		}
		return nil
	})
	if err != nil || !slices.Equal(seeds, []uint64{16, 17}) {
		t.Errorf("runs of the seeds %v, %v, want 16 and 17", seeds, err)
	}
}

// For the full engine all is drawn but forging.
func TestPlanForTheFullEngine(t *testing.T) {
	t.Parallel()
	f := parse(t, "units", units)
	kinds := make(map[scenario.Do]bool)
	for seed := range uint64(100) {
		s, err := Plan(Full{}, f.File, seed, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range s.Timeline {
			kinds[a.Do] = true
			if a.Do == scenario.Forge {
				t.Errorf("seed %d has %v", seed, a)
			}
		}
	}
	for _, do := range append(scenario.DiskKinds(), scenario.Slow, scenario.Duplicate, scenario.Down, scenario.Crash, scenario.Wipe, scenario.Settle) {
		if !kinds[do] {
			t.Errorf("no seed of a hundred has %s", do)
		}
	}
}
