package sim

import (
	"time"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

// faulty is the world as the keeper of faults has it.
type faulty struct{ *world }

// After implements fault.Mesh.
func (m faulty) After(d time.Duration, f func()) { m.after(d, f) }

// Begins implements fault.Mesh.
func (m faulty) Begins(a scenario.Action) {
	m.trace.recordAction(m.now, eventAction, m.subject(a), a.String())
}

// Ends implements fault.Mesh.
func (m faulty) Ends(a scenario.Action) {
	m.trace.recordAction(m.now, eventActionEnds, m.subject(a), a.String())
}

// Changed implements fault.Mesh.
func (m faulty) Changed(cause check.Cause) { m.redraw(cause) }

// Revive implements fault.Mesh.
func (m faulty) Revive(node string) { m.boot(m.hosts[m.index[node]], false) }

// Do implements fault.Mesh.
func (m faulty) Do(a scenario.Action) {
	h := m.hosts[m.index[a.Node]]
	switch a.Do {
	case scenario.Restart:
		m.redials = true
		h.crash()
		m.boot(h, a.OldEpoch)
	case scenario.SetClock:
		h.setClock(a.Clock)
	}
}

// subject returns the number of the node that an action is about, for the trace.
func (w *world) subject(a scenario.Action) int32 {
	switch {
	case a.Node != "":
		return int32(w.index[a.Node])
	case a.Link[0] != "":
		return int32(w.index[a.Link[0]])
	case len(a.Nodes) > 0:
		return int32(w.index[a.Nodes[0]])
	}
	return 0
}

// Inflict implements fault.Mesh.
func (m faulty) Inflict(a scenario.Action) (end func()) {
	w := m.world
	var h *host
	if a.Node != "" {
		h = w.hosts[w.index[a.Node]]
	}
	w.redials = w.redials || h != nil || a.Do == scenario.Clog
	switch a.Do {
	case scenario.Down:
		c, sides := w.sides(a)
		return c.takeDown(sides...)
	case scenario.Clog:
		c, sides := w.sides(a)
		return c.clogUp(sides...)
	case scenario.Split:
		return w.split(a.Nodes)
	case scenario.Pause:
		return h.pause()
	case scenario.Slow:
		return h.slowDown(a.By)
	case scenario.Crash, scenario.Wipe:
		h.crash()
		return func() { w.boot(h, a.OldEpoch) }
	case scenario.Duplicate:
		return w.duplicate(a)
	case scenario.Forge:
		return w.forge(h, a)
	}
	panic("sim: the scenario was checked, yet it has an action " + string(a.Do))
}

// sides returns the cable of an action, and the ends whose frames it concerns.
func (w *world) sides(a scenario.Action) (c *cable, sides []int) {
	c = w.byEnds[a.Link]
	switch {
	case !a.OneWay:
		return c, []int{dialer, listener}
	case c.hosts[dialer].id == a.Link[0]:
		return c, []int{dialer}
	default:
		return c, []int{listener}
	}
}

// split takes down every wire between these nodes and the others.
func (w *world) split(ids []string) (end func()) {
	side := make(map[string]bool, len(ids))
	for _, id := range ids {
		side[id] = true
	}
	var restore []func()
	for _, c := range w.cables {
		if side[c.hosts[dialer].id] != side[c.hosts[listener].id] {
			restore = append(restore, c.takeDown(dialer, listener))
		}
	}
	return func() {
		for _, f := range restore {
			f()
		}
	}
}

// boot starts the process of a host that is down, unless another fault keeps it
// down.
func (w *world) boot(h *host, old bool) {
	if h.running() || w.faults.KeptDown(h.id) {
		return
	}
	// The epoch of a deployed node that restarts within a second need not be newer.
	atOnce := h.kind == scenario.KindDeployed && w.now-h.booted < time.Second
	if old || atOnce || h.spec.Offset != 0 || h.spec.Offset < h.offset {
		w.disputed = true
	}
	if err := h.start(w, old); err != nil {
		panic("sim: it has started before: " + err.Error())
	}
	w.updates.Restarted(int(h.number))
	w.offerServices(h)
}

// duplicate starts a second node with the ID of one. It leaves, or is killed in
// the end.
func (w *world) duplicate(a scenario.Action) (end func()) {
	h := w.spare[0]
	w.spare = w.spare[1:]
	w.disputed = true
	w.claimed[a.Node] = true
	w.datagrams.Loosen()
	if err := h.start(w, false); err != nil {
		panic("sim: a node with this ID has started before: " + err.Error())
	}
	return h.crash
}

// observeDuplicate judges an event about two nodes with one ID.
func (w *world) observeDuplicate(h *host, id string, leaving bool) {
	switch {
	case !w.disputed && !w.taint:
		w.report(w.now, h.id, check.RuleIdentity, "every node has an ID of its own, and no clock was set back, yet it holds that %s is there twice", id)
	case leaving && !w.claimed[h.id] && !(w.taint && h.obeys()):
		w.report(w.now, h.id, check.RuleIdentity, "it left, although no other node has its ID")
	}
	if leaving {
		w.after(0, func() {
			h.crash()
			w.redraw(check.CauseNodeLoss)
		})
	}
}
