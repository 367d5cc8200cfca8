package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"receptor/internal/supervision"
	"receptor/work"
)

// procfs is this system, for claims.
type procfs struct{}

// BootID implements supervision.System.
func (procfs) BootID() (string, error) { return bootID() }

// StartOf implements supervision.System: in the unit of /proc/PID/stat.
func (procfs) StartOf(pid int) (uint64, error) {
	p, _, err := readProcess(pid)
	return p.start, err
}

// ownClaim returns the claim of this process.
var ownClaim = sync.OnceValues(func() (supervision.Claim, error) {
	boot, err := bootID()
	if err != nil {
		return supervision.Claim{}, err
	}
	own, _, err := readProcess(os.Getpid())
	return supervision.Claim{Pid: os.Getpid(), Start: own.start, Boot: boot}, err
})

// takeClaim claims the unit for this process. The claim is complete, locked
// and on disk before it can be seen. The caller holds it by keeping the file. The
// error is work.ErrClaimed if another supervisor was first.
func takeClaim(dir string) (*os.File, error) {
	temp := filepath.Join(dir, fmt.Sprintf("%s.%d", supervision.ClaimFile, os.Getpid()))
	f, err := lockFile(temp)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp)
	own, err := ownClaim()
	if err == nil {
		err = json.NewEncoder(f).Encode(own)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Link(temp, filepath.Join(dir, supervision.ClaimFile))
	}
	if err == nil {
		err = FS{}.SyncDir(dir)
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, fs.ErrExist) {
		return nil, work.ErrClaimed
	}
	return nil, fmt.Errorf("claim the unit: %w", err)
}

// markDone says in the claim that no process of the unit is left. An error is
// of no consequence: whoever needs to know will look for processes.
func markDone(held *os.File) {
	own, err := ownClaim()
	if err != nil {
		return
	}
	own.Done = 1
	if b, err := json.Marshal(own); err == nil {
		_, _ = held.WriteAt(b, 0)
	}
}

// readClaim returns the claim of the unit's supervisor, and whether that still
// lives. Without a claim the error is work.ErrNeverStarted.
func readClaim(dir string) (c supervision.Claim, alive bool, err error) {
	f, err := os.Open(filepath.Join(dir, supervision.ClaimFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, work.ErrNeverStarted
	}
	if err != nil {
		return c, false, err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&c); err != nil || c.Pid <= 0 {
		return c, false, fmt.Errorf("%s names no process: %w", f.Name(), err)
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case err == nil:
		return c, false, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return c, c.Lives(procfs{}), nil
	default:
		return c, false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}

// awaitRelease returns when the supervisor of the unit has ended. It keeps a
// thread of the process busy.
func awaitRelease(dir string) error {
	f, err := os.Open(filepath.Join(dir, supervision.ClaimFile))
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_SH); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
