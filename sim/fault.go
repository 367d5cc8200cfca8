package sim

import (
	"slices"
	"time"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

// fault is something that is wrong, until it ends.
type fault struct {
	scenario.Action
	end func() // puts it right
}

// act carries out an action of the timeline.
func (w *world) act(a scenario.Action) {
	if w.settled {
		return
	}
	w.trace.recordAction(w.now, eventAction, w.subject(a), a.String())
	switch a.Do {
	case scenario.Up:
		w.endAll(func(f *fault) bool { return onLink(f, a.Link) && (f.Do == scenario.Down || f.Do == scenario.Flap) })
	case scenario.Unclog:
		w.endAll(func(f *fault) bool { return onLink(f, a.Link) && f.Do == scenario.Clog })
	case scenario.Heal:
		w.endAll(func(f *fault) bool { return f.Do == scenario.Split })
	case scenario.Resume:
		w.endAll(func(f *fault) bool { return f.Node == a.Node && (f.Do == scenario.Pause || f.Do == scenario.Slow) })
	case scenario.Restart:
		w.redials = true
		w.hosts[w.index[a.Node]].crash()
		// How the node starts again is said by the restart, not by the crash.
		w.remove(func(f *fault) bool { return f.Node == a.Node && (f.Do == scenario.Crash || f.Do == scenario.Wipe) })
		w.boot(w.hosts[w.index[a.Node]], a.OldEpoch)
	case scenario.SetClock:
		w.hosts[w.index[a.Node]].setClock(a.Clock)
	case scenario.Settle:
		w.settle(a.Nodes)
	default:
		w.begin(a)
	}
	w.redraw(causeOf(a.Do))
}

// causeOf returns what an action is to the mesh.
func causeOf(do scenario.Do) check.Cause {
	switch do {
	case scenario.Down, scenario.Flap, scenario.Split, scenario.Clog:
		return check.CauseLinkLoss
	case scenario.Crash, scenario.Wipe, scenario.Pause:
		return check.CauseNodeLoss
	case scenario.Up, scenario.Unclog, scenario.Heal, scenario.Resume, scenario.Restart, scenario.Settle:
		return check.CauseHeal
	}
	return check.CauseOther
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

// begin begins a fault, and sees to its end.
func (w *world) begin(a scenario.Action) {
	f := &fault{Action: a, end: w.inflict(a)}
	w.faults = append(w.faults, f)
	if a.For == 0 {
		return
	}
	w.after(a.For, func() {
		if !w.settled {
			w.endAll(func(o *fault) bool { return o == f })
			w.redraw(check.CauseHeal)
		}
	})
}

// endAll ends the faults that match.
func (w *world) endAll(match func(*fault) bool) {
	for _, f := range w.remove(match) {
		f.end()
	}
}

// remove takes the faults that match for ended, and returns them: what they have
// done is still to be put right.
func (w *world) remove(match func(*fault) bool) (ended []*fault) {
	w.faults = slices.DeleteFunc(w.faults, func(f *fault) bool {
		if match(f) {
			ended = append(ended, f)
			return true
		}
		return false
	})
	for _, f := range ended {
		w.trace.recordAction(w.now, eventActionEnds, w.subject(f.Action), f.String())
	}
	return ended
}

func onLink(f *fault, ends [2]string) bool {
	return f.Link == ends || f.Link == [2]string{ends[1], ends[0]}
}

// inflict begins what lasts, and returns what ends it.
func (w *world) inflict(a scenario.Action) (end func()) {
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
	case scenario.Flap:
		return w.flap(a)
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

// flap takes a wire down for half of every turn.
func (w *world) flap(a scenario.Action) (end func()) {
	c, sides := w.sides(a)
	over := false
	restore := func() {}
	var turn func()
	turn = func() {
		if over {
			return
		}
		up := c.takeDown(sides...)
		done := false
		restore = func() {
			if !done {
				done = true
				up()
			}
		}
		w.after(a.Every/2, func() {
			restore()
			w.redraw(check.CauseHeal)
		})
		w.after(a.Every, turn)
		w.redraw(check.CauseLinkLoss)
	}
	turn()
	return func() {
		over = true
		restore()
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
	if h.running() || slices.ContainsFunc(w.faults, func(f *fault) bool {
		return f.Node == h.id && (f.Do == scenario.Crash || f.Do == scenario.Wipe)
	}) {
		return
	}
	// The epoch of a deployed node that restarts within a second need not be newer.
	atOnce := h.kind == scenario.KindDeployed && w.now-h.booted < time.Second
	if old || atOnce || h.spec.Offset != 0 {
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

// settle makes the links between some nodes, and these themselves, sound; all
// else stays as it is.
func (w *world) settle(core []string) {
	in := make(map[string]bool, len(core))
	for _, id := range core {
		in[id] = true
	}
	w.endAll(func(f *fault) bool {
		switch f.Do {
		case scenario.Down, scenario.Flap, scenario.Clog:
			return f.Do == scenario.Flap || in[f.Link[0]] && in[f.Link[1]]
		case scenario.Pause, scenario.Crash, scenario.Wipe:
			return in[f.Node]
		default:
			return true // what keeps all from being clear
		}
	})
	w.settled = true
	for _, id := range core {
		w.boot(w.hosts[w.index[id]], false) // if it has left
	}
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
