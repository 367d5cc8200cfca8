package sim

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"receptor/mesh"
	"receptor/mesh/linkstate"
	"receptor/sim/check"
	"receptor/sim/probe"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/sim/stats"
	"receptor/transport"
)

// maxViolations ends a run: what follows from them is of no interest.
const maxViolations = 20

// world is a running scenario: nodes on a virtual network, and what watches
// them. Everything in it runs on one thread, one event at a time.
type world struct {
	timeline
	scenario *scenario.Scenario
	seed     uint64
	trace    *trace
	net      network

	ids    []string
	index  map[string]int
	nodes  []*mesh.Node
	clocks []*clock
	cables []*cable
	byEnds map[[2]string]*cable // both orders of the ends
	lossy  map[string]bool      // links, as they describe themselves, that loss may break

	convergence *check.Convergence
	updates     *check.Updates
	datagrams   *check.Datagrams
	rate        *check.Rate
	traffic     traffic
	figures     *stats.Collector
	violations  []check.Violation
	histories   []History
	probes      probe.Counts
	probing     bool

	interrupt   func() bool // nil: nobody interrupts
	interrupted bool

	paths      *check.Paths // of the true graph
	conditions check.Conditions
	disturbed  bool // by a loss, in the event that is running
}

// newWorld builds the mesh of a scenario that has been checked. out, which may
// be nil, gets the trace.
func newWorld(s *scenario.Scenario, master uint64, out io.Writer) (*world, error) {
	w := &world{
		scenario: s, seed: master,
		index: make(map[string]int, len(s.Nodes)), byEnds: make(map[[2]string]*cable, 2*len(s.Links)),
		lossy: make(map[string]bool),
	}
	for i, n := range s.Nodes {
		w.ids = append(w.ids, n.ID)
		w.index[n.ID] = i
	}
	w.trace = newTrace(w.ids, out)
	w.datagrams = check.NewDatagrams(w.ids, w.report)
	w.updates = check.NewUpdates(w.ids, w.report)
	w.convergence = check.NewConvergence(len(w.ids), s.Expect.ConvergedWithin, w.state, w.report)
	w.figures = stats.NewCollector(len(w.ids))
	w.convergence.Watch(w.figures)
	w.rate = check.NewRate(len(s.Nodes), len(s.Links), w.convergence.Quiet, w.report)
	w.net = network{timeline: &w.timeline, trace: w.trace, tap: w, pool: linkstate.NewPool()}
	for i, id := range w.ids {
		if err := w.addNode(int32(i), id); err != nil {
			return nil, err
		}
	}
	for _, l := range s.Links {
		w.addCable(l)
	}
	for _, a := range s.Timeline {
		w.after(a.At, func() { w.act(a) })
	}
	w.traffic.schedule(w)
	w.redraw(check.CauseStart)
	return w, nil
}

func (w *world) addNode(i int32, id string) error {
	clock := &clock{timeline: &w.timeline, trace: w.trace, node: i}
	node, err := mesh.New(mesh.Config{
		ID: id, Clock: clock, Rand: seed.Source(w.seed, "node", id), Pool: w.net.pool,
		Events: func(e mesh.Event) { w.observe(i, e) },
	})
	if err != nil {
		return fmt.Errorf("node %q: %w", id, err)
	}
	_, err = node.HandleDatagrams(check.Service, func(from mesh.Addr, payload []byte) {
		w.traffic.received(w, int(i), from, payload)
	})
	if err != nil {
		return fmt.Errorf("node %q: %w", id, err)
	}
	w.nodes = append(w.nodes, node)
	w.clocks = append(w.clocks, clock)
	return nil
}

// addCable lays a link, and dials it once time begins.
func (w *world) addCable(l scenario.Link) {
	var ports [2]port
	for side, id := range [2]string{l.From, l.To} {
		node := w.nodes[w.index[id]]
		ports[side] = port{node: int32(w.index[id]), id: id, attach: func(link transport.Link) transport.Receiver {
			return node.Attach(link, mesh.LinkOptions{Cost: l.Cost})
		}}
	}
	c := newCable(&w.net, l, ports[dialer], ports[listener], w.seed)
	w.cables = append(w.cables, c)
	w.byEnds[[2]string{l.From, l.To}] = c
	w.byEnds[[2]string{l.To, l.From}] = c
	if l.Forward.Loss > 0 || l.Back.Loss > 0 {
		w.lossy[c.describe(dialer)], w.lossy[c.describe(listener)] = true, true
	}
	redialer := transport.NewRedialer(w.clocks[ports[dialer].node], seed.Rand(w.seed, "redial", l.Name()), c.dial)
	w.after(0, redialer.Start)
}

// act carries out an action of the timeline.
func (w *world) act(a scenario.Action) {
	c := w.byEnds[a.Link]
	if c == nil || a.Do != scenario.Up && a.Do != scenario.Down {
		return // the engine learns the others in the next commits
	}
	if up := a.Do == scenario.Up; up != c.up {
		c.setUp(up)
		w.redraw(causeOf(a.Do))
	}
}

