package guest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/truth"
)

// maxViolations ends a run: what follows from them is of no interest.
const maxViolations = 20

// witness compares what nodes believe of the mesh with what it is, which is too much
// for the log, and tells what is wrong. All but told is guarded by the mutex acting
// of the world.
type witness struct {
	world       *world
	ids         []string
	index       map[string]int
	convergence *check.Convergence
	rate        *check.Rate
	paths       *check.Paths
	conditions  check.Conditions
	doubts      truth.Doubts
	claimed     map[string]bool // IDs that two nodes have had at once
	guarded     bool            // a node has a firewall
	crowded     bool            // datagrams may be lost for want of room
	violations  int
	enough      chan struct{} // closed when there are too many
	dismissed   bool
	belief      *time.Timer // when who believes whom changes; nil: never
	woken, over chan struct{}

	// Nodes tell under their locks, which a look at them takes.
	telling sync.Mutex
	told    []news // not taken in yet
}

// news is something that has happened to a node.
type news struct {
	at                 time.Duration
	node               int
	touched, disturbed bool         // its beliefs may have changed; its links may have ended by loss
	control, update    bool         // it has sent a control frame; a routing update
	twice              string       // the ID that it holds to be there twice
	leaves             *incarnation // it does so, for its own is
}

func newWitness(w *world) *witness {
	v := &witness{world: w, index: make(map[string]int), claimed: make(map[string]bool), enough: make(chan struct{}), woken: make(chan struct{}, 1), over: make(chan struct{})}
	for i, n := range w.scenario.Nodes {
		v.ids = append(v.ids, n.ID)
		v.index[n.ID] = i
		v.doubts.Deployed = v.doubts.Deployed || n.Kind == scenario.KindDeployed
		v.guarded = v.guarded || len(n.Firewall) > 0
	}
	bytes := 0
	for _, d := range w.scenario.Datagrams {
		bytes += d.Size * d.Count
	}
	v.crowded = bytes > uncrowded || slices.ContainsFunc(w.scenario.Links, func(l scenario.Link) bool { return l.Forward.Bandwidth+l.Back.Bandwidth > 0 })
	v.convergence = check.NewConvergence(len(v.ids), w.scenario.Expect.ConvergedWithin, v.state, v.report)
	size := truth.Size(w.scenario)
	size.Services += len(v.ids) + len(w.scenario.Streams) // the control service of each, and what streams go to
	v.rate = check.NewRate(size, v.convergence.Quiet, v.report)
	return v
}

// begin draws the mesh, before anything happens to it that may be judged, and watches.
func (v *witness) begin() {
	v.world.acting.Lock()
	v.redraw(check.CauseStart)
	v.world.acting.Unlock()
	go v.watch()
}

// watch looks at the nodes whenever there is something to see, until the witness is
// dismissed.
func (v *witness) watch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-v.over:
			return
		case <-v.woken:
		case <-timer.C:
		}
		timer.Reset(v.lookIfDue())
	}
}

// lookIfDue returns how long there is nothing to look at, unless a node tells of
// something.
func (v *witness) lookIfDue() time.Duration {
	v.world.acting.Lock()
	defer v.world.acting.Unlock()
	v.take()
	if !v.dismissed && v.now() >= v.convergence.Due() {
		v.look()
	}
	return v.convergence.Due() - v.now()
}

func (v *witness) now() time.Duration { return time.Since(v.world.log.start) }

// look judges the nodes now.
func (v *witness) look() {
	v.take()
	v.convergence.Look(v.now())
}

// state lets the checker look at what a node believes.
func (v *witness) state(node int, look func(check.State)) {
	v.world.machines[v.ids[node]].life.node.believes(look)
}

// report implements check.Report.
func (v *witness) report(_ time.Duration, node string, rule check.Rule, format string, args ...any) {
	if v.violations++; v.violations > maxViolations {
		return
	}
	v.world.log.log(eventlog.Event{Kind: eventlog.Violated, Node: node, Text: string(rule), Problem: fmt.Sprintf(format, args...)})
	if v.violations == maxViolations {
		close(v.enough)
	}
}

// letPass lets time pass. It reports false, at once, when there are too many violations:
// what violates may be without end, and leave no time to pass.
func (v *witness) letPass(d time.Duration) bool {
	select {
	case <-v.enough:
		return false
	case <-time.After(d):
		return true
	}
}

// observe takes an event of a node, which may hold its lock.
func (i *incarnation) observe(e mesh.Event) {
	if i.dead.Load() {
		return
	}
	v := i.machine.world.witness
	switch e := e.(type) {
	case mesh.DuplicateID:
		n := news{node: i.machine.number, twice: e.ID}
		if e.Leaving {
			n.leaves = i
		}
		v.tell(n)
		return
	case mesh.DuplicateSuspected:
		v.tell(news{node: i.machine.number, twice: e.Node})
		return
	case mesh.StreamRefused:
		i.machine.world.log.log(eventlog.Event{Kind: eventlog.Refused, Node: i.machine.name, Text: e.Remote.Node, Problem: text(e.Err)})
		return
	}
	if i.machine.duplicate != "" {
		return
	}
	switch e.(type) {
	case mesh.RoutesChanged, mesh.LinkUp, mesh.NodeForgotten:
		v.tell(news{node: i.machine.number, touched: true})
	case mesh.LinkDown:
		v.tell(news{node: i.machine.number, touched: true, disturbed: i.machine.lossy})
	case mesh.LinkFailed:
		if i.machine.lossy {
			v.tell(news{node: i.machine.number, disturbed: true})
		}
	}
}

