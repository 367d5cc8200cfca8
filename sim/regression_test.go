package sim

import (
	"os"
	"path/filepath"
	"testing"

	"receptor/sim/scenario"
)

// The scenarios of topologies/regressions once failed: check found them and made
// them small.
func TestRegressions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../topologies/regressions/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d regressions: %v", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := scenario.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, resolve(t, f, f.Seed()), Options{})
		for _, v := range r.Violations {
			t.Errorf("%s: %v", filepath.Base(path), v)
		}
		if !r.Quiet {
			t.Errorf("%s: nothing was checked: the mesh never was quiet for the bound of %v", filepath.Base(path), r.Bound)
		}
	}
}
