package campaign

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"receptor/sim"
	"receptor/sim/full"
	"receptor/sim/guest"
	"receptor/sim/scenario"
)

// native runs the guest of the full engine as a program of this machine, in a bubble:
// time is virtual, but goroutines are those of the machine, so the race detector sees
// what happens to them. It takes a tenth of the time of the full engine, and is not
// replayed: what fails is for that to find again.
type native struct{ t *testing.T }

// Supports implements Engine. What is slow sleeps while it holds locks, and a bubble
// whose goroutines wait for a lock has no time that could go on.
func (native) Supports(a scenario.Action) bool {
	return a.Do != scenario.Slow && a.Do != scenario.DiskSlow
}

// Run implements Engine. It leaves out what it does not support.
func (n native) Run(_ context.Context, s *scenario.Scenario, _ Options) (sim.Report, error) {
	able := *s
	able.Timeline = slices.DeleteFunc(slices.Clone(s.Timeline), func(a scenario.Action) bool { return !n.Supports(a) })
	s = &able
	var log bytes.Buffer
	var err error
	synctest.Test(n.t, func(*testing.T) { err = guest.Run(bytes.NewReader(s.Encode("")), &log) })
	if err != nil {
		return sim.Report{}, err
	}
	violations, err := full.Judge(s, log.Bytes())
	return sim.Report{Seed: s.Seed, Engine: full.Engine, Nodes: len(s.Nodes), Links: len(s.Links), VirtualSeconds: s.For.Seconds(), Violations: violations}, err
}

var (
	nativeFirst = flag.Uint64("native.first", 0, "the first seed with which scenarios run natively")
	nativeSeeds = flag.Uint64("native.seeds", 2, "how many there are")
	nativeFiles = flag.String("native.files", "../../topologies/full/*.yaml ../../topologies/regressions/*.yaml ../../topologies/regressions/full/*.yaml ../planted/testdata/full/*.yaml", "the files, as patterns with spaces between")
)

// What check does with the scenarios of the full engine violates nothing either where
// goroutines run at once.
func TestScenariosNatively(t *testing.T) {
	for _, pattern := range strings.Fields(*nativeFiles) {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no scenarios are %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := parse(t, path, string(text))
			for n := range *nativeSeeds {
				seed := *nativeFirst + n
				t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(path), ".yaml"), seed), func(t *testing.T) {
					s, err := Plan(native{}, f.File, seed, true)
					if err != nil {
						t.Fatal(err)
					}
					r, err := native{t}.Run(t.Context(), s, Options{})
					if err != nil || len(r.Violations) > 0 {
						t.Errorf("violations %v, error %v", r.Violations, err)
					}
				})
			}
		}
	}
}

// The property of TestWorkSurvivesFaults, where goroutines run at once.
func TestWorkSurvivesFaultsNatively(t *testing.T) {
	const shareOfCases = 10
	scaleCases(t, shareOfCases)
	surviveFaults(t, native{t}, failures)
}