func (v *witness) tell(n news) {
	v.telling.Lock()
	defer v.telling.Unlock()
	n.at = v.now()
	v.told = append(v.told, n)
	v.wake()
}

// sent takes a control frame that a node sends.
func (v *witness) sent(node int, frame []byte) {
	v.tell(news{node: node, control: true, update: wire.Type(frame[0]) == wire.TypeRouting})
}

func (v *witness) wake() {
	select {
	case v.woken <- struct{}{}:
	default:
	}
}

// take takes in what nodes have told.
func (v *witness) take() {
	v.telling.Lock()
	told := v.told
	v.told = nil
	v.telling.Unlock()
	for _, n := range told {
		if n.control && v.paths != nil { // until the mesh is drawn, nobody knows whether it is quiet
			v.rate.Control(n.at, v.ids[n.node], n.update)
		}
		if n.touched {
			v.convergence.Touched(n.at, n.node)
		}
		if n.disturbed {
			v.convergence.Disturbed(n.at, check.CauseOther)
		}
		if n.twice != "" {
			v.judgeDuplicate(n)
		}
	}
}

// redraw is for a mesh that has become another one.
func (v *witness) redraw(cause check.Cause) {
	v.take()
	w := v.world
	v.doubts.Forging = w.faults.Any(scenario.Forge)
	d := truth.New(v.ids, v.doubts, v.conditions)
	for i, id := range v.ids {
		m := w.machines[id]
		d.Node(i, m.serves(), m.paused(), m.spec.Drift)
		d.Conditions.Redial = d.Conditions.Redial || m.lossy
		d.Conditions.Unclear = d.Conditions.Unclear || m.slow.by() > 0
	}
	for _, m := range w.spare {
		d.Conditions.Unclear = d.Conditions.Unclear || m.life != nil
	}
	for _, c := range w.laid() {
		c.draw(d, v.index)
	}
	v.awaitBelief()
	v.paths, v.conditions = d.Paths(), d.Conditions
	w.offers.renew()
	v.convergence.Redrawn(v.now(), cause, v.paths, v.paths.Bound(v.conditions))
	v.rate.Redrawn(w.floods())
	v.wake()
}

// floods reports whether updates are sent even if nothing happens: there are deployed
// nodes, or a dialer is through with TLS before the other end says that it does not
// believe it, and has begun the handshake of the mesh.
func (w *world) floods() bool {
	return slices.ContainsFunc(w.all(), func(m *machine) bool { return m.life != nil && m.kind == scenario.KindDeployed }) ||
		slices.ContainsFunc(w.laid(), func(c *cable) bool {
			both, _ := w.believes(c.link)
			return !both
		})
}

// awaitBelief draws anew when a certificate becomes valid, or no longer is, by the
// clock of a node that is shown it.
func (v *witness) awaitBelief() {
	if v.belief != nil {
		v.belief.Stop()
	}
	soonest := never
	for _, c := range v.world.laid() {
		_, lasts := v.world.believes(c.link)
		soonest = min(soonest, lasts)
	}
	if soonest == never {
		return
	}
	v.belief = time.AfterFunc(soonest, func() {
		v.world.acting.Lock()
		defer v.world.acting.Unlock()
		if !v.dismissed {
			v.redraw(check.CauseOther)
		}
	})
}

// draw adds the link to a drawing of the mesh.
func (c *cable) draw(d *truth.Drawing, index map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link.TLS && !c.trusts(c.machines[0].world, d) {
		return
	}
	d.Link(c.link.Backend, c.link.Cost, index[c.link.From], index[c.link.To], &c.lanes, c.outage)
}

// timeIsUp ends what the scenario expects.
func (v *witness) timeIsUp() {
	v.world.acting.Lock()
	defer v.world.acting.Unlock()
	v.look()
	v.convergence.Release()
	if !v.world.scenario.Expect.Converges {
		v.conclude()
	}
}

// conclude tells whether all is right.
func (v *witness) conclude() {
	if at, ok := v.convergence.Converged(); ok {
		v.world.log.log(eventlog.Event{Kind: eventlog.Right, Quiet: int64(v.now() - at)})
	}
	v.world.offers.judge()
	if v.convergence.Quiet() {
		v.world.log.log(eventlog.Event{Kind: eventlog.Calm})
	}
}

// rests reports whether the mesh has come to rest, as far as it must.
func (v *witness) rests() bool {
	v.world.acting.Lock()
	defer v.world.acting.Unlock()
	return !v.world.scenario.Expect.Converges || v.convergence.Quiet() || v.conditions.Unclear || v.violations > 0
}

// dismiss ends the watch.
func (v *witness) dismiss() {
	rests := v.rests()
	v.world.acting.Lock()
	defer v.world.acting.Unlock()
	if !rests && !v.loses() {
		v.report(v.now(), "", check.RuleConverged, "the mesh does not come to rest, although nothing happens to it any more")
	}
	if v.world.scenario.Expect.Converges {
		v.look()
		v.conclude()
	}
	v.dismissed = true
	close(v.over)
}

// loses reports whether a wire may end links at any time.
func (v *witness) loses() bool {
	for _, m := range v.world.machines {
		if m.lossy {
			return true
		}
	}
	return false
}

// suspect notes what an action leaves open about the mesh.
func (v *witness) suspect(a scenario.Action) {
	v.doubts.Redials = v.doubts.Redials || a.Node != "" || a.Do == scenario.Clog
	v.doubts.Tainted = v.doubts.Tainted || a.Do == scenario.Forge
	v.doubts.Silent = v.doubts.Silent || a.Do == scenario.PowerCut || a.Do == scenario.Wipe
}
