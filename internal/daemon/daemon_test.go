//go:build linux

package daemon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"receptor/control"
	"receptor/internal/config"
	"receptor/internal/daemon"
	"receptor/internal/host"
	"receptor/transport"
)

// TestMain makes this program its own supervisor of units of work.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(host.SuperviseMain(os.Args[2:]))
	}
	if signal.Ignored(syscall.SIGHUP) {
		// Under nohup commands on terminals would ignore hang-ups, too, if the program
		// did not take SIGHUP itself, as receptor does.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	os.Exit(m.Run())
}

// node is a daemon on real sockets, with its log.
type node struct {
	*daemon.Daemon
	log    *logBuffer
	socket string
	kill   func() // of a deployed node, which is a process of its own
}

// logBuffer keeps a log and lets tests wait for what it says.
type logBuffer struct {
	mu   sync.Mutex
	more sync.Cond
	text bytes.Buffer
}

func newLogBuffer() *logBuffer {
	l := &logBuffer{}
	l.more.L = &l.mu
	return l
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.more.Broadcast()
	return l.text.Write(p)
}

// wait returns once the log has a text n times.
func (l *logBuffer) wait(text string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for strings.Count(l.text.String(), text) < n {
		l.more.Wait()
	}
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// given are the ports that freePort has returned: the system may well offer the
// same one twice.
var given sync.Map

// freePort returns a TCP port of the loopback that was free just now.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if _, again := given.LoadOrStore(port, true); !again {
			return port
		}
	}
}

// start starts a node; parameters at the start of args are those of its item "node".
func start(t testing.TB, dir, id string, args ...string) (*node, error) {
	t.Helper()
	return startSecured(t, dir, id, "", args...)
}

// startSecured has the control service of the mesh use a tls-server, unless it
// has no name.
func startSecured(t testing.TB, dir, id, tls string, args ...string) (*node, error) {
	t.Helper()
	return startTraced(t, dir, id, tls, daemon.Tracing{}, args...)
}

// startTraced is startSecured of a node that is traced.
func startTraced(t testing.TB, dir, id, tls string, tracing daemon.Tracing, args ...string) (*node, error) {
	t.Helper()
	n := &node{log: newLogBuffer(), socket: filepath.Join(dir, id+".sock")}
	control := []string{"--log-level", "debug", "--control-service", "filename=" + n.socket}
	if tls != "" {
		control = append(control, "tls="+tls)
	}
	args = slices.Concat(control, []string{"--node", "id=" + id, "datadir=" + filepath.Join(dir, "data")}, args)
	cl, err := config.ParseArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := cl.Config(os.ReadFile, os.Hostname)
	if err != nil {
		t.Fatal(err)
	}
	processes, err := host.NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { processes.Close() })
	machine := host.Machine(processes)
	machine.Tracing = tracing
	if len(cl.Files()) > 0 {
		machine.Reload = func() (*config.Config, error) { return cl.Config(os.ReadFile, os.Hostname) }
	}
	n.Daemon, err = daemon.Start(cfg, machine, daemon.NewLog(n.log, transport.System, cfg.LogLevel))
	return n, err
}

func mustStart(t testing.TB, dir, id string, args ...string) *node {
	t.Helper()
	n, err := start(t, dir, id, args...)
	if err != nil {
		t.Fatal(err)
	}
	n.closeAfter(t, id)
	return n
}

// closeAfter closes the node after the test, and shows its log if that failed.
func (n *node) closeAfter(t testing.TB, id string) {
	t.Cleanup(func() {
		n.Close()
		if t.Failed() {
			t.Logf("log of %s:\n%s", id, n.log)
		}
	})
}

// client opens a control session on the node's socket.
func (n *node) client(t testing.TB) *control.Client {
	t.Helper()
	conn, err := net.Dial("unix", n.socket)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := control.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// submit starts a unit and returns its ID.
func (n *node) submit(t testing.TB, fields map[string]string, stdin string) string {
	t.Helper()
	s, err := n.client(t).Submit(fields)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(strings.NewReader(stdin)); err != nil {
		t.Fatal(err)
	}
	return s.UnitID
}

func (n *node) state(t testing.TB, unit string) string {
	t.Helper()
	answer, err := n.client(t).Do("work status " + unit)
	if err != nil {
		t.Fatal(err)
	}
	var status struct{ StateName, Detail string }
	if err := json.Unmarshal(answer, &status); err != nil {
		t.Fatal(err)
	}
	return status.StateName + ": " + status.Detail
}

// startChain starts nodes one, two, three in a row, the last of which has the
// work types cat and sh, and returns when all have routes to all.
func startChain(t testing.TB) (one, two, three *node, restartTwo func() *node) {
	t.Helper()
	dir := t.TempDir()
	port1, port2 := freePort(t), freePort(t)
	one = mustStart(t, dir, "one", "--tcp-listener", fmt.Sprint("port=", port1), "bindaddr=127.0.0.1")
	startTwo := func() *node {
		return mustStart(t, dir, "two", "--tcp-listener", fmt.Sprint("port=", port2), "bindaddr=127.0.0.1",
			"--tcp-peer", fmt.Sprint("address=127.0.0.1:", port1))
	}
	two = startTwo()
	three = mustStart(t, dir, "three", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port2),
		"--work-command", "worktype=cat", "command=cat",
		"--work-command", "worktype=sh", "command=sh", "allowruntimeparams=true")
	for _, n := range []*node{one, two, three} {
		n.log.wait("Routes computed: 2 nodes", 1)
	}
	return one, two, three, startTwo
}

