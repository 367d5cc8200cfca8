//go:build linux

package host

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// hiding starts processes that are hard to find, one a line of output: in the
// background, in a session of its own, by a double fork, deaf to what can be
// ignored, and without the environment that marks those of a unit.
const hiding = `sleep 1000 & echo $!
setsid sh -c "echo \$\$; exec sleep 1000" &
(setsid sh -c "sh -c \"echo \\\$\\\$; exec sleep 1000\" & exit" &)
sh -c "trap : INT TERM; echo \$\$; while :; do sleep 1000; done" &
env -i sh -c "echo \$\$; exec sleep 1000" &
`

const hidden = 5

// hide runs a unit of those processes, followed by more of the script, and
// returns their process IDs once all run.
func (d *testDaemon) hide(more string) (unit string, pids []int) {
	d.t.Helper()
	g := gate(d.t)
	unit = d.script(hiding + "read x <" + g + "\n" + more)
	r := d.results(unit)
	for range hidden {
		pids = append(pids, number(d.t, d.line(r)))
	}
	open(d.t, g)
	return unit, pids
}

// wantReleased releases a unit, and wants nothing to be left of it.
func (d *testDaemon) wantReleased(unit string, pids []int) {
	d.t.Helper()
	if got, want := d.do("work release %s", unit), `{"released":"`+unit+`"}`; got != want {
		d.t.Errorf("answer %s, want %s", got, want)
	}
	for _, pid := range pids {
		if runs(pid) {
			d.t.Errorf("process %d of the unit still runs", pid)
		}
	}
	if left, err := os.ReadDir(d.dir); len(left) != 0 {
		d.t.Errorf("left: %v, %v", left, err)
	}
}

// awaitState returns when a unit is in a state.
func (d *testDaemon) awaitState(unit string, state work.State) {
	d.t.Helper()
	for e := range d.events {
		if c, ok := e.(work.UnitChanged); ok && c.Unit == unit && c.State == state {
			return
		}
	}
}

func TestReleaseOfRunningUnit(t *testing.T) {
	t.Setenv(quickCancel, "1")
	d := startDaemon(t, t.TempDir())
	unit, pids := d.hide("sleep 1000")
	d.wantReleased(unit, pids)
}

// A unit that has succeeded may have left anything running.
func TestReleaseEndsBackground(t *testing.T) {
	for _, test := range []struct {
		name  string
		after func(d *testDaemon, dir, unit string) *testDaemon
	}{
		{"at once", func(d *testDaemon, _, _ string) *testDaemon { return d }},
		{"after a restart", func(d *testDaemon, dir, _ string) *testDaemon {
			d.stop()
			return startDaemon(d.t, dir)
		}},
		{"after a cancel", func(d *testDaemon, _, unit string) *testDaemon {
			d.do("work cancel %s", unit)
			d.wantStatus(unit, work.Succeeded, "exit status 0")
			return d
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(quickCancel, "1")
			dir := t.TempDir()
			d := startDaemon(t, dir)
			unit, pids := d.hide("")
			d.awaitState(unit, work.Succeeded)
			for _, pid := range pids {
				if !runs(pid) {
					t.Errorf("process %d does not go on", pid)
				}
			}
			test.after(d, dir, unit).wantReleased(unit, pids)
		})
	}
}

// With the supervisor killed, only what hides its environment is not found.
func TestReleaseAfterSupervisorWasKilled(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	unit := d.script("setsid sleep 1000 & echo $!")
	pid := number(t, d.line(d.results(unit)))
	d.awaitState(unit, work.Succeeded)
	supervisor := d.supervisorOf(unit)
	d.stop()
	if err := unix.Kill(supervisor, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wantDead(t, supervisor)
	d = startDaemon(t, dir)
	d.wantReleased(unit, []int{pid})
}

// A release that waits for the end of a unit goes on after a restart.
func TestReleaseSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	unit := d.script("trap \"echo asked\" INT TERM; echo ready; until [ -e " + dir + "/end ]; do sleep 0.05; done")
	r := d.results(unit)
	d.line(r)
	released := make(chan struct{})
	go func() {
		defer close(released)
		_, _ = d.client().Do("work release " + unit) // the daemon stops meanwhile
	}()
	if got := d.line(r); got != "asked" {
		t.Fatalf("the command said %q", got)
	}
	d.stop()
	<-released
	d = startDaemon(t, dir)
	if err := os.WriteFile(dir+"/end", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for e := range d.events {
		if r, ok := e.(work.UnitReleased); ok && r.Unit == unit {
			break
		}
	}
	if left, err := os.ReadDir(d.dir); len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Orders may be given again, by several clients at once.
func TestOrdersAgain(t *testing.T) {
	t.Setenv(quickCancel, "1")
	d := startDaemon(t, t.TempDir())
	unit, pids := d.hide("sleep 1000")
	clients := []string{"cancel", "cancel", "cancel"}
	answers := make(chan string)
	for _, order := range clients {
		c := d.client()
		go func() {
			answer, err := c.Do("work " + order + " " + unit)
			if err != nil {
				answer = []byte(err.Error())
			}
			answers <- string(answer)
		}()
	}
	for range clients {
		if got, want := <-answers, `{"cancelled":"`+unit+`"}`; got != want {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
	d.wantStatus(unit, work.Canceled, "Canceled")
	d.wantReleased(unit, pids)
}
