package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"receptor/control"
	"receptor/transport"
)

// testClock stands still until a test advances it.
type testClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*testTimer
	armed  chan struct{} // closed and replaced when a timer is set
}

type testTimer struct {
	clock *testClock
	due   time.Time
	f     func()
}

func newTestClock() *testClock {
	return &testClock{now: time.Date(2026, 11, 24, 0, 45, 0, 0, time.UTC), armed: make(chan struct{})}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) AfterFunc(d time.Duration, f func()) transport.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &testTimer{clock: c, due: c.now.Add(d), f: f}
	c.timers = append(c.timers, t)
	close(c.armed)
	c.armed = make(chan struct{})
	return t
}

func (t *testTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	n := len(t.clock.timers)
	t.clock.timers = slices.DeleteFunc(t.clock.timers, func(other *testTimer) bool { return other == t })
	return len(t.clock.timers) < n
}

// advance lets time pass. Timers that fire see the time at which they are due.
func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		slices.SortStableFunc(c.timers, func(a, b *testTimer) int { return a.due.Compare(b.due) })
		if len(c.timers) == 0 || c.timers[0].due.After(end) {
			break
		}
		t := c.timers[0]
		c.timers = c.timers[1:]
		c.now = t.due
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// waitTimer returns once a timer is due in d.
func (c *testClock) waitTimer(t *testing.T, d time.Duration) {
	t.Helper()
	for {
		c.mu.Lock()
		at := c.now.Add(d)
		found := slices.ContainsFunc(c.timers, func(t *testTimer) bool { return t.due.Equal(at) })
		armed := c.armed
		c.mu.Unlock()
		if found {
			return
		}
		select {
		case <-armed:
		case <-t.Context().Done():
			t.Fatalf("no timer of %v was set", d)
		}
	}
}

// testProcesses are supervisors that do what a test says.
type testProcesses struct {
	fs      *memFS
	started chan *testProcess
	mu      sync.Mutex
	found   map[string]error // what Attach says, by directory; nil error: it runs
	starts  int
	fail    error
}

type testProcess struct {
	Job
	fs       *memFS
	watcher  Watcher
	canceled chan struct{}
	mu       sync.Mutex
	swept    bool
	gone     bool
}

func (p *testProcesses) Start(job Job, w Watcher) (Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return nil, p.fail
	}
	p.starts++
	proc := &testProcess{Job: job, fs: p.fs, watcher: w, canceled: make(chan struct{}, 10)}
	p.started <- proc
	return proc, nil
}

func (p *testProcesses) Attach(dir string, _ int, w Watcher) (Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err, ok := p.found[dir]
	proc := &testProcess{Job: Job{Dir: dir}, fs: p.fs, watcher: w, canceled: make(chan struct{}, 10)}
	switch {
	case !ok:
		return nil, ErrNeverStarted
	case err == nil:
		p.started <- proc
		return proc, nil
	case errors.Is(err, ErrSupervisorGone):
		p.started <- proc
		return proc, err
	}
	return nil, err
}

func (p *testProcess) Cancel() error {
	p.canceled <- struct{}{}
	return nil
}

func (p *testProcess) Sweep() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swept = true
	return nil
}

func (p *testProcess) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

// output is what the command writes.
func (p *testProcess) output(s string) {
	p.fs.append(path.Join(p.Dir, StdoutFile), s)
	p.watcher.OutputGrew()
}

// status is what the supervisor writes.
func (p *testProcess) status(state State, detail string) {
	s, err := ReadStatus(p.fs, p.Dir)
	if err != nil {
		panic(err)
	}
	s.State, s.Detail, s.StdoutSize = state, detail, int64(len(p.fs.get(path.Join(p.Dir, StdoutFile))))
	if state.Terminal() {
		s.ExtraData = nil
	}
	if err := WriteStatus(p.fs, p.Dir, s); err != nil {
		panic(err)
	}
	p.watcher.StatusChanged()
}

