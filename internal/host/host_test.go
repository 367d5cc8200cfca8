//go:build linux

package host

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"receptor/control"
	"receptor/transport"
	"receptor/work"
)

// quickCancel, in the environment, makes a supervisor impatient.
const quickCancel = "RECEPTOR_TEST_QUICK_CANCEL"

// TestMain makes the test binary a supervisor when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == superviseWord {
		if os.Getenv(quickCancel) != "" {
			for i := range timing.Steps {
				timing.Steps[i].Wait = 50 * time.Millisecond
			}
			timing.RetryFirst, timing.RetryLast = 10*time.Millisecond, 50*time.Millisecond
		}
		os.Exit(SuperviseMain(os.Args[2:]))
	}
	if os.Getenv(asInit) != "" {
		os.Exit(runAsInit())
	}
	if signal.Ignored(syscall.SIGHUP) {
		// Under nohup commands on terminals would ignore hang-ups, too, if the program
		// did not take SIGHUP itself, as receptor does.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	os.Exit(m.Run())
}

// testDaemon is what of a node is needed to run commands: a manager behind a
// control service on a Unix socket.
type testDaemon struct {
	t         *testing.T
	dir       string // of the units
	socket    string
	manager   *work.Manager
	processes *Processes
	server    *control.Server
	events    chan work.Event
}

// startDaemon starts a daemon on a directory, with the work type "sh" that
// runs a script and "cat".
func startDaemon(t *testing.T, dir string) *testDaemon {
	t.Helper()
	return startDaemonWith(t, dir, 0)
}

// startDaemonWith starts one with a work.Options.MinFree.
func startDaemonWith(t *testing.T, dir string, minFree int64) *testDaemon {
	t.Helper()
	processes, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &testDaemon{t: t, dir: filepath.Join(dir, "node"), socket: filepath.Join(dir, "sock"),
		processes: processes, events: make(chan work.Event, 1000)}
	d.manager = work.NewManager(work.Options{
		NodeID: "node", Dir: d.dir, FS: FS{}, Clock: transport.System, MinFree: minFree,
		Rand:      rand.NewPCG(uint64(time.Now().UnixNano()), 0),
		Processes: processes, Events: func(e work.Event) { d.events <- e },
	})
	for _, typ := range []work.Type{
		{Name: "cat", Command: "cat"},
		{Name: "sh", Command: "sh", Params: "-c", AllowRuntimeParams: true},
		{Name: "nothing", Command: "/no/such/program"},
	} {
		if err := d.manager.AddType(typ); err != nil {
			t.Fatal(err)
		}
	}
	d.server = control.New("node", control.Options{Clock: transport.System})
	d.manager.Register(d.server)
	if d.manager.Start(); d.manager.Available() != nil {
		t.Fatal(d.manager.Available())
	}
	l, err := ListenUnix(d.socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	go d.server.Serve(l)
	t.Cleanup(d.stop)
	return d
}

// stop stops the daemon; what it has started goes on.
func (d *testDaemon) stop() {
	d.server.Close()
	d.manager.Close()
	d.processes.Close()
}

func (d *testDaemon) client() *control.Client {
	d.t.Helper()
	conn, err := net.Dial("unix", d.socket)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	c, _, err := control.NewClient(conn)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// submit runs a unit and returns its ID once it has started.
func (d *testDaemon) submit(workType, params, stdin string) string {
	d.t.Helper()
	fields := map[string]string{"node": "node", "worktype": workType}
	if params != "" {
		fields["params"] = params
	}
	sub, err := d.client().Submit(fields)
	if err != nil {
		d.t.Fatal(err)
	}
	if result, err := sub.Finish(strings.NewReader(stdin)); err != nil || result != "Job Started" {
		d.t.Fatalf("submit: %q, %v", result, err)
	}
	return sub.UnitID
}

// script submits a shell script.
func (d *testDaemon) script(text string) string {
	d.t.Helper()
	return d.submit("sh", "'"+text+"'", "")
}

func (d *testDaemon) do(format string, args ...any) string {
	d.t.Helper()
	answer, err := d.client().Do(fmt.Sprintf(format, args...))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(answer)
}

func (d *testDaemon) results(unit string) io.Reader {
	d.t.Helper()
	r, err := d.client().Results(unit, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// line reads a line of live output.
func (d *testDaemon) line(r io.Reader) string {
	d.t.Helper()
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			d.t.Fatalf("output ended after %q: %v", line, err)
		}
		if b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

// rest reads output to its end: the unit is complete then.
func (d *testDaemon) rest(r io.Reader) string {
	d.t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *testDaemon) wantStatus(unit string, state work.State, detail string) {
	d.t.Helper()
	var s struct {
		State  work.State
		Detail string
	}
	if err := json.Unmarshal([]byte(d.do("work status %s", unit)), &s); err != nil {
		d.t.Fatal(err)
	}
	if s.State != state || !strings.Contains(s.Detail, detail) {
		d.t.Fatalf("unit is %v, %q; want %v, %q", s.State, s.Detail, state, detail)
	}
}

// supervisorOf returns the process ID of the unit's supervisor.
func (d *testDaemon) supervisorOf(unit string) int {
	d.t.Helper()
	c, err := readClaim(filepath.Join(d.dir, unit))
	if err != nil {
		d.t.Fatal(err)
	}
	if alive, err := c.alive(); err != nil || !alive {
		d.t.Fatalf("supervisor of %s: %+v, alive %v, %v", unit, c, alive, err)
	}
	return c.Pid
}

// supervisorOfStarted waits until the command has started.
func (d *testDaemon) supervisorOfStarted(unit string) int {
	d.t.Helper()
	for e := range d.events {
		if c, ok := e.(work.UnitChanged); ok && c.Unit == unit && c.State == work.Running {
			return d.supervisorOf(unit)
		}
	}
	return 0
}

// gate is a FIFO that a script waits at: "read x <gate".
func gate(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// open lets the script that waits at a gate pass.
func open(t *testing.T, gate string) {
	t.Helper()
	f, err := os.OpenFile(gate, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, "\n"); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// runs tells whether a process is there and not just a zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat[strings.LastIndexByte(string(stat), ')'):]), " Z ")
}

// wantDead waits for the end of a process that should be ending.
func wantDead(t *testing.T, pid int) {
	t.Helper()
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
	for err == unix.EINTR {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
	}
	if n == 0 || err != nil {
		t.Errorf("process %d still runs, %v", pid, err)
	}
}