// causeOf returns what an action is to the mesh.
func causeOf(do scenario.Do) check.Cause {
	if do == scenario.Up {
		return check.CauseHeal
	}
	return check.CauseLinkLoss
}

// redraw makes the true graph anew: the cables that carry frames.
func (w *world) redraw(cause check.Cause) {
	g := check.NewGraph(w.ids)
	now := check.Conditions{Broken: brokenAfter, Redial: len(w.lossy) > 0, Departures: w.conditions.Departures}
	for i, l := range w.scenario.Links {
		c := w.cables[i]
		if c.kind == scenario.UDP {
			now.Datagrams = true
			now.Loss = max(now.Loss, l.Forward.Loss, l.Back.Loss)
		}
		if c.up {
			g.Link(int(c.ports[dialer].node), int(c.ports[listener].node), l.Cost, slowest(c))
			now.Redial = now.Redial || c.outage > 0
		} else {
			now.Down = true
		}
	}
	w.paths = check.NewPaths(g)
	now.Departures = now.Departures || !w.paths.Connected()
	w.conditions = now
	w.convergence.Redrawn(w.now, cause, w.paths, w.paths.Bound(now))
}

// slowest returns the most that a frame takes over a cable in either
// direction. For a TCP-like one with loss that is a quantile: one frame in 1e12
// takes longer.
func slowest(c *cable) time.Duration {
	most := time.Duration(0)
	for i := range c.lanes {
		l := &c.lanes[i]
		d := l.Delay + l.Jitter
		if c.kind == scenario.TCP && l.Loss > 0 {
			again := math.Ceil(math.Log(1e-12) / math.Log(l.Loss))
			d += time.Duration(min(again, maxRetransmits)) * l.retransmit
		}
		most = max(most, d)
	}
	return most
}

// state lets a checker look at what a node believes.
func (w *world) state(node int, look func(check.State)) {
	w.nodes[node].Inspect(func(v mesh.View) { look(beliefs{v}) })
}

// report implements check.Report.
func (w *world) report(now time.Duration, node string, rule check.Rule, format string, args ...any) {
	w.violations = append(w.violations, check.Violation{
		AtSeconds: now.Seconds(), Node: node, Rule: rule, Text: fmt.Sprintf(format, args...),
	})
	if r := w.trace.recent; r != nil && !slices.ContainsFunc(w.histories, func(h History) bool { return h.Node == node }) {
		w.histories = append(w.histories, History{Node: node, Events: r.before(node)})
	}
}

// leaves implements tap.
func (w *world) leaves(node int, frame []byte) {
	if transport.IsData(frame) {
		w.datagrams.Leaves(w.now, node, frame)
		if w.probing {
			w.probeSent(node, frame)
		}
	} else {
		w.rate.Control(w.now)
		w.figures.Control(node, len(frame))
	}
}

// arrives implements tap.
func (w *world) arrives(node int, frame []byte) {
	if transport.IsData(frame) {
		w.datagrams.Arrives(w.now, node, frame)
	} else if w.probing {
		w.probeArrived(node, frame)
	}
}

// lost implements tap.
func (w *world) lost(frame []byte, why stats.Loss) { w.figures.Lost(frame, why) }

// observe takes an event of a node, which may hold its lock: nothing here may
// call into it.
func (w *world) observe(i int32, e mesh.Event) {
	w.trace.say(w.now, i, e)
	if w.probing {
		w.probes.Observe(e)
	}
	id := w.ids[i]
	switch e := e.(type) {
	case mesh.UpdateAccepted:
		w.updates.Accepted(w.now, int(i), e.Node, e.Epoch, e.Sequence)
	case mesh.RoutesChanged, mesh.LinkUp:
		w.convergence.Touched(w.now, int(i))
	case mesh.LinkDown:
		w.convergence.Touched(w.now, int(i))
		w.disturbed = w.disturbed || w.lossy[e.Link]
	case mesh.LinkFailed:
		w.disturbed = w.disturbed || w.lossy[e.Link]
	case mesh.NodeForgotten:
		w.convergence.Touched(w.now, int(i))
		w.updates.Forgotten(int(i), e.Node)
	case mesh.DuplicateID, mesh.DuplicateSuspected:
		w.report(w.now, id, check.RuleIdentity, "every node has an ID of its own, yet: %T%+v", e, e)
	case mesh.DatagramDropped:
		w.figures.Dropped(e)
	case mesh.FrameDropped:
		w.report(w.now, id, check.RuleFrame, "it cannot use a frame from %q: %v", e.Peer, e.Err)
	}
}

// runFor lets time pass up to end, or up to the event of the last violation
// that is of interest.
func (w *world) runFor(end time.Duration) {
	for len(w.violations) < maxViolations && !w.asked() {
		at, any := w.queue.next()
		if due := w.convergence.Due(); due <= end && (!any || due <= at) {
			w.now = due
			w.convergence.Look(due)
			continue
		}
		if !any || at > end {
			w.now = end
			w.convergence.Look(end)
			return
		}
		e, live := w.queue.pop()
		if !live {
			continue
		}
		w.now = e.at
		e.task.run()
		if w.disturbed {
			w.disturbed = false
			w.convergence.Disturbed(w.now, check.CauseOther)
		}
	}
}