// exit is a command that ends.
func (p *testProcess) exit(state State, detail string) {
	p.status(state, detail)
	p.watcher.Ended(true, "exit status 0")
}

// cluster is a number of nodes that can reach each other.
type cluster struct {
	t     *testing.T
	clock *testClock
	mu    sync.Mutex
	nodes map[string]*testNode
	down  map[string]error // by node: why it cannot be dialled
	conns []io.Closer
	dials int
}

func newCluster(t *testing.T) *cluster {
	return &cluster{t: t, clock: newTestClock(), nodes: make(map[string]*testNode), down: make(map[string]error)}
}

// testNode is a manager behind a control service.
type testNode struct {
	t         *testing.T
	c         *cluster
	id        string
	fs        *memFS
	processes *testProcesses
	m         *Manager
	server    *control.Server
	listener  *memListener
	events    chan Event
	seed      uint64
}

// node adds a node with the work types "cat" and "sh", the latter of which
// takes parameters.
func (c *cluster) node(id string) *testNode {
	fsys := newMemFS()
	n := &testNode{
		t: c.t, c: c, id: id, fs: fsys,
		processes: &testProcesses{fs: fsys, started: make(chan *testProcess, 100), found: make(map[string]error)},
	}
	n.start()
	c.t.Cleanup(func() { n.stop() })
	return n
}

// start starts the node on what is on its disk.
func (n *testNode) start() {
	n.t.Helper()
	n.seed++
	n.events = make(chan Event, 10_000)
	n.m = NewManager(Options{
		NodeID: n.id, Dir: "/data/" + n.id, FS: n.fs, Clock: n.c.clock, Rand: rand.NewPCG(n.seed, 1),
		Processes: n.processes, Dial: n.c.dial, Events: func(e Event) { n.events <- e },
	})
	for _, t := range []Type{{Name: "cat", Command: "cat"}, {Name: "sh", Command: "sh", Params: "-c", AllowRuntimeParams: true}} {
		if err := n.m.AddType(t); err != nil {
			n.t.Fatal(err)
		}
	}
	n.server = control.New(n.id, control.Options{Clock: n.c.clock})
	n.m.Register(n.server)
	if err := n.m.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.listener = newMemListener()
	go n.server.Serve(n.listener)
	n.c.mu.Lock()
	n.c.nodes[n.id] = n
	n.c.mu.Unlock()
}

func (n *testNode) stop() {
	n.c.mu.Lock()
	delete(n.c.nodes, n.id)
	n.c.mu.Unlock()
	n.server.Close()
	n.m.Close()
}

// dial is Options.Dial.
func (c *cluster) dial(ctx context.Context, node, service, tlsClient string) (Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dials++
	n := c.nodes[node]
	switch {
	case c.down[node] != nil:
		return nil, c.down[node]
	case n == nil:
		return nil, fmt.Errorf("no route to node %s", node)
	case service != "control" || tlsClient != "":
		return nil, fmt.Errorf("dialled service %q with TLS %q", service, tlsClient)
	}
	ours, theirs := memConns()
	c.conns = append(c.conns, ours, theirs)
	n.listener.conns <- theirs
	return ours, nil
}

// cut breaks all connections between nodes.
func (c *cluster) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.(*memConn).abort()
	}
	c.conns = nil
}

func (c *cluster) setDown(node string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[node] = err
}

// client opens a control session.
func (n *testNode) client() *control.Client {
	n.t.Helper()
	ours, theirs := memConns()
	n.listener.conns <- theirs
	n.t.Cleanup(func() { ours.Close() })
	client, _, err := control.NewClient(ours)
	if err != nil {
		n.t.Fatal(err)
	}
	return client
}

