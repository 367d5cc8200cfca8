//go:build unix

package host

import (
	"path/filepath"
	"strings"
	"testing"
)

// A directory is that of one node at a time.
func TestLockDir(t *testing.T) {
	dir := t.TempDir()
	unlock, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockDir(dir); err == nil || !strings.Contains(err.Error(), "another process uses "+dir) {
		t.Errorf("a second time: %v", err)
	}
	unlock()
	if unlock, err = LockDir(dir); err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	unlock()
	if _, err := LockDir(filepath.Join(dir, "none")); err == nil {
		t.Error("there is no such directory, and it is locked")
	}
}
