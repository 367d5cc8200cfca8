//go:build linux

package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"receptor/internal/supervision"
	"receptor/work"
)

func TestSupervisorKilled(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	unit := d.script("sleep 1000 & echo $!; echo $$; wait")
	r := d.results(unit)
	pids := []int{number(t, d.line(r)), number(t, d.line(r))}
	if err := unix.Kill(d.supervisorOfStarted(unit), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.rest(r)
	d.wantStatus(unit, work.Failed, "the supervisor of the command ended early (signal: killed)")
	for _, pid := range pids {
		wantDead(t, pid)
	}
}

func TestSupervisorKilledWithoutDaemon(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	unit := d.script("sleep 1000 & echo $!; wait")
	pid := number(t, d.line(d.results(unit)))
	supervisor := d.supervisorOfStarted(unit)
	d.stop()
	if err := unix.Kill(supervisor, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := awaitRelease(filepath.Join(d.dir, unit)); err != nil {
		t.Fatal(err)
	}

	d = startDaemon(t, dir)
	d.wantStatus(unit, work.Failed, "ended early (while this node was down)")
	wantDead(t, pid)
	if got := d.rest(d.results(unit)); !strings.HasSuffix(got, "\n") {
		t.Errorf("the output before that is lost: %q", got)
	}
}

// Killed while the daemon watches a supervisor that is no child of it.
func TestSupervisorKilledAfterRestart(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	unit := d.script("echo $$; exec sleep 1000")
	d.line(d.results(unit))
	supervisor := d.supervisorOfStarted(unit)
	d.stop()
	d = startDaemon(t, dir)
	r := d.results(unit)
	d.line(r)
	if err := unix.Kill(supervisor, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.rest(r)
	d.wantStatus(unit, work.Failed, "ended early (its process is gone)")
}

// Of two supervisors of a unit one runs the command.
func TestOneSupervisorPerUnit(t *testing.T) {
	dir := t.TempDir()
	status := work.Status{Detail: "Starting Worker", WorkType: "sh"}
	if err := work.WriteStatus(FS{}, dir, status); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, work.StdinFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var supervisors []*exec.Cmd
	for range 8 {
		cmd := exec.Command(program, superviseWord, dir, "sh", "-c", "echo once")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		supervisors = append(supervisors, cmd)
	}
	winners := 0
	for _, cmd := range supervisors {
		cmd.Wait()
		switch code := cmd.ProcessState.ExitCode(); code {
		case 0:
			winners++
		case int(supervision.Claimed):
		default:
			t.Errorf("exit code %d", code)
		}
	}
	out, err := os.ReadFile(filepath.Join(dir, work.StdoutFile))
	if winners != 1 || string(out) != "once\n" {
		t.Errorf("%d supervisors ran the command, output %q, %v", winners, out, err)
	}
}
