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

	"receptor/work"
)

// claimFile is the name, in a unit's directory, of the file that the unit's
// one and only supervisor has made and keeps locked.
const claimFile = "supervisor"

// claim is what that file holds, as JSON: who the supervisor is. The lock tells
// whether it lives; where a lock outlives its holder, as some network file
// systems have it, the rest does.
type claim struct {
	Pid int
	// Start is when the process started, in the unit of /proc/PID/stat; Boot is
	// the boot ID of the system.
	Start uint64
	Boot  string
	// Done is 1 once the unit is complete and no process of it left but the
	// supervisor, which is about to let go of it: a number, so that the file keeps
	// its length, and is never seen half written.
	Done int
}

// ownClaim returns the claim of this process.
var ownClaim = sync.OnceValues(func() (claim, error) {
	boot, err := bootID()
	if err != nil {
		return claim{}, err
	}
	own, _, err := readProcess(os.Getpid())
	return claim{Pid: os.Getpid(), Start: own.start, Boot: boot}, err
})

// lives tells whether the process is, or may be, there.
func (c claim) lives() bool {
	if boot, err := bootID(); err == nil && c.Boot != "" && c.Boot != boot {
		return false
	}
	p, _, err := readProcess(c.Pid)
	return err != nil || c.Start == 0 || p.start == c.Start
}

// errClaimed means that another supervisor was first.
var errClaimed = errors.New("another supervisor has claimed the unit")

// takeClaim claims the unit for this process. The claim is complete, locked
// and on disk before it can be seen. The caller holds it by keeping the file.
func takeClaim(dir string) (*os.File, error) {
	temp := filepath.Join(dir, fmt.Sprintf("%s.%d", claimFile, os.Getpid()))
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
		err = os.Link(temp, filepath.Join(dir, claimFile))
	}
	if err == nil {
		err = FS{}.SyncDir(dir)
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, fs.ErrExist) {
		return nil, errClaimed
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
func readClaim(dir string) (c claim, alive bool, err error) {
	f, err := os.Open(filepath.Join(dir, claimFile))
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
		return c, c.lives(), nil
	default:
		return c, false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}

// awaitRelease returns when the supervisor of the unit has ended. It keeps a
// thread of the process busy.
func awaitRelease(dir string) error {
	f, err := os.Open(filepath.Join(dir, claimFile))
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
