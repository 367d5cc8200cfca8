package work

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"receptor/control"
	"receptor/internal/propseed"
	"receptor/sim/disk"
	"receptor/transport"
)

// seedFile holds the seed of the properties; see package propseed.
const seedFile = "../sim/testdata/seeds.txt"

func TestMain(m *testing.M) {
	if err := propseed.Use(seedFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// job is a unit that a client of node a has submitted, as the model sees it.
type job struct {
	name   string
	target string // the node that is to run it
	stdin  string

	mu        sync.Mutex
	id        string // on a, empty if the client never heard of it
	accepted  bool   // the client was told that it has started, or will
	canceled  bool   // that was asked for
	released  bool   // that too
	disturbed bool   // it was under way on a machine that lost its power, or had no space
}

// world is two nodes on two machines, and what the model knows of their units.
type world struct {
	c        *cluster
	machines map[string]*machine
	nodes    map[string]*simNode // those that run
	jobs     []*job
	clients  sync.WaitGroup
	rand     *rand.Rand
	seed     uint64
	parted   bool

	mu       sync.Mutex
	ends     map[string]State // by node and unit: the terminal state that was seen
	problems []string
}

// simNode is a node that can be killed.
type simNode struct {
	*testNode
	i *incarnation
}

func newWorld(t *testing.T, c *cluster, seed uint64) *world {
	w := &world{
		c: c, machines: map[string]*machine{"a": newMachine(), "b": newMachine()}, nodes: make(map[string]*simNode),
		rand: rand.New(rand.NewPCG(seed, 7)), seed: seed, ends: make(map[string]State),
	}
	c.breaks = func() (ours, theirs int) { return -1, -1 }
	w.start("a")
	w.start("b")
	return w
}

func (w *world) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// start starts a node on what its machine has.
func (w *world) start(id string) {
	i := &incarnation{m: w.machines[id]}
	n := &simNode{testNode: &testNode{t: w.c.t, c: w.c, id: id}, i: i}
	w.seed++
	n.m = NewManager(Options{
		NodeID: id, Dir: "/data/" + id, FS: i.m.fs.For(i.check), Clock: transport.System, Rand: rand.NewPCG(w.seed, 1),
		Processes: i, Features: w.c.featuresOf, MinFree: roomy,
		Dial: func(ctx context.Context, node, service, tlsClient string) (Conn, error) {
			if err := i.check(); err != nil {
				return nil, err
			}
			return w.c.dial(ctx, node, service, tlsClient)
		},
		Events: func(e Event) {
			if !i.dead.Load() {
				w.observe(id, e)
			}
		},
	})
	if err := n.m.AddType(Type{Name: "cat", Command: "cat", SeparateStderr: true}); err != nil {
		panic(err)
	}
	n.server = control.New(id, control.Options{Clock: transport.System})
	n.m.Register(n.server)
	if err := n.m.Start(); err != nil {
		w.complain("node %s does not start: %v", id, err)
	}
	n.listener = newMemListener()
	go n.server.Serve(n.listener)
	w.nodes[id] = n
	w.c.mu.Lock()
	w.c.nodes[id] = n.testNode
	w.c.mu.Unlock()
	if id == "b" && !w.parted && w.nodes["a"] != nil {
		w.nodes["a"].m.NodeReachable("b")
	}
}

// observe checks what the nodes say of their units.
func (w *world) observe(node string, e Event) {
	switch e := e.(type) {
	case UnitChanged:
		w.mu.Lock()
		end, over := w.ends[node+e.Unit]
		if e.State.Terminal() {
			w.ends[node+e.Unit] = e.State
		}
		w.mu.Unlock()
		if over && end != e.State {
			w.complain("unit %s on %s was %v, and is %v (%s)", e.Unit, node, end, e.State, e.Detail)
		}
	case UnitProblem:
		if errors.Is(e.Err, errContradiction) {
			w.complain("unit %s on %s: %v", e.Unit, node, e.Err)
		}
	case UnitUnreadable:
		w.complain("unit %s on %s is damaged: %v", e.Unit, node, e.Err)
	}
}

// kill ends a node as SIGKILL does.
func (w *world) kill(id string) {
	n := w.nodes[id]
	if n == nil {
		return
	}
	n.i.dead.Store(true)
	w.machines[id].unwatch()
	w.c.mu.Lock()
	delete(w.c.nodes, id)
	w.c.mu.Unlock()
	w.c.cut()
	n.server.Close()
	n.m.Close()
	delete(w.nodes, id)
	if a := w.nodes["a"]; a != nil {
		a.m.NodeUnreachable("b")
	}
}

// powerCut ends a node and all else on its machine.
func (w *world) powerCut(id string) {
	w.disturb(id)
	w.kill(id)
	w.machines[id].powerCut(disk.Loss(w.rand.IntN(3)), w.rand)
}

// roomy is the space on a disk that is not nearly full.
const roomy = 1 << 20

// fill has the disk of a machine nearly full, or not any more.
func (w *world) fill(id string) {
	fs := w.machines[id].fs
	if fs.space() < roomy {
		fs.SetFree(2 * roomy)
		return
	}
	fs.SetFree(0)
	w.disturb(id)
}

// disturb says of the units of a node that they may fail.
func (w *world) disturb(id string) {
	for _, j := range w.jobs {
		j.mu.Lock()
		j.disturbed = j.disturbed || j.target == id
		j.mu.Unlock()
	}
}

// breakages are the ways in which disks fail: what they refuse.
var breakages = [][]disk.Op{{disk.Create, disk.Write}, {disk.Sync, disk.SyncDir}, {disk.SyncDir}, {disk.Rename}}

// breakDisk has the disk of a machine refuse some changes.
func (w *world) breakDisk(id string, ops []disk.Op) {
	w.machines[id].broken = true
	w.machines[id].fs.setBroken(func(op disk.Op, _ string) error {
		if slices.Contains(ops, op) {
			return errDisk
		}
		return nil
	})
	w.disturb(id)
}

// part cuts the nodes off from each other, or joins them again.
func (w *world) part(parted bool) {
	w.parted = parted
	if !parted {
		w.c.setDown("b", nil)
		if a := w.nodes["a"]; a != nil {
			a.m.NodeReachable("b")
		}
		return
	}
	w.c.setDown("b", errors.New("no route to node b"))
	w.c.cut()
	if a := w.nodes["a"]; a != nil {
		a.m.NodeUnreachable("b")
	}
}

// submit has a client of a submit a unit, mostly for b.
func (w *world) submit(size int) {
	name := fmt.Sprintf("job%d", len(w.jobs))
	j := &job{name: name, target: "b", stdin: name + strings.Repeat(".", size)}
	if size%5 == 4 {
		j.target = "a"
	}
	j.disturbed = w.machines[j.target].fs.space() < roomy || w.machines[j.target].broken
	w.jobs = append(w.jobs, j)
	w.ask(func(client *control.Client) {
		sub, err := client.Submit(map[string]string{"node": j.target, "worktype": "cat"})
		if err != nil {
			return
		}
		j.mu.Lock()
		j.id = sub.UnitID
		j.mu.Unlock()
		_, err = sub.Finish(strings.NewReader(j.stdin))
		j.mu.Lock()
		j.accepted = err == nil
		j.mu.Unlock()
	})
}

// ask has a client of a do something, if there is a node to do it.
func (w *world) ask(f func(*control.Client)) {
	a := w.nodes["a"]
	if a == nil {
		return
	}
	ours, theirs := memConns()
	a.listener.conns <- theirs
	w.clients.Go(func() {
		defer ours.Close()
		if client, _, err := control.NewClient(ours); err == nil {
			f(client)
		}
	})
}

// order has a client cancel or release a unit.
func (w *world) order(j *job, order string) {
	j.mu.Lock()
	id := j.id
	j.canceled = true
	j.released = j.released || order == "release"
	j.mu.Unlock()
	if id != "" {
		w.ask(func(client *control.Client) { _, _ = client.Do("work " + order + " " + id) })
	}
}

// action is something that happens in the world.
type action struct{ kind, node, k, l int }

var actionKinds = []string{
	"submit", "submit", "submit", "step", "step", "step", "step", "break", "break", "cut", "part", "join",
	"kill", "power cut", "start", "start", "cancel", "release", "wait", "wait", "fill", "break disk", "mend disk",
}

func (a action) String() string {
	return fmt.Sprintf("%s %c %d %d", actionKinds[a.kind], 'a'+a.node, a.k, a.l)
}

func (w *world) do(a action) {
	node := string(rune('a' + a.node))
	switch actionKinds[a.kind] {
	case "submit":
		w.submit(a.k)
	case "step":
		if list := w.supervisors(); len(list) > 0 {
			list[a.k%len(list)].step()
		}
	case "break": // the next connection after so many bytes
		k, l := a.k, a.l
		w.c.mu.Lock()
		w.c.breaks = func() (ours, theirs int) {
			w.c.breaks = func() (ours, theirs int) { return -1, -1 }
			if a.node == 0 {
				return k, -1
			}
			return -1, l
		}
		w.c.mu.Unlock()
	case "cut":
		w.c.cut()
	case "part":
		w.part(true)
	case "join":
		w.part(false)
	case "kill":
		w.kill(node)
	case "power cut":
		w.powerCut(node)
	case "fill":
		w.fill(node)
	case "break disk":
		w.breakDisk(node, breakages[a.k%len(breakages)])
	case "mend disk":
		w.machines[node].fs.setBroken(nil)
	case "start":
		if w.nodes[node] == nil {
			w.start(node)
		}
	case "cancel", "release":
		if len(w.jobs) > 0 {
			w.order(w.jobs[a.k%len(w.jobs)], actionKinds[a.kind])
		}
	case "wait":
		time.Sleep(time.Duration(a.k) * 100 * time.Millisecond)
	}
	synctest.Wait()
}

func (w *world) supervisors() []*simSupervisor {
	return append(w.machines["a"].list(), w.machines["b"].list()...)
}

// heal starts and joins all, and lets every command come to its end.
func (w *world) heal() {
	w.c.mu.Lock()
	w.c.breaks = nil
	w.c.mu.Unlock()
	for _, id := range []string{"a", "b"} {
		w.machines[id].fs.SetFree(2 * roomy)
		w.machines[id].fs.setBroken(nil)
		if w.nodes[id] == nil {
			w.start(id)
		}
	}
	w.part(false)
	for range 40 {
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, s := range w.supervisors() {
			s.step()
			synctest.Wait()
		}
	}
}

// judge checks what has become of each unit.
func (w *world) judge() {
	a := w.nodes["a"]
	for _, j := range w.jobs {
		runs := w.machines[j.target].runs[j.stdin]
		if runs > 1 {
			w.complain("%s has run %d times", j.name, runs)
		}
		if j.id == "" {
			continue
		}
		r, err := a.m.find(j.id)
		switch {
		case err != nil && j.accepted && !j.released:
			w.complain("%s was accepted, and is lost: %v", j.name, err)
			continue
		case err != nil:
			continue
		case j.released && j.accepted && r.base().load().released:
			continue
		}
		s := r.base().load().status
		output, errOutput := a.i.m.fs.get(a.dir(j.id)+"/stdout"), a.i.m.fs.get(a.dir(j.id)+"/stderr")
		switch {
		case !s.State.Terminal():
			w.complain("%s is stuck: %v, %s", j.name, s.State, s.Detail)
		case s.State == Succeeded && (runs != 1 || output != "out of "+j.stdin):
			w.complain("%s has succeeded with %d runs and the output %q", j.name, runs, output)
		case s.State == Succeeded && (w.c.follow || j.target == "a") && errOutput != "err of "+j.stdin:
			w.complain("%s has succeeded with the stderr %q", j.name, errOutput)
		case s.State != Succeeded && j.accepted && !j.canceled && !j.disturbed:
			w.complain("%s is %v without a reason: %s", j.name, s.State, s.Detail)
		}
	}
	for id, m := range w.machines {
		for stdin := range m.runs {
			if !slices.ContainsFunc(w.jobs, func(j *job) bool { return j.stdin == stdin && j.target == id }) {
				w.complain("a command on %s got the stdin %q", id, stdin)
			}
		}
	}
}

// cleanUp releases all units, and wants nothing to be left of them.
func (w *world) cleanUp() {
	for _, id := range w.machines["a"].units("a") {
		w.ask(func(client *control.Client) { _, _ = client.Do("work release " + id) })
	}
	for range 20 {
		time.Sleep(time.Second)
		synctest.Wait()
		for _, s := range w.supervisors() {
			s.step()
		}
	}
	for id, m := range w.machines {
		if left := m.left(id); len(left) > 0 {
			w.complain("on %s is left %v", id, left)
		}
	}
}

// run plays actions, and returns what went wrong.
func run(t *testing.T, seed uint64, follow bool, actions []action) (problems []string) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.follow = follow
		w := newWorld(t, c, seed)
		for _, a := range actions {
			w.do(a)
		}
		w.heal()
		w.judge()
		w.cleanUp()
		w.kill("a")
		w.kill("b")
		w.clients.Wait()
		problems = w.problems
	})
	return problems
}

// Whatever fails and whenever, a unit runs at most once, comes to an end, and
// what was acknowledged is not lost.
func TestUnitsSurvive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		actions := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) action {
			return action{
				kind: rapid.IntRange(0, len(actionKinds)-1).Draw(rt, "kind"),
				node: rapid.IntRange(0, 1).Draw(rt, "node"),
				k:    rapid.IntRange(0, 400).Draw(rt, "k"),
				l:    rapid.IntRange(0, 150).Draw(rt, "l"),
			}
		}), 1, 40).Draw(rt, "actions")
		seed := rapid.Uint64().Draw(rt, "seed")
		follow := rapid.Bool().Draw(rt, "follow")
		if problems := run(t, seed, follow, actions); len(problems) > 0 {
			rt.Fatalf("%s\nafter %v", strings.Join(problems, "\n"), actions)
		}
	})
}
