package planted

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"receptor/sim/campaign"
	"receptor/sim/full"
	"receptor/sim/full/fulltest"
	"receptor/sim/scenario"
)

// fullSeeds are those within which a bug in work or streams must be found.
const fullSeeds = 20

// TestBugsInWorkAndStreamsAreFound plants bugs in whole daemons, which the full
// engine checks. Without a bug the same seeds of the same files find nothing.
func TestBugsInWorkAndStreamsAreFound(t *testing.T) {
	bugs := readBugs(t, "testdata/full")
	if len(bugs) < 8 {
		t.Errorf("there are only %d bugs", len(bugs))
	}
	sound := sync.OnceValue(func() *full.Host { return guestHost(t, full.CacheDir()) })
	clean := make(map[string]uint64) // the first seed of a file of which it is not known that it finds nothing without a bug
	for _, b := range bugs {
		if !b.quick && !*long {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			found := checkFull(t, guestHost(t, "", b.flags...), b.files, campaign.Seeds{To: fullSeeds})
			if found == nil {
				t.Fatalf("not found: %s", b.what)
			}
			v := found.Report.Violations[0]
			if !slices.Contains(b.rules, string(v.Rule)) {
				t.Errorf("it violates the rule %q, expected is one of %q: %s", v.Rule, b.rules, v.Text)
			}
			t.Logf("%s: found by seed %d of %s: %s: %s", b.what, found.Seed, filepath.Base(found.File.Path), v.Rule, v.Text)
			for _, file := range b.files {
				seeds := campaign.Seeds{From: clean[file], To: max(clean[file], found.Seed+1)}
				if failed := checkFull(t, sound(), []string{file}, seeds); failed != nil {
					t.Errorf("seed %d of %s fails without the bug too: %v", failed.Seed, file, failed.Report.Violations)
				}
				clean[file] = seeds.To
			}
		})
	}
}

// guestHost builds a guest with an overlay or without, and what runs it.
func guestHost(t *testing.T, cacheDir string, overlay ...string) *full.Host {
	t.Helper()
	guest, err := fulltest.Guest(overlay...)
	if err != nil {
		t.Fatal(err)
	}
	h, err := full.NewHost(context.Background(), guest, cacheDir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// checkFull checks files under seeds, and returns the first failure, or nil.
func checkFull(t *testing.T, h *full.Host, paths []string, seeds campaign.Seeds) (failed *campaign.Result) {
	t.Helper()
	c := campaign.Campaign{Engine: campaign.Full{Host: h}, Seeds: seeds, Faults: true}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := scenario.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		c.Files = append(c.Files, campaign.File{Path: path, File: f})
	}
	err := c.Run(t.Context(), func(r campaign.Result) error {
		if r.Failed() {
			failed = &r
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return failed
}
