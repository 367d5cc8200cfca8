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

// takeClaim claims the unit for this process. It holds the claim, which is on disk, by
// keeping the file. The error is work.ErrClaimed if another supervisor was first, and
// work.ErrTerminal if the unit is complete.
func takeClaim(dir string, done bool) (*os.File, work.Status, error) {
	f, err := openUpdate(filepath.Join(dir, work.StatusFile))
	if err != nil {
		return nil, work.Status{}, fmt.Errorf("claim the unit: %w", err)
	}
	s, err := claimFile(f, done)
	if err == nil {
		err = endUpdate(f)
	}
	if err != nil {
		f.Close()
		return nil, s, fmt.Errorf("claim the unit: %w", err)
	}
	return f, s, nil
}

// claimFile claims the unit whose status file this is. Its lock is there before the claim
// can be read.
func claimFile(f *os.File, done bool) (work.Status, error) {
	own, err := ownClaim()
	if err != nil {
		return work.Status{}, err
	}
	claim, err := json.Marshal(own)
	if err != nil {
		return work.Status{}, err
	}
	switch err := lockByte(f, unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: lifeByte}); {
	case hasNoLocks(err):
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return work.Status{}, work.ErrClaimed
	case err != nil:
		return work.Status{}, err
	}
	return work.ClaimStatus(file{f}, claim, done)
}

// unitClaim is what the status of a unit says of its supervisor.
type unitClaim struct {
	supervision.Claim
	dir  string
	done bool // see work.Status
}

// readClaim returns the claim of the unit's supervisor. Without a claim the error is
// work.ErrNeverStarted.
func readClaim(dir string) (c unitClaim, err error) {
	claim, done, err := work.ReadClaim(FS{}, dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && claim == nil {
		return c, work.ErrNeverStarted
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(claim, &c.Claim); err != nil || c.Pid <= 0 {
		return c, fmt.Errorf("the claim in %s names no process: %w", dir, err)
	}
	c.dir, c.done = dir, done
	return c, nil
}

// alive reports whether the supervisor still lives.
func (c unitClaim) alive() (bool, error) {
	f, err := os.Open(filepath.Join(c.dir, work.StatusFile))
	if err != nil {
		return false, err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK, Start: lifeByte}
	if err := lockByte(f, unix.F_OFD_GETLK, &lock); err != nil && !hasNoLocks(err) {
		return false, err
	}
	return lock.Type != unix.F_UNLCK && c.Lives(procfs{}), nil
}

// awaitRelease returns when the supervisor of the unit has ended. It keeps a
// thread of the process busy.
func awaitRelease(dir string) error {
	f, err := os.Open(filepath.Join(dir, work.StatusFile))
	if err != nil {
		return err
	}
	defer f.Close()
	return lockByte(f, unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_RDLCK, Start: lifeByte})
}
