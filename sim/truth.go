package sim

import (
	"slices"

	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/stats"
	"receptor/sim/truth"
)

// redraw makes the true graph anew: the cables that carry frames both ways,
// between processes that handle them.
func (w *world) redraw(cause check.Cause) {
	d := truth.New(w.ids, truth.Doubts{
		Redials: len(w.lossy) > 0 || w.redials, Disputed: w.disputed, Tainted: w.taint, Forging: w.faults.Any(scenario.Forge),
		Deployed: slices.ContainsFunc(w.scenario.Nodes, isDeployed),
	}, w.conditions)
	for i, h := range w.hosts[:len(w.ids)] {
		d.Node(i, h.running(), h.paused > 0, h.spec.Drift)
		w.record.Node(w.now, i, h.state())
		d.Conditions.Unclear = d.Conditions.Unclear || h.slow > 0
	}
	for _, h := range w.hosts[len(w.ids):] {
		d.Conditions.Unclear = d.Conditions.Unclear || h.running()
	}
	for i, c := range w.cables {
		w.record.Wire(w.now, i, c.state())
		d.Link(c.kind, c.cost, int(c.hosts[dialer].number), int(c.hosts[listener].number), &c.lanes, c.outage)
	}
	w.loseOffers()
	w.paths = d.Paths()
	w.conditions = d.Conditions
	w.convergence.Redrawn(w.now, cause, w.paths, w.paths.Bound(w.conditions))
	w.rate.Redrawn(slices.ContainsFunc(w.hosts, func(h *host) bool { return h.running() && h.kind == scenario.KindDeployed }))
}

// state tells a recorder what the host does.
func (h *host) state() stats.NodeState {
	switch {
	case !h.running():
		return stats.NodeDown
	case h.paused > 0:
		return stats.NodePaused
	}
	return stats.NodeUp
}

// state tells a recorder what the wires do.
func (c *cable) state() stats.WireState {
	switch {
	case !c.up():
		return stats.WireDown
	case !c.sound():
		return stats.WireClogged
	}
	return stats.WireOpen
}