// do runs a command and returns its answer, or "ERROR: " and the text.
func (n *testNode) do(command string) string {
	n.t.Helper()
	answer, err := n.client().Do(command)
	var remote *control.RemoteError
	if errors.As(err, &remote) {
		return "ERROR: " + remote.Text
	}
	if err != nil {
		n.t.Fatalf("%s: %v", command, err)
	}
	return string(answer)
}

// submit submits a unit of type cat and returns its ID and the result.
func (n *testNode) submit(node, stdin string) (id, result string) {
	n.t.Helper()
	sub, err := n.client().Submit(map[string]string{"node": node, "worktype": "cat"})
	if err != nil {
		n.t.Fatal(err)
	}
	result, err = sub.Finish(strings.NewReader(stdin))
	if err != nil {
		result = err.Error()
	}
	return sub.UnitID, result
}

// next returns the supervisor that is started next.
func (n *testNode) next() *testProcess {
	n.t.Helper()
	select {
	case p := <-n.processes.started:
		return p
	case <-n.t.Context().Done():
		n.t.Fatal("no supervisor was started")
		return nil
	}
}

// results returns the output of a unit, live.
func (n *testNode) results(unit string, pos int64) io.Reader {
	n.t.Helper()
	r, err := n.client().Results(unit, pos)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// wantOutput reads that much of a live output.
func (n *testNode) wantOutput(r io.Reader, want string) {
	n.t.Helper()
	got := make([]byte, len(want))
	if k, err := io.ReadFull(r, got); err != nil || string(got) != want {
		n.t.Fatalf("output %q, %v; want %q", got[:k], err, want)
	}
}

// wantEnd reads the rest of a live output.
func (n *testNode) wantEnd(r io.Reader, want string) {
	n.t.Helper()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != want {
		n.t.Fatalf("the rest of the output is %q, %v; want %q", got, err, want)
	}
}

// await waits until a unit is in a state with a detail that contains a text.
func (n *testNode) await(unit string, state State, detail string) Status {
	n.t.Helper()
	r, err := n.m.find(unit)
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), 10*time.Second)
	defer cancel()
	s, err := r.base().await(ctx, func(s *snapshot) bool {
		return s.status.State == state && strings.Contains(s.status.Detail, detail)
	})
	if err != nil {
		n.t.Fatalf("unit %s is %v, %q; want %v, %q", unit, s.status.State, s.status.Detail, state, detail)
	}
	return s.status
}

// wantStatus asks for the status of a unit.
func (n *testNode) wantStatus(unit string, state State, detail string) {
	n.t.Helper()
	var s struct {
		State  State
		Detail string
	}
	answer := n.do("work status " + unit)
	if err := json.Unmarshal([]byte(answer), &s); err != nil {
		n.t.Fatalf("%s: %v", answer, err)
	}
	if s.State != state || !strings.Contains(s.Detail, detail) {
		n.t.Fatalf("unit is %v, %q; want %v, %q", s.State, s.Detail, state, detail)
	}
}

func (n *testNode) dir(unit string) string { return "/data/" + n.id + "/" + unit }

// memListener hands out connections that are sent to it.
type memListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn, 100), done: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr{} }

type memAddr struct{}

func (memAddr) Network() string { return "mem" }
func (memAddr) String() string  { return "mem" }

// memConn is one end of a connection in memory, with half-close.
type memConn struct {
	in  *io.PipeReader
	out *io.PipeWriter
}

func memConns() (*memConn, *memConn) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return &memConn{in: r1, out: w2}, &memConn{in: r2, out: w1}
}

var errCut = errors.New("connection cut")

func (c *memConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c *memConn) CloseWrite() error           { return c.out.Close() }
func (c *memConn) Close() error {
	c.out.Close()
	return c.in.CloseWithError(io.ErrClosedPipe)
}

// abort breaks the connection: neither end sees it end properly.
func (c *memConn) abort() {
	c.out.CloseWithError(errCut)
	c.in.CloseWithError(errCut)
}

func (c *memConn) LocalAddr() net.Addr              { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr             { return memAddr{} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
