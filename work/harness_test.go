package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"receptor/control"
	"receptor/transport"
)

// cluster is a number of nodes that can reach each other.
type cluster struct {
	// tlsClient is the TLS client configuration that nodes are dialled with.
	tlsClient string
	t         *testing.T
	clock     *testClock
	time      transport.Clock // clock, or that of a synctest bubble
	mu        sync.Mutex
	nodes     map[string]*testNode
	down      map[string]error // by node: why it cannot be dialled
	plain     map[string]bool  // by node: it advertises no features
	mute      bool             // no node advertises anything
	// follow: nodes advertise FeatureFollow and FeatureSession. Tests of exResults
	// and exStatus do without.
	follow bool
	// journal: units of other nodes are in the journal at first. Most tests look into
	// files, or break single ones.
	journal bool
	// patience is Options.MaxPendingRelease.
	patience time.Duration
	conns    []io.Closer
	dials    int
	// breaks, if set, says after how many bytes the next connection breaks, from
	// the node that dials and from the one that is dialled; -1 for never.
	breaks atomic.Pointer[func() (ours, theirs int)]
	// distrusted: no node would be believed whose session was kept.
	distrusted atomic.Bool
}

// bubble has f play with a cluster whose time is that of a synctest bubble: it
// passes while everybody waits.
func bubble(t *testing.T, f func(t *testing.T, c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.time = transport.System
		f(t, c)
	})
}

func newCluster(t *testing.T) *cluster {
	clock := newTestClock()
	return &cluster{t: t, clock: clock, time: clock, nodes: make(map[string]*testNode), down: make(map[string]error), plain: make(map[string]bool)}
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
	minFree   int64                                       // Options.MinFree, from the next start on
	signWith  func(node, command string) (string, error)  // Options.Sign
	lock      func(dir string) (unlock func(), err error) // Options.Lock
	types     []Type                                      // beside cat and sh, from the next start on
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
		NodeID: n.id, Dir: "/data/" + n.id, FS: n.fs, Lock: n.lock, Clock: n.c.time, Rand: rand.NewPCG(n.seed, 1),
		Processes: n.processes, Dial: n.c.dial, Features: n.c.featuresOf, MaxPendingRelease: n.c.patience, MinFree: n.minFree, Sign: n.signWith, Events: func(e Event) {
			if p, ok := e.(UnitProblem); ok && errors.Is(p.Err, errContradiction) {
				n.t.Errorf("unit %s on %s: %v", p.Unit, n.id, p.Err)
			}
			n.events <- e
		},
	})
	n.fs.setJournal(n.c.journal)
	types := append([]Type{{Name: "cat", Command: "cat"}, {Name: "sh", Command: "sh", Params: "-c", AllowRuntimeParams: true}}, n.types...)
	for _, t := range types {
		if err := n.m.AddType(t); err != nil {
			n.t.Fatal(err)
		}
	}
	n.server = control.New(n.id, control.Options{Clock: n.c.time})
	n.m.Register(n.server)
	n.m.Start()
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

// breakBy sets breaks; nil for connections that do not break.
func (c *cluster) breakBy(breaks func() (ours, theirs int)) { c.breaks.Store(&breaks) }

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
	case service != "control" || tlsClient != c.tlsClient:
		return nil, fmt.Errorf("dialled service %q with TLS %q", service, tlsClient)
	}
	ours, theirs := memConns()
	ours.distrusted = &c.distrusted
	if breaks := c.breaks.Load(); breaks != nil && *breaks != nil {
		ours.left, theirs.left = (*breaks)()
	}
	c.conns = append(c.conns, ours, theirs)
	n.listener.conns <- theirs
	return ours, nil
}

// dialled is how many connections were tried.
func (c *cluster) dialled() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials
}

// featuresOf is Options.Features.
func (c *cluster) featuresOf(node string) (features []string, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[node]
	if n == nil || c.mute || c.plain[node] {
		return nil, n != nil && !c.mute
	}
	if c.follow {
		return []string{FeatureSubmission, FeatureFollow, FeatureSession}, true
	}
	return []string{FeatureSubmission}, true
}

// setPlain has a node not advertise its features any more.
func (c *cluster) setPlain(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plain[node] = true
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

// awaitRemoteID waits until a unit has a name on its remote node.
func (n *testNode) awaitRemoteID(unit, remoteID string) {
	n.t.Helper()
	r, err := n.m.find(unit)
	if err != nil {
		n.t.Fatal(err)
	}
	_, err = r.base().await(n.t.Context(), func(s *snapshot) bool {
		return strings.Contains(string(s.status.ExtraData), `"RemoteUnitID":"`+remoteID+`"`)
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *testNode) dir(unit string) string { return "/data/" + n.id + "/" + unit }

// left lists what is in the node's directory beside the keys of former
// submissions.
func (n *testNode) left() []string {
	return slices.DeleteFunc(n.fs.Tree("/data/"+n.id), func(name string) bool { return path.Base(name) == keysFile })
}
