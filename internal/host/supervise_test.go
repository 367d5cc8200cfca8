//go:build linux

package host

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"receptor/work"
)

func TestCommandRuns(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	start := time.Now()
	unit := d.submit("cat", "", "one line\n")
	if got := d.rest(d.results(unit)); got != "one line\n" {
		t.Errorf("output %q", got)
	}
	t.Logf("submit to the end of the results: %v", time.Since(start))
	want := `{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":9,"WorkType":"cat","ExtraData":null}`
	if got := d.do("work status %s", unit); got != want {
		t.Errorf("status\n %s, want\n %s", got, want)
	}
	for name, mode := range map[string]fs.FileMode{
		".": 0o700 | fs.ModeDir, work.StatusFile: 0o600, work.StdoutFile: 0o600,
	} {
		info, err := os.Stat(filepath.Join(d.dir, unit, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
	// What a deployed node, or a person's tool, makes of the file.
	onDisk, err := os.ReadFile(filepath.Join(d.dir, unit, work.StatusFile))
	var status struct {
		State      int
		Detail     string
		StdoutSize int
		WorkType   string
		ExtraData  any
	}
	if err == nil {
		err = json.Unmarshal(onDisk, &status)
	}
	if got := fmt.Sprint(status); err != nil || got != "{2 exit status 0 9 cat <nil>}" {
		t.Errorf("status file %q: %s, %v", onDisk, got, err)
	}
}

func TestCommandFails(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	for _, c := range []struct{ script, output, detail string }{
		{"echo out; echo err >&2; exit 3", "out\nerr\n", "exit status 3"},
		{"kill -9 $$", "", "signal: killed"},
	} {
		unit := d.script(c.script)
		if got := d.rest(d.results(unit)); got != c.output {
			t.Errorf("%s: output %q, want %q", c.script, got, c.output)
		}
		d.wantStatus(unit, work.Failed, c.detail)
	}
	unit := d.submit("nothing", "", "")
	d.rest(d.results(unit))
	d.wantStatus(unit, work.Failed, "no such file or directory")
}

func TestOutputIsLive(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	g := gate(t)
	unit := d.script("echo one; read x <" + g + "; echo two")
	r := d.results(unit)
	if got := d.line(r); got != "one" {
		t.Errorf("first line %q", got)
	}
	d.supervisorOfStarted(unit)
	d.wantStatus(unit, work.Running, "Running: PID ")
	open(t, g)
	if got := d.rest(r); got != "two\n" {
		t.Errorf("the rest is %q", got)
	}
}

// The processes of a unit are more than its process group: one is in a session
// of its own, and another ignores what can be ignored.
func TestCancelEndsEveryProcess(t *testing.T) {
	t.Setenv(quickCancel, "1")
	d := startDaemon(t, t.TempDir())
	unit := d.script(`sleep 1000 & echo $!; setsid sh -c "echo \$\$; sleep 1000" & ` +
		`sh -c "trap : INT TERM; echo \$\$; while :; do sleep 1000; done" & wait; wait; wait`)
	r := d.results(unit)
	var pids []int
	for range 3 {
		pids = append(pids, number(t, d.line(r)))
	}
	if got, want := d.do("work cancel %s", unit), `{"cancelled":"`+unit+`"}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	d.rest(r)
	d.wantStatus(unit, work.Canceled, "Canceled")
	for _, pid := range pids {
		if runs(pid) {
			t.Errorf("process %d of the unit still runs", pid)
		}
	}
}

func TestCancelByKindWords(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	unit := d.script("trap \"echo bye; exit\" INT; echo ready; while :; do sleep 0.1; done")
	r := d.results(unit)
	d.line(r)
	d.do("work cancel %s", unit)
	if got := d.rest(r); got != "bye\n" {
		t.Errorf("the command said %q, want a last word after SIGINT", got)
	}
	d.wantStatus(unit, work.Canceled, "Canceled")
}

func TestReleaseLeavesNothing(t *testing.T) {
	t.Setenv(quickCancel, "1")
	d := startDaemon(t, t.TempDir())
	unit := d.script("echo $$; sleep 1000")
	pid := number(t, d.line(d.results(unit)))
	if got, want := d.do("work release %s", unit), `{"released":"`+unit+`"}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	if left, err := os.ReadDir(d.dir); len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if runs(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if _, err := d.client().Do("work status " + unit); err == nil || err.Error() != "unknown work unit "+unit {
		t.Errorf("status afterwards: %v", err)
	}
}

func TestUnitOutlivesDaemon(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	g := gate(t)
	unit := d.script("echo one; read x <" + g + "; echo two")
	d.line(d.results(unit))
	supervisor := d.supervisorOfStarted(unit)
	d.stop()

	d = startDaemon(t, dir)
	d.wantStatus(unit, work.Running, "Running: PID ")
	if got := d.supervisorOf(unit); got != supervisor {
		t.Errorf("supervisor is %d, was %d", got, supervisor)
	}
	r := d.results(unit)
	if got := d.line(r); got != "one" {
		t.Errorf("first line %q", got)
	}
	open(t, g)
	if got := d.rest(r); got != "two\n" {
		t.Errorf("the rest is %q", got)
	}
	d.wantStatus(unit, work.Succeeded, "exit status 0")
}

func TestUnitEndsWithoutDaemon(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	g := gate(t)
	unit := d.script("read x <" + g + "; echo done")
	d.supervisorOfStarted(unit)
	d.stop()
	open(t, g)
	if err := awaitRelease(filepath.Join(d.dir, unit)); err != nil {
		t.Fatal(err)
	}

	d = startDaemon(t, dir)
	d.wantStatus(unit, work.Succeeded, "exit status 0")
	if got := d.rest(d.results(unit)); got != "done\n" {
		t.Errorf("output %q", got)
	}
}

func TestCancelAfterRestart(t *testing.T) {
	t.Setenv(quickCancel, "1")
	dir := t.TempDir()
	d := startDaemon(t, dir)
	unit := d.script("echo $$; sleep 1000")
	pid := number(t, d.line(d.results(unit)))
	d.stop()

	d = startDaemon(t, dir)
	d.do("work cancel %s", unit)
	d.wantStatus(unit, work.Canceled, "Canceled")
	if runs(pid) {
		t.Errorf("process %d still runs", pid)
	}
}

// What a command leaves in the background goes on, and is no part of the unit.
func TestBackgroundProcess(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	g := gate(t)
	unit := d.script(`sh -c "read x <` + g + `; echo late" & echo $!`)
	out := d.rest(d.results(unit))
	d.wantStatus(unit, work.Succeeded, "exit status 0")
	pid := number(t, strings.TrimSpace(out))
	if !runs(pid) {
		t.Fatalf("process %d does not run any more", pid)
	}
	open(t, g)
	wantDead(t, pid)
	if got := d.rest(d.results(unit)); got != out {
		t.Errorf("output was %q and is now %q", out, got)
	}
}

func TestTotalMemory(t *testing.T) {
	if got := TotalMemoryMiB(); got < 16 || got > 1<<24 {
		t.Errorf("%d MiB", got)
	}
}

// watch tells what a Watcher is told.
type watch struct {
	output, status chan struct{}
	ended          chan string
}

func newWatch() *watch {
	return &watch{output: make(chan struct{}, 100), status: make(chan struct{}, 100), ended: make(chan string, 1)}
}

func (w *watch) OutputGrew()                        { w.output <- struct{}{} }
func (w *watch) StatusChanged()                     { w.status <- struct{}{} }
func (w *watch) Ended(claimed bool, problem string) { w.ended <- problem }

// The supervisor of a deployed node makes no claim. It is known by the process
// ID in the status and by its arguments.
func TestAttachToDeployedSupervisor(t *testing.T) {
	p, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := t.TempDir()
	if _, err := p.Attach(dir, 0, newWatch()); err != work.ErrNeverStarted {
		t.Errorf("without a process: %v", err)
	}
	if _, err := p.Attach(dir, os.Getpid(), newWatch()); err != work.ErrSupervisorGone {
		t.Errorf("with the ID of another process: %v", err)
	}
	cmd := exec.Command("sh", "-c", "echo; read x", "--command-runner", "command=x", "params=", "unitdir="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w := newWatch()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Attach(dir, cmd.Process.Pid, w); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	cmd.Wait()
	if got := <-w.ended; got != "its process is gone" {
		t.Errorf("ended: %s", got)
	}
	if _, err := p.Attach(dir, cmd.Process.Pid, newWatch()); err != work.ErrSupervisorGone {
		t.Errorf("afterwards: %v", err)
	}
}

// A unit that was ended before its supervisor came to it does not run.
func TestStartAfterTheEnd(t *testing.T) {
	p, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := t.TempDir()
	end := work.Status{State: work.Canceled, Detail: "Canceled", WorkType: "sh"}
	if err := work.WriteStatus(FS{}, dir, end); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{work.StdinFile, work.StdoutFile} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWatch()
	if _, err := p.Start(work.Job{Dir: dir, Command: "sh", Args: []string{"-c", "echo ran"}}, w); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	if out, err := os.ReadFile(filepath.Join(dir, work.StdoutFile)); err != nil || len(out) > 0 {
		t.Errorf("output %q, %v", out, err)
	}
	if s, err := work.ReadStatus(FS{}, dir); err != nil || s.State != work.Canceled || s.Claim != nil {
		t.Errorf("status %+v, %v", s, err)
	}
}

// A supervisor that finds the unit claimed leaves the watching to the one that
// has claimed it.
func TestStartAfterClaim(t *testing.T) {
	p, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := t.TempDir()
	if err := work.WriteStatus(FS{}, dir, work.Status{WorkType: "sh"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, work.StdinFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g := gate(t)
	job := work.Job{Dir: dir, Command: "sh", Args: []string{"-c", "read x <" + g}}
	first, second := newWatch(), newWatch()
	if _, err := p.Start(job, first); err != nil {
		t.Fatal(err)
	}
	<-first.status // it runs
	other, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	process, err := other.Start(job, second)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Cancel(); err != nil {
		t.Error(err)
	}
	for _, w := range []*watch{first, second} {
		<-w.ended
	}
	if s, err := work.ReadStatus(FS{}, dir); err != nil || s.State != work.Canceled {
		t.Errorf("status %+v, %v", s, err)
	}
}

// What a unit is on disk, by the names and modes that deployed nodes use.
func TestFilesOfAUnit(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	unit := d.submit("cat", "", strings.Repeat("x", 5000)) // what is shorter is in the status
	d.rest(d.results(unit))
	for name, want := range map[string]os.FileMode{"": 0o700 | os.ModeDir, "status": 0o600, "stdin": 0o600, "stdout": 0o600} {
		info, err := os.Stat(filepath.Join(d.dir, unit, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%q has the mode %v, want %v", name, info.Mode(), want)
		}
	}
}