func TestWorkOverTwoHops(t *testing.T) {
	one, _, _, _ := startChain(t)
	unit := one.submit(t, map[string]string{"node": "three", "worktype": "cat"}, "hello\n")
	results, err := one.client(t).Results(unit, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(results)
	if err != nil || string(got) != "hello\n" {
		t.Errorf("results %q (%v), want the input", got, err)
	}
	if got, want := one.state(t, unit), "Succeeded: exit status 0"; got != want {
		t.Errorf("the unit is %q, want %q", got, want)
	}
	if _, err := one.client(t).Do("work release " + unit); err != nil {
		t.Errorf("release: %v", err)
	}
	if list, err := one.client(t).Do("work list"); err != nil || string(list) != "{}" {
		t.Errorf("units after the release: %s (%v)", list, err)
	}
}

// The node in the middle goes away while a unit prints, and comes back: the
// submitter has every byte once.
func TestResultsResumeAfterTheMeshBroke(t *testing.T) {
	one, two, three, startTwo := startChain(t)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	unit := one.submit(t, map[string]string{
		"node": "three", "worktype": "sh",
		"params": fmt.Sprintf(`-c "echo before; read line < %s; echo $line"`, gate),
	}, "")
	results, err := one.client(t).Results(unit, 0)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len("before\n"))
	if _, err := io.ReadFull(results, first); err != nil {
		t.Fatal(err)
	}
	two.Close()
	one.log.wait("Connection with two", 1)
	three.log.wait("Connection with two", 1)
	if err := os.WriteFile(gate, []byte("after\n"), 0); err != nil { // the unit ends meanwhile
		t.Fatal(err)
	}
	startTwo()
	rest, err := io.ReadAll(results)
	if got := string(first) + string(rest); err != nil || got != "before\nafter\n" {
		t.Errorf("results %q (%v)", got, err)
	}
	if got, want := one.state(t, unit), "Succeeded: exit status 0"; got != want {
		t.Errorf("the unit is %q, want %q", got, want)
	}
}

// Of two nodes with one ID the newer one leaves, and says why. (These two start
// within one second, so chance decides which one is newer.)
func TestDuplicateNodeLeaves(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	hub := mustStart(t, dir, "hub", "--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1")
	other := freePort(t)
	mustStart(t, dir, "far", "--tcp-listener", fmt.Sprint("port=", other), "bindaddr=127.0.0.1",
		"--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))
	first := mustStart(t, t.TempDir(), "same", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))
	hub.log.wait("Routes computed: 2 nodes", 1)
	second := mustStart(t, t.TempDir(), "same", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", other))
	var err error
	select {
	case err = <-first.Failed():
	case err = <-second.Failed():
	}
	var duplicate *daemon.DuplicateIDError
	if !errors.As(err, &duplicate) || duplicate.ID != "same" {
		t.Errorf("a node failed with %v, want a duplicate ID", err)
	}
}

func TestFirewallRulesReachTheNode(t *testing.T) {
	one := mustStart(t, t.TempDir(), "one", "firewallrules=[{action: reject, tonode: localhost, toservice: /p.*g/}]", "--local-only")
	answer, err := one.client(t).Do("ping one")
	if err != nil || !strings.Contains(string(answer), `"Error":"blocked by firewall"`) {
		t.Errorf("ping answers %s (%v)", answer, err)
	}
}

func TestStartErrorsNameTheItem(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(dir, "conf.yaml")
	yaml := fmt.Sprintf("- tcp-listener:\n    bindaddr: 127.0.0.1\n    port: %d\n", taken.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = start(t, dir, "x", "--config", file)
	if want := file + ":1: tcp-listener: "; err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v, want one about %q and the address in use", err, want)
	}

	first := mustStart(t, dir, "y", "--local-only")
	_, err = start(t, dir, "y", "--local-only")
	if err == nil || !strings.Contains(err.Error(), first.socket) {
		t.Errorf("second node on one socket: %v, want an error that names %s", err, first.socket)
	}
	if _, err := os.Stat(first.socket); errors.Is(err, fs.ErrNotExist) {
		t.Error("the second node has removed the socket of the first")
	}
}

// BenchmarkRemoteCat submits a unit over two hops, reads its result, and
// releases it.
func BenchmarkRemoteCat(b *testing.B) {
	one, _, _, _ := startChain(b)
	for b.Loop() {
		unit := one.submit(b, map[string]string{"node": "three", "worktype": "cat"}, "hello\n")
		results, err := one.client(b).Results(unit, 0)
		if err != nil {
			b.Fatal(err)
		}
		if got, err := io.ReadAll(results); err != nil || string(got) != "hello\n" {
			b.Fatalf("results %q (%v)", got, err)
		}
		if _, err := one.client(b).Do("work release " + unit); err != nil {
			b.Fatal(err)
		}
	}
}
