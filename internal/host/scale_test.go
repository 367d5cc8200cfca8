//go:build linux

package host

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"receptor/control"
	"receptor/transport"
	"receptor/work"
	"receptor/work/vfs"
)

// populate fills the directory of a node with units: finished ones, every second
// of which another node has run, and such as run under a supervisor. There is
// but one process for all of these: it is what the daemon needs that counts.
func populate(t testing.TB, dir string, finished, running int) {
	t.Helper()
	supervisor := exec.Command("sleep", "1000")
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		supervisor.Process.Kill()
		supervisor.Wait()
	})
	other, _, err := readProcess(supervisor.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ownClaim()
	if err != nil {
		t.Fatal(err)
	}
	own.Pid, own.Start = supervisor.Process.Pid, other.start
	remote := work.RemoteExtra{
		RemoteNode: "other", RemoteWorkType: "cat", RemoteParams: map[string]string{"params": "one two"},
		RemoteStarted: true, SubmitSent: true, TLSClient: "client",
	}
	for i := range finished + running {
		s := work.Status{State: work.Succeeded, Detail: "exit status 0", WorkType: "cat", StdoutSize: 5, Version: 4}
		switch {
		case i >= finished:
			s = work.Status{State: work.Running, Detail: "Running: PID 7", WorkType: "cat", Version: 3, ExtraData: encode(t, work.CommandExtra{Pid: own.Pid, InputComplete: true})}
		case i%2 == 1:
			remote.RemoteUnitID = fmt.Sprintf("r%07d", i) // one name for two units is a fault of the node
			s.WorkType, s.ExtraData = "remote", encode(t, remote)
		}
		unit := filepath.Join(dir, fmt.Sprintf("u%07d", i))
		if err := os.MkdirAll(unit, dirMode); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{work.StdinFile: nil, work.StdoutFile: []byte("text\n")} {
			if err := os.WriteFile(filepath.Join(unit, name), content, fileMode); err != nil {
				t.Fatal(err)
			}
		}
		if s.WorkType != "remote" {
			s.Claim, s.Done = encode(t, own), i < finished
		}
		if err := work.WriteStatus(careless{}, unit, s); err != nil {
			t.Fatal(err)
		}
		if i >= finished {
			held, err := openUpdate(filepath.Join(unit, work.StatusFile))
			if err == nil {
				err = lockByte(held, unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: lifeByte})
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { held.Close() })
		}
	}
}

// careless is a file system that syncs nothing.
type careless struct{ FS }

func (careless) SyncDir(string) error { return nil }

func (c careless) Open(name string, mode vfs.Mode) (vfs.File, error) {
	f, err := c.FS.Open(name, mode)
	return carelessFile{f}, err
}

type carelessFile struct{ vfs.File }

func (carelessFile) Sync() error { return nil }

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// usage is what a process holds.
type usage struct{ goroutines, files, watches, heapKiB int }

func usageNow(t testing.TB, p *Processes) usage {
	t.Helper()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var info []byte
	if p.notify.inotify == nil { // no unit has needed it
		return usage{runtime.NumGoroutine(), len(files), 0, int(s.HeapAlloc >> 10)}
	}
	conn, err := p.notify.inotify.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) { info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) })
	if err != nil {
		t.Fatal(err)
	}
	return usage{runtime.NumGoroutine(), len(files), strings.Count(string(info), "inotify wd:"), int(s.HeapAlloc >> 10)}
}

// startPopulated starts a manager on a directory, and returns what that takes.
func startPopulated(t testing.TB, dir string) (m *work.Manager, p *Processes, took time.Duration, used usage) {
	t.Helper()
	p, err := NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	m = work.NewManager(work.Options{
		NodeID: "node", Dir: dir, FS: FS{}, Clock: transport.System, Rand: rand.NewPCG(1, 2), Processes: p,
		Features: func(string) ([]string, bool) { return nil, false },
	})
	if err := m.AddType(work.Type{Name: "cat", Command: "cat"}); err != nil {
		t.Fatal(err)
	}
	before, start := usageNow(t, p), time.Now()
	if m.Start(); m.Available() != nil {
		t.Fatal(m.Available())
	}
	took = time.Since(start)
	after := usageNow(t, p)
	t.Cleanup(func() {
		m.Close()
		p.Close()
	})
	return m, p, took, usage{
		after.goroutines - before.goroutines, after.files - before.files, after.watches - before.watches, after.heapKiB - before.heapKiB,
	}
}

// A unit that nobody looks at takes no goroutine, watch or connection; one that
// runs takes files by which its end shows.
func TestIdleUnits(t *testing.T) {
	const finished, running = 300, 100
	dir := filepath.Join(t.TempDir(), "node")
	populate(t, dir, finished, running)
	m, p, _, used := startPopulated(t, dir)
	// One of each is for inotify.
	if used.goroutines > 1 || used.watches > 1 || used.files > 2*running+1 {
		t.Errorf("%d finished and %d running units take %+v", finished, running, used)
	}
	// Who reads has them watched, and no longer.
	server := control.New("node", control.Options{Clock: transport.System})
	m.Register(server)
	d := &testDaemon{t: t, socket: filepath.Join(t.TempDir(), "sock")}
	l, err := ListenUnix(d.socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Close()
	before := usageNow(t, p)
	c := d.client()
	r, err := c.Results(fmt.Sprintf("u%07d", finished), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.line(r); got != "text" {
		t.Errorf("output %q", got)
	}
	if got := usageNow(t, p); got.watches != before.watches+1 {
		t.Errorf("%d watches while a unit is read, were %d", got.watches, before.watches)
	}
	server.Close() // and all sessions with it
	if got := usageNow(t, p); got.watches != before.watches {
		t.Errorf("%d watches after that, were %d", got.watches, before.watches)
	}
}

// cpuTime is what this process has used, in user mode and in the kernel.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScale has a node with 10,000 finished and 1,000 running units start,
// and list them.
func BenchmarkScale(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "node")
	populate(b, dir, 10_000, 1_000)
	m, _, took, used := startPopulated(b, dir)
	server := control.New("node", control.Options{Clock: transport.System})
	m.Register(server)
	socket := filepath.Join(b.TempDir(), "sock")
	l, err := ListenUnix(socket, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve(l)
	defer server.Close()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	c, _, err := control.NewClient(conn)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	before := cpuTime(b)
	for b.Loop() {
		if _, err := c.Do("work list"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op") // of the client, too
	b.ReportMetric(float64(took.Milliseconds()), "ms-to-start")
	b.ReportMetric(float64(used.heapKiB), "KiB")
	b.ReportMetric(float64(used.goroutines), "goroutines")
	b.ReportMetric(float64(used.watches), "watches")
}
