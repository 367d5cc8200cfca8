//go:build linux

package host

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"receptor/work"
)

// addType makes a work type known that runs scripts.
func (d *testDaemon) addType(t work.Type) {
	d.t.Helper()
	t.Command, t.Params, t.AllowRuntimeParams = "sh", "-c", true
	if err := d.manager.AddType(t); err != nil {
		d.t.Fatal(err)
	}
}

// runs a script as a unit of a work type.
func (d *testDaemon) scriptOf(workType, text string) string {
	d.t.Helper()
	return d.submit(workType, "'"+text+"'", "")
}

const exceeds = "Output exceeds 1000 bytes, the maxoutput of the work type"

func TestMaxOutput(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	d.addType(work.Type{Name: "small", MaxOutput: 1000})
	d.addType(work.Type{Name: "apart", MaxOutput: 1000, SeparateStderr: true})
	const line = "0123456789abcdef01234567" // 40 of them, with their ends, are the limit
	lines := func(n int, to string) string {
		return fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo %s%s; i=$((i+1)); done; ", n, line, to)
	}
	for _, test := range []struct {
		name, workType, script string
		state                  work.State
		detail                 string
		stdout, stderr         int
	}{
		{"just as much", "small", lines(40, ""), work.Succeeded, "exit status 0", 1000, 0},
		{"just as much, of both kinds", "small", lines(20, "") + lines(20, " >&2"), work.Succeeded, "exit status 0", 1000, 0},
		{"a byte more", "small", lines(40, "") + "printf x", work.Failed, exceeds, 1000, 0},
		{"a byte more, by stderr", "small", lines(40, "") + "printf x >&2", work.Failed, exceeds, 1000, 0},
		{"far more, for ever", "small", "cat /dev/zero", work.Failed, exceeds, 1000, 0},
		{"for ever, deaf, and in a session of its own", "small", "trap : TERM INT; setsid sh -c \"trap : TERM INT; while :; do echo x; done\"", work.Failed, exceeds, 1000, 0},
		{"a command that fails within the limit", "small", "echo no; exit 3", work.Failed, "exit status 3", 3, 0},
		{"both apart", "apart", lines(40, "") + lines(40, " >&2"), work.Succeeded, "exit status 0", 1000, 1000},
		{"both apart, a byte more", "apart", lines(20, "") + lines(40, " >&2") + "printf x >&2; sleep 1000", work.Failed, exceeds, 500, 1000},
		{"all at once at the end", "small", "head -c 900 /dev/zero", work.Succeeded, "exit status 0", 900, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			unit := d.scriptOf(test.workType, test.script)
			if got := len(d.rest(d.results(unit))); got != test.stdout {
				t.Errorf("%d bytes of output, want %d", got, test.stdout)
			}
			d.wantStatus(unit, test.state, test.detail)
			info, err := os.Stat(filepath.Join(d.dir, unit, work.StdoutFile))
			if err != nil || info.Size() != int64(test.stdout) {
				t.Errorf("the file has %d bytes, %v", info.Size(), err)
			}
			if test.workType == "apart" {
				if got := len(d.rest(d.stderr(unit))); got != test.stderr {
					t.Errorf("%d bytes of stderr, want %d", got, test.stderr)
				}
			}
			d.wantReleased(unit, nil)
		})
	}
}

// A command that would fill the disk is ended before; another that writes little
// goes on beside it.
func TestMinFree(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "receptor-test-")
	if err != nil {
		t.Skip("there is no file system in memory, where nobody else writes much:", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	free, err := FS{}.Free(dir)
	if err != nil {
		t.Fatal(err)
	}
	const room = 16 << 20
	d := startDaemonWith(t, dir, free-room)
	g := gate(t)
	quiet := d.script("echo one; read x <" + g + "; echo two")
	unit := d.script("cat /dev/zero")
	size := len(d.rest(d.results(unit)))
	d.wantStatus(unit, work.Failed, "No space for more output of unit "+unit+": its disk has ")
	d.wantStatus(unit, work.Failed, "(minfreespace)")
	if size == 0 || size > 2*room {
		t.Errorf("%d bytes were stored where there was space for %d", size, room)
	}
	d.do("work release %s", unit)
	open(t, g)
	if got := d.rest(d.results(quiet)); got != "one\ntwo\n" {
		t.Errorf("output of the other %q", got)
	}
	d.wantStatus(quiet, work.Succeeded, "exit status 0")
}

// What a unit has left in the background may write on, and is not stored.
func TestBackgroundOutputWithLimit(t *testing.T) {
	t.Setenv(quickCancel, "1")
	d := startDaemon(t, t.TempDir())
	d.addType(work.Type{Name: "small", MaxOutput: 1 << 20})
	unit := d.scriptOf("small", "cat /dev/zero >/dev/null & echo $!; cat /dev/zero | tail -c 10 & sh -c \"while :; do echo x; done\" & exit 3")
	r := d.results(unit)
	pid := number(t, d.line(r))
	d.rest(r)
	// The last of them may have been too much before the end, or not.
	d.wantStatus(unit, work.Failed, "")
	d.wantReleased(unit, []int{pid})
}

func (d *testDaemon) stderr(unit string) io.Reader {
	d.t.Helper()
	r, err := d.client().Stderr(unit, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func TestStderrApart(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, dir)
	d.addType(work.Type{Name: "apart", SeparateStderr: true})
	g := gate(t)
	unit := d.scriptOf("apart", "echo one >&2; echo fine; read x <"+g+"; echo two >&2; exit 3")
	live := d.stderr(unit)
	if got := d.line(live); got != "one" {
		t.Errorf("first line %q", got)
	}
	open(t, g)
	if got := d.rest(live); got != "two\n" {
		t.Errorf("the rest is %q", got)
	}
	d.wantStatus(unit, work.Failed, "exit status 3")
	if got := d.rest(d.results(unit)); got != "fine\n" {
		t.Errorf("output %q", got)
	}
	d.stop()
	d = startDaemon(t, dir) // with other work types
	if got := d.rest(d.stderr(unit)); got != "one\ntwo\n" {
		t.Errorf("stderr after a restart: %q", got)
	}
	if got := d.do("work status %s", unit); !strings.Contains(got, `"StdoutSize":5`) || !strings.Contains(got, `"StderrSize":8`) {
		t.Errorf("status %s", got)
	}
}

func TestSupervisorArguments(t *testing.T) {
	for _, job := range []work.Job{
		{Dir: "/d", Command: "c", Args: []string{}},
		{Dir: "/d", Command: "--maxoutput=3", Args: []string{"--stderr=separate", "", "a b\n"}, MaxOutput: 7},
		{Dir: "/d", Command: "c", Args: []string{"--"}, MaxOutput: 1 << 60, MinFree: 10, SeparateStderr: true},
	} {
		got, more, ok := parseJob(append([]string{lineOption}, jobArgs(job)...))
		if !ok || !more || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", job) {
			t.Errorf("%#v became %#v, %v", job, got, ok)
		}
	}
	for _, args := range [][]string{nil, {"/d"}, {"--x", "/d", "c"}, {"--maxoutput=x", "/d", "c"}, {"--maxoutput=-1", "/d", "c"}, {"--minfreespace=-1", "/d", "c"}} {
		if job, _, ok := parseJob(args); ok {
			t.Errorf("%q: %+v", args, job)
		}
	}
}
