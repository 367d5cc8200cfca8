package work

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"receptor/control"
	"receptor/sim/disk"
	"receptor/transport"
)

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
	c.breakBy(func() (ours, theirs int) { return -1, -1 })
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
	i.m.fs.setJournal(w.c.journal)
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
	if n.m.Start(); n.m.Available() != nil && !errors.Is(n.m.Available(), errDisk) {
		w.complain("node %s does not start: %v", id, n.m.Available())
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
		if e.Again && errors.Is(e.Err, errDisk) {
			return
		}
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

func (w *world) supervisors() []*simSupervisor {
	return append(w.machines["a"].list(), w.machines["b"].list()...)
}
