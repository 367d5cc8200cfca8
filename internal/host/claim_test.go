//go:build linux

package host

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// A supervisor is gone when its lock is, and also when its lock is still held
// although its process, or the whole system, is another by now.
func TestClaims(t *testing.T) {
	own, err := ownClaim()
	if err != nil {
		t.Fatal(err)
	}
	if own.Start == 0 || own.Boot == "" {
		t.Fatalf("claim %+v", own)
	}
	for _, test := range []struct {
		name   string
		change func(*claim)
		locked bool
		alive  bool
	}{
		{"its process", func(*claim) {}, true, true},
		{"without a lock", func(*claim) {}, false, false},
		{"another process with its ID", func(c *claim) { c.Start++ }, true, false},
		{"before the system was booted", func(c *claim) { c.Boot = "x" + c.Boot }, true, false},
		{"of an earlier version", func(c *claim) { c.Start, c.Boot = 0, "" }, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			c := own
			test.change(&c)
			f, err := lockFile(filepath.Join(dir, claimFile))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := json.NewEncoder(f).Encode(c); err != nil {
				t.Fatal(err)
			}
			if !test.locked {
				f.Close()
			}
			found, alive, err := readClaim(dir)
			if found != c || alive != test.alive || err != nil {
				t.Errorf("claim %+v, alive %v, %v", found, alive, err)
			}
		})
	}
}
