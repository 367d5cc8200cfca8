package full

import (
	"os"
	"path/filepath"
	"testing"

	"receptor/sim/scenario"
)

// The scenarios of topologies/regressions/full once failed: check found them and made
// them small. Each has the seed that it failed with.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob("../../topologies/regressions/full/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d regressions: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := scenario.Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			if r, trace := play(t, string(text), f.Seed()); len(r.Violations) > 0 {
				t.Errorf("units %+v, streams %+v, violations %v; log:\n%s", r.Units, r.Streams, r.Violations, last(trace))
			}
		})
	}
}
