package full

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"receptor/sim/check"
	"receptor/sim/full/fulltest"
	"receptor/sim/scenario"
)

// astray builds the guest of testdata/astray, and a host for it that gives it
// little memory.
func astray(t *testing.T) *Host {
	t.Helper()
	absolute := func(path string) string {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		absolute("../guest/wasm/main.go"): absolute("testdata/astray/main.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o666); err != nil {
		t.Fatal(err)
	}
	guest, err := fulltest.Guest("-overlay", file)
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHost(t.Context(), guest, CacheDir(), 128)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// Nodes that wait for each other, do something without end, take ever more memory
// or panic violate a rule, and the host goes on to the next run.
func TestNodesGoAstray(t *testing.T) {
	h := astray(t)
	for i, c := range []struct{ bug, want string }{
		{"deadlock", "all goroutines are asleep"},
		{"loop", "without end"},
		{"growth", "out of memory"},
		{"panic", "panic: planted"},
		{"sound", ""},
	} {
		s := &scenario.Scenario{
			Name: c.bug, Seed: uint64(i), For: 10 * time.Second, Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}},
			Links:  []scenario.Link{{From: "a", To: "b", Backend: scenario.TCP, Cost: 1}},
			Expect: scenario.Expect{LostPings: -1},
		}
		r, err := h.Run(t.Context(), s, Options{})
		if err != nil {
			t.Errorf("%s: the host fails: %v", c.bug, err)
			continue
		}
		if c.want == "" {
			if len(r.Violations) > 0 {
				t.Errorf("%s: %v", c.bug, r.Violations)
			}
			continue
		}
		if len(r.Violations) != 1 || r.Violations[0].Rule != check.RuleGuest || !strings.Contains(fmt.Sprint(r.Violations), c.want) || r.Seed != s.Seed {
			t.Errorf("%s: seed %d, violations %v, want one of seed %d that says %q", c.bug, r.Seed, r.Violations, s.Seed, c.want)
		}
	}
}
