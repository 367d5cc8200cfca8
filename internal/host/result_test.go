//go:build linux

package host

import (
	"testing"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// block has no status of a unit written until it is called again.
func (d *testDaemon) block(unit string) (unblock func()) {
	d.t.Helper()
	supervisor := d.supervisorOf(unit)
	limit := func(limit *unix.Rlimit) (old unix.Rlimit) {
		if err := unix.Prlimit(supervisor, unix.RLIMIT_NOFILE, limit, &old); err != nil {
			d.t.Fatal(err)
		}
		return old
	}
	before := limit(nil)
	limit(&unix.Rlimit{Cur: 0, Max: before.Max}) // it can open no file
	return func() { limit(&before) }
}

// blocked returns a unit whose command has ended, and whose result the disk does
// not take.
func (d *testDaemon) blocked() (unit string, unblock func()) {
	d.t.Helper()
	g := gate(d.t)
	unit = d.script("echo $$; read x <" + g)
	command := number(d.t, d.line(d.results(unit)))
	d.supervisorOfStarted(unit)
	unblock = d.block(unit)
	open(d.t, g)
	wantDead(d.t, command)
	return unit, unblock
}

// Only the supervisor knows the result of a command: it goes on to try until the
// disk takes it, whatever becomes of the daemon.
func TestResultIsWrittenLater(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	unit, unblock := d.blocked()
	d.wantStatus(unit, work.Running, "Running: PID ")
	unblock()
	d.awaitState(unit, work.Succeeded)
	d.wantStatus(unit, work.Succeeded, "exit status 0")

	unit, unblock = d.blocked()
	d.stop()
	d = startDaemon(t, dir)
	d.wantStatus(unit, work.Running, "Running: PID ")
	unblock()
	d.awaitState(unit, work.Succeeded)
}

// Who releases a unit does not wait for its result.
func TestReleaseWithoutResult(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	unit, _ := d.blocked()
	d.wantReleased(unit, nil)
}
