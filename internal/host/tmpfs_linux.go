package host

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// InMemory reports whether what is written below a directory, which need not be
// there yet, is lost when the machine restarts: it is on a file system in memory.
func InMemory(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil {
			kind := uint32(fs.Type) // its type differs between architectures
			return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}
