//go:build linux

package host

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"receptor/internal/supervision"
	"receptor/work"
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
		change func(*supervision.Claim)
		locked bool
		alive  bool
	}{
		{"its process", func(*supervision.Claim) {}, true, true},
		{"without a lock", func(*supervision.Claim) {}, false, false},
		{"another process with its ID", func(c *supervision.Claim) { c.Start++ }, true, false},
		{"before the system was booted", func(c *supervision.Claim) { c.Boot = "x" + c.Boot }, true, false},
		{"of an earlier version", func(c *supervision.Claim) { c.Start, c.Boot = 0, "" }, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			c := own
			test.change(&c)
			claimed(t, dir, c, test.locked)
			found, err := readClaim(dir)
			if found.Claim != c || err != nil {
				t.Fatalf("claim %+v, %v", found, err)
			}
			if alive, err := found.alive(); err != nil || alive != test.alive {
				t.Errorf("alive %v, %v", alive, err)
			}
		})
	}
}

// claimed makes the status of a unit that has a claim, and holds its lock until the end of
// the test if it is to be locked.
func claimed(t *testing.T, dir string, c supervision.Claim, locked bool) {
	t.Helper()
	claim, err := json.Marshal(c)
	if err == nil {
		err = work.WriteStatus(FS{}, dir, work.Status{WorkType: "sh", Claim: claim})
	}
	if err != nil {
		t.Fatal(err)
	}
	if locked {
		f, err := openUpdate(filepath.Join(dir, work.StatusFile))
		if err == nil {
			err = lockByte(f, unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: lifeByte})
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
	}
}

// Without locks there is still one supervisor, and its process tells whether it lives.
func TestClaimWithoutLocks(t *testing.T) {
	before := setLock
	setLock = func(uintptr, int, *unix.Flock_t) error { return unix.EINVAL }
	defer func() { setLock = before }()
	dir := t.TempDir()
	if err := work.WriteStatus(FS{}, dir, work.Status{WorkType: "sh"}); err != nil {
		t.Fatal(err)
	}
	held, _, err := takeClaim(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, _, err := takeClaim(dir, false); !errors.Is(err, work.ErrClaimed) {
		t.Errorf("another: %v", err)
	}
	c, err := readClaim(dir)
	if err != nil {
		t.Fatal(err)
	}
	if alive, err := c.alive(); err != nil || !alive {
		t.Errorf("alive %v, %v", alive, err)
	}
	c.Start++
	if alive, err := c.alive(); err != nil || alive {
		t.Errorf("another process: alive %v, %v", alive, err)
	}
}

// Who writes the status of a unit waits for another one, and then has the file that has
// the name by that time.
func TestUpdateIsExclusive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, n := range []string{name, name + ".new"} {
		if err := os.WriteFile(n, []byte(filepath.Ext(n)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, err := openUpdate(name)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan *os.File)
	go func() {
		f, err := openUpdate(name)
		if err != nil {
			t.Error(err)
		}
		second <- f
	}()
	waiting := unix.Flock_t{Type: unix.F_WRLCK, Start: updateByte}
	probe, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	if err := lockByte(probe, unix.F_OFD_SETLK, &waiting); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("it is not locked: %v", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	first.Close()
	f := <-second
	defer f.Close()
	if b, err := os.ReadFile(f.Name()); err != nil || !isNamed(f, name) || string(b) != ".new" {
		t.Errorf("it is another file, with %q, %v", b, err)
	}
}

// After Forbid no supervisor runs the unit; after a claim there is no Forbid.
func TestForbid(t *testing.T) {
	p, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	unit := func() (dir string) {
		dir = t.TempDir()
		if err := work.WriteStatus(FS{}, dir, work.Status{WorkType: "sh"}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, work.StdinFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := unit()
	if err := p.Forbid(dir); err != nil {
		t.Fatal(err)
	}
	if err := p.Forbid(dir); !errors.Is(err, work.ErrClaimed) {
		t.Errorf("again: %v", err)
	}
	w := newWatch()
	if _, err := p.Start(work.Job{Dir: dir, Command: "touch", Args: []string{filepath.Join(dir, "ran")}}, w); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("the command ran all the same")
	}
	if process, err := p.Attach(dir, 0, newWatch()); err != work.ErrSupervisorGone || process != nil {
		t.Errorf("attach: %v, %v", process, err)
	}

	dir, w = unit(), newWatch()
	if _, err := p.Start(work.Job{Dir: dir, Command: "true"}, w); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	if err := p.Forbid(dir); !errors.Is(err, work.ErrClaimed) {
		t.Errorf("of a unit that is claimed: %v", err)
	}
}
