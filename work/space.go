package work

import (
	"fmt"
	"sync"

	"receptor/work/vfs"
)

// lookEvery is how many bytes are written to a disk between two looks at the
// space that is left there. So much may be missing of it afterwards, for each
// Floor.
const lookEvery = 256 << 10

// Floor is the space on a disk that the inputs and outputs of units must leave
// free. Its methods may be called from any goroutine.
type Floor struct {
	fs  vfs.FS
	dir string
	min int64 // bytes; 0 or less for none

	mu     sync.Mutex
	credit int64 // bytes that may be written before the next look
}

// NewFloor returns the floor of the disk that a directory is on, in bytes; with 0
// nobody looks.
func NewFloor(fsys vfs.FS, dir string, min int64) *Floor {
	return &Floor{fs: fsys, dir: dir, min: min}
}

// Take is called before n bytes are written, and returns an error if they would
// not leave enough. Where the disk does not tell, it is for the write to fail.
func (f *Floor) Take(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.credit -= int64(n); f.min <= 0 || f.credit >= 0 {
		return nil
	}
	f.credit = 0 // below the floor every write looks
	if free, err := f.fs.Free(f.dir); err == nil && free-int64(n) < f.min {
		return f.missed(free)
	}
	f.credit = lookEvery
	return nil
}

func (f *Floor) missed(free int64) error {
	return fmt.Errorf("its disk has %s left, and this node keeps %s free (minfreespace)", bytesText(free), bytesText(f.min))
}

// checkNew refuses a new unit when the disk is nearly full. Those that there are
// go on for as long as they write nothing: their ends must be written, and to
// kill them would free nothing.
func (f *Floor) checkNew() error {
	if f.min <= 0 {
		return nil
	}
	free, err := f.fs.Free(f.dir)
	if err != nil {
		return fmt.Errorf("find the space that is left for units of work: %w", err)
	}
	if free < f.min {
		return fmt.Errorf("no space for another unit: %w", f.missed(free))
	}
	return nil
}

// bytesText shows a number of bytes to a person.
func bytesText(n int64) string {
	for i, unit := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if size := n >> (10 * i); size < 1<<10 {
			return fmt.Sprintf("%d %s", size, unit)
		}
	}
	return fmt.Sprintf("%d TiB", n>>40)
}
