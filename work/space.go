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
	// tell, unless it is nil, is called with the reason when a look finds too little
	// space after enough, and with nil when there is enough again. It requires mu.
	tell func(short error)

	mu     sync.Mutex
	credit int64 // bytes that may be written before the next look
	short  bool  // what the last look found
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
	short, err := f.look(int64(n))
	if err == nil && short != nil {
		return short
	}
	f.credit = lookEvery
	return nil
}

// look returns in short why n bytes may not be written, and an error if that cannot
// be found out. It requires mu.
func (f *Floor) look(n int64) (short, err error) {
	free, err := f.fs.Free(f.dir)
	if err != nil {
		return nil, fmt.Errorf("find the space that is left for units of work: %w", err)
	}
	if free-n < f.min {
		short = fmt.Errorf("its disk has %s left, and this node keeps %s free (minfreespace)", bytesText(free), bytesText(f.min))
	}
	if was := f.short; was != (short != nil) {
		f.short = !was
		if f.tell != nil {
			f.tell(short)
		}
	}
	return short, nil
}

// checkNew refuses a new unit when the disk is nearly full. Those that there are
// go on for as long as they write nothing: their ends must be written, and to
// kill them would free nothing.
func (f *Floor) checkNew() error {
	if f.min <= 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	short, err := f.look(0)
	if err != nil {
		return err
	}
	if short != nil {
		return fmt.Errorf("no space for another unit: %w", short)
	}
	return nil
}

// spaceChanged is the tell of the Manager's floor.
func (m *Manager) spaceChanged(short error) {
	if short != nil {
		m.emit(SpaceShort{Err: short})
	} else {
		m.emit(SpaceEnough{})
	}
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
