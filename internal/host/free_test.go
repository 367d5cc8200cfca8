//go:build linux

package host

import (
	"errors"
	"io/fs"
	"math"
	"testing"
)

func TestFree(t *testing.T) {
	free, err := FS{}.Free(t.TempDir())
	if err != nil || free <= 0 || free > 1<<60 {
		t.Errorf("%d bytes free, %v", free, err)
	}
	if free, err := (FS{}).Free("/proc"); err != nil || free != math.MaxInt64 {
		t.Errorf("a file system without a size: %d bytes free, %v", free, err)
	}
	if _, err := (FS{}).Free(t.TempDir() + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such directory: %v", err)
	}
}
