package sim

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"receptor/mesh"
	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
	"receptor/sim/check"
	"receptor/sim/fault"
	"receptor/sim/probe"
	"receptor/sim/scenario"
	"receptor/sim/stats"
	"receptor/sim/truth"
	"receptor/transport"
)

// never is later than any run.
const never = time.Duration(math.MaxInt64)

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
	hosts  []*host // those of the scenario's nodes first, as many as ids
	spare  []*host // not started yet, for duplicates
	cables []*cable
	byEnds map[[2]string]*cable // both orders of the ends
	lossy  map[string]bool      // links, as they describe themselves, that the wire may break

	faults  *fault.Faults
	redials bool // links may have ended for other reasons than a dead wire
	// What limits the claims that can be made.
	disputed bool            // a node may have met an earlier run of its own
	claimed  map[string]bool // IDs that two nodes have had at once
	taint    bool            // frames have been forged, or changed

	convergence *check.Convergence
	updates     *check.Updates
	datagrams   *check.Datagrams
	rate        *check.Rate
	queues      *check.Queues
	firewalls   *check.Firewalls
	traffic     traffic
	services    *check.Services
	offers      []*offered
	uncrowded   bool // no wire has a bandwidth
	figures     *stats.Collector
	record      *stats.Recorder // may be nil
	violations  []check.Violation
	histories   []History
	probes      probe.Counts
	probing     bool

	interrupt   func(now time.Duration) bool // nil: nobody interrupts
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
		lossy: make(map[string]bool), claimed: make(map[string]bool),
	}
	w.faults = fault.New(faulty{w})
	for i, n := range s.Nodes {
		w.ids = append(w.ids, n.ID)
		w.index[n.ID] = i
	}
	names := slices.Clone(w.ids)
	for _, a := range s.Timeline {
		if a.Do == scenario.Duplicate {
			names = append(names, a.Node+" (duplicate)")
		}
	}
	w.trace = newTrace(names, out)
	w.datagrams = check.NewDatagrams(w.ids, longestFlight(s), w.report)
	w.services = check.NewServices(w.ids, w.report)
	w.uncrowded = !slices.ContainsFunc(s.Links, func(l scenario.Link) bool { return l.Forward.Bandwidth+l.Back.Bandwidth > 0 })
	w.updates = check.NewUpdates(w.ids, w.report)
	w.convergence = check.NewConvergence(len(w.ids), s.Expect.ConvergedWithin, w.state, w.report)
	w.figures = stats.NewCollector(len(w.ids))
	w.convergence.Watch(w.figures)
	w.queues = check.NewQueues(w.ids, w.report)
	w.rate = check.NewRate(truth.Size(s), w.convergence.Quiet, w.report)
	w.net = network{timeline: &w.timeline, trace: w.trace, tap: w, packer: packer{pool: linkstate.NewPool()}}
	if err := w.addHosts(); err != nil {
		return nil, err
	}
	for _, l := range s.Links {
		w.addCable(l)
	}
	for _, h := range w.hosts {
		if err := h.start(w, false); err != nil {
			return nil, err
		}
	}
	w.addTimeline()
	w.traffic.schedule(w)
	w.scheduleServices()
	w.redraw(check.CauseStart)
	return w, nil
}

// longestFlight returns how long a datagram can be under way: links that hold
// frames back break after a while, unless that is what the scenario wants.
func longestFlight(s *scenario.Scenario) time.Duration {
	longest := time.Minute
	for _, a := range s.Timeline {
		switch {
		case a.Do != scenario.Clog && a.Do != scenario.Pause && a.Do != scenario.Slow:
		case a.For == 0:
			return never
		default:
			longest += a.For
		}
	}
	return longest
}

// addHosts makes the machines of the nodes, which are down.
func (w *world) addHosts() error {
	owners := make([][]check.FirewallRule, len(w.ids))
	for i, n := range w.scenario.Nodes {
		rules, err := n.Rules()
		if err != nil {
			return fmt.Errorf("node %q: %w", n.ID, err)
		}
		for _, r := range n.Firewall {
			owners[i] = append(owners[i], check.FirewallRule(r))
		}
		w.hosts = append(w.hosts, &host{net: &w.net, number: int32(i), id: n.ID, kind: n.Kind, spec: n.Clock, rules: rules})
	}
	w.firewalls = check.NewFirewalls(w.ids, owners, w.report)
	return nil
}

// addCable lays a link.
func (w *world) addCable(l scenario.Link) {
	c := newCable(&w.net, l, w.hosts[w.index[l.From]], w.hosts[w.index[l.To]], w.seed)
	w.cables = append(w.cables, c)
	w.byEnds[[2]string{l.From, l.To}] = c
	w.byEnds[[2]string{l.To, l.From}] = c
	for side, h := range c.hosts {
		h.cables = append(h.cables, c)
		if truth.MayBreak(c.lanes[side].Wire) {
			w.lossy[c.describe(dialer)], w.lossy[c.describe(listener)] = true, true
		}
		if c.lanes[side].Duplicate > 0 {
			w.datagrams.Loosen()
		}
	}
}

