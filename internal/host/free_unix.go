//go:build linux || darwin || freebsd

package host

import (
	"math"

	"golang.org/x/sys/unix"
)

// Free implements vfs.FS: what is left for who is not root.
func (FS) Free(name string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil {
		return 0, err
	}
	blocks, size := max(int64(s.Bavail), 0), max(int64(s.Bsize), 1)
	if s.Blocks == 0 || blocks > math.MaxInt64/size {
		return math.MaxInt64, nil // without a size at all, the file system does not tell
	}
	return blocks * size, nil
}
