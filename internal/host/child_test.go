//go:build linux

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// run runs a job in a directory of its own until its supervisor is through with
// it. It returns the directory, and which process that was.
func run(t *testing.T, p *Processes, job work.Job, stdin string) (dir string, supervisor int) {
	t.Helper()
	job.Dir = t.TempDir()
	if err := work.WriteStatus(FS{}, job.Dir, work.Status{WorkType: "sh"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(job.Dir, work.StdinFile), []byte(stdin), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWatch()
	if _, err := p.Start(job, w); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	c, err := readClaim(job.Dir)
	if err != nil || !c.done {
		t.Fatalf("claim %+v, %v", c, err)
	}
	if alive, err := c.alive(); err != nil || alive {
		t.Fatalf("alive %v, %v", alive, err)
	}
	return job.Dir, c.Pid
}

func script(text string) work.Job { return work.Job{Command: "sh", Args: []string{"-c", text}} }

func newProcesses(t *testing.T) *Processes {
	t.Helper()
	p, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func wantFile(t *testing.T, want string, name ...string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(name...)); err != nil || string(got) != want {
		t.Errorf("%s has %q, %v; want %q", name, got, err, want)
	}
}

func wantResult(t *testing.T, dir string, state work.State, detail string) {
	t.Helper()
	if s, err := work.ReadStatus(FS{}, dir); err != nil || s.State != state || !strings.Contains(s.Detail, detail) {
		t.Errorf("%v, %q, %v; want %v, %q", s.State, s.Detail, err, state, detail)
	}
}

// A supervisor runs one unit after another, each as if it were the first, whatever
// they are.
func TestSupervisorIsReused(t *testing.T) {
	p := newProcesses(t)
	_, first := run(t, p, script("exit 0"), "")
	var open int
	for i := range 5 {
		same := func(dir string, supervisor int) string {
			t.Helper()
			if supervisor != first {
				t.Errorf("the supervisor is %d, not %d", supervisor, first)
			}
			return dir
		}
		job := script("cat; echo $RECEPTOR_UNIT_DIR")
		job.MinFree = 1 // so that the output goes through pipes
		dir := same(run(t, p, job, fmt.Sprint("input ", i, "\n")))
		wantFile(t, fmt.Sprintf("input %d\n%s\n", i, dir), dir, work.StdoutFile)
		wantResult(t, dir, work.Succeeded, "exit status 0")

		job = script("echo 12345; echo err >&2; exit 3")
		job.SeparateStderr = true
		dir = same(run(t, p, job, ""))
		wantFile(t, "12345\n", dir, work.StdoutFile)
		wantFile(t, "err\n", dir, work.StderrFile)
		wantResult(t, dir, work.Failed, "exit status 3")

		job.MaxOutput = 3 // of each
		dir = same(run(t, p, job, ""))
		wantFile(t, "123", dir, work.StdoutFile)
		wantResult(t, dir, work.Failed, "Output exceeds 3 bytes")

		dir = same(run(t, p, work.Job{Command: "/no/such/program", MinFree: 1}, ""))
		wantResult(t, dir, work.Failed, "no such file or directory")

		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", first))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			open = len(files)
		} else if len(files) > open {
			t.Errorf("the supervisor has %d files open, before it had %d", len(files), open)
		}
	}
}

// A signal that was meant for one unit must not reach another.
func TestCanceledSupervisorIsNotReused(t *testing.T) {
	p := newProcesses(t)
	dir := t.TempDir()
	if err := work.WriteStatus(FS{}, dir, work.Status{WorkType: "sh"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, work.StdinFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	job, w := script("exec sleep 1000"), newWatch()
	job.Dir = dir
	process, err := p.Start(job, w)
	if err != nil {
		t.Fatal(err)
	}
	<-w.status // it runs
	if err := process.Cancel(); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	wantResult(t, dir, work.Canceled, "Canceled")
	canceled, err := readClaim(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantDead(t, canceled.Pid)
	if _, other := run(t, p, script("exit 0"), ""); other == canceled.Pid {
		t.Error("it was reused")
	}
}

// Nor if the unit was over just before.
func TestSupervisorWithSignalOnItsWayIsNotReused(t *testing.T) {
	p := newProcesses(t)
	_, pid := run(t, p, script("exit 0"), "")
	c := p.spares.take()
	s := &supervisor{p: p, process: c.process, canceled: true, forgotten: true}
	if err := c.give(work.Job{Dir: overUnit(t), Command: "true"}); err != nil {
		t.Fatal(err)
	}
	s.heard(c) // that it is over
	if p.spares.take() != nil {
		t.Error("it is a spare")
	}
	wantDead(t, pid)
}

// overUnit returns the directory of a unit that is complete.
func overUnit(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := work.WriteStatus(FS{}, dir, work.Status{State: work.Canceled, WorkType: "sh"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A spare that was killed, or asked to end, is no loss.
func TestSpareEnds(t *testing.T) {
	p := newProcesses(t)
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		_, spare := run(t, p, script("exit 0"), "")
		if err := unix.Kill(spare, sig); err != nil {
			t.Fatal(err)
		}
		wantDead(t, spare)
		dir, supervisor := run(t, p, script("echo again"), "")
		if supervisor == spare {
			t.Errorf("%v: the supervisor is %d, as before", sig, spare)
		}
		wantFile(t, "again\n", dir, work.StdoutFile)
	}
}

// Nobody may have noticed yet that it has ended.
func TestSpareHasEnded(t *testing.T) {
	p := newProcesses(t)
	run(t, p, script("exit 0"), "")
	c := p.spares.take()
	if err := c.process.Kill(); err != nil {
		t.Fatal(err)
	}
	wantDead(t, c.process.Pid)
	p.spares.list = append(p.spares.list, c)
	dir, _ := run(t, p, script("echo again"), "")
	wantFile(t, "again\n", dir, work.StdoutFile)
}

func TestSparesAreFew(t *testing.T) {
	p := newProcesses(t)
	var all []*child
	for range maxSpares + 1 {
		_, _ = run(t, p, script("exit 0"), "")
		all = append(all, p.spares.take())
	}
	for _, c := range all {
		p.spares.add(c)
	}
	if len(p.spares.list) != maxSpares {
		t.Errorf("%d spares, want %d", len(p.spares.list), maxSpares)
	}
	wantDead(t, all[maxSpares].process.Pid)
	p.spares.drop(all[0]) // as after spareTime
	wantDead(t, all[0].process.Pid)
	p.Close()
	for _, c := range all {
		wantDead(t, c.process.Pid)
	}
}

// With the daemon gone nobody has another unit for it.
func TestSupervisorEndsAfterUnitWithoutDaemon(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	g := gate(t)
	unit := d.script("read x <" + g)
	supervisor := d.supervisorOfStarted(unit)
	d.stop()
	open(t, g)
	wantDead(t, supervisor)
}