// addTimeline schedules the actions, and makes a host for each duplicate.
func (w *world) addTimeline() {
	for _, a := range w.scenario.Timeline {
		w.after(a.At, func() { w.faults.Act(a) })
		if a.Do != scenario.Duplicate {
			continue
		}
		kind := w.hosts[w.index[a.Node]].kind
		h := &host{net: &w.net, number: int32(len(w.hosts)), id: a.Node, kind: kind, extra: true}
		via := w.hosts[w.index[a.Via]]
		c := newCable(&w.net, scenario.Link{From: a.Node, To: a.Via, Backend: scenario.TCP, Cost: 1}, h, via, w.seed)
		h.cables = append(h.cables, c)
		via.cables = append(via.cables, c)
		w.hosts = append(w.hosts, h)
		w.spare = append(w.spare, h)
	}
	// They are taken in the order in which they are needed.
	slices.SortStableFunc(w.spare, func(a, b *host) int { return cmp.Compare(w.duplicatedAt(a), w.duplicatedAt(b)) })
}

// duplicatedAt returns when a spare host is needed.
func (w *world) duplicatedAt(h *host) time.Duration {
	k := int(h.number) - len(w.ids)
	for _, a := range w.scenario.Timeline {
		if a.Do == scenario.Duplicate {
			if k == 0 {
				return a.At
			}
			k--
		}
	}
	return never
}

// state lets a checker look at what a node believes.
func (w *world) state(node int, look func(check.State)) { w.hosts[node].node.believes(look) }

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
func (w *world) leaves(from *host, frame []byte) {
	if from.extra {
		return
	}
	if !transport.IsData(frame) {
		w.rate.Control(w.now, from.id, wire.Type(frame[0]) == wire.TypeRouting)
		w.figures.Control(int(from.number), len(frame))
		w.record.Control(w.now, len(frame))
		return
	}
	if !w.taint {
		w.datagrams.Leaves(w.now, int(from.number), frame)
		w.firewalls.Leaves(w.now, int(from.number), frame)
	}
	if w.probing {
		w.probeSent(int(from.number), frame)
	}
}

// arrives implements tap.
func (w *world) arrives(at *host, frame []byte) {
	switch {
	case at.extra:
	case !transport.IsData(frame):
		if w.probing {
			w.probeArrived(int(at.number), frame)
		}
	case !w.taint:
		w.datagrams.Arrives(w.now, int(at.number), frame)
	}
}

// holds implements tap.
func (w *world) holds(from *host, data, control int) {
	if !from.extra {
		w.queues.Holds(w.now, int(from.number), data, control)
	}
}

// tainted implements tap.
func (w *world) tainted() { w.taint = true }

// lost implements tap.
func (w *world) lost(frame []byte, why stats.Loss) {
	w.figures.Lost(frame, why)
	w.record.Lost(w.now, frame)
}

// observe takes an event of a node, which may hold its lock: nothing here may
// call into it.
func (w *world) observe(h *host, e mesh.Event) {
	w.trace.say(w.now, h.number, e)
	if w.probing {
		w.probes.Observe(e)
	}
	switch e := e.(type) {
	case mesh.DuplicateID:
		w.observeDuplicate(h, e.ID, e.Leaving)
	case mesh.DuplicateSuspected:
		w.observeDuplicate(h, e.Node, false)
	case mesh.LinkUp:
		h.linked(1)
	case mesh.LinkDown:
		h.linked(-1)
	}
	if h.extra {
		return
	}
	i := int(h.number)
	w.record.Event(w.now, i, e)
	switch e := e.(type) {
	case mesh.UpdateAccepted:
		// Forged or not, none may be older than the one before.
		if _, exists := w.index[e.Node]; exists || !w.taint {
			w.updates.Accepted(w.now, i, e.Node, e.Epoch, e.Sequence)
		}
	case mesh.DuplicateSuspected:
		w.updates.Suspected(i, e.Node, e.Suspect)
	case mesh.RoutesChanged, mesh.LinkUp:
		w.convergence.Touched(w.now, i)
	case mesh.LinkDown:
		w.convergence.Touched(w.now, i)
		w.disturbed = w.disturbed || w.lossy[e.Link]
	case mesh.LinkFailed:
		w.disturbed = w.disturbed || w.lossy[e.Link]
	case mesh.NodeForgotten:
		w.convergence.Touched(w.now, i)
		w.updates.Forgotten(i, e.Node)
	case mesh.DatagramDropped:
		w.figures.Dropped(e)
	case mesh.FrameDropped:
		if !w.taint {
			w.report(w.now, h.id, check.RuleFrame, "it cannot use a frame from %q: %v", e.Peer, e.Err)
		}
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
