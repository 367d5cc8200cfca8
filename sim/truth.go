package sim

import (
	"math"
	"slices"
	"time"

	"receptor/sim/check"
	"receptor/sim/lane"
	"receptor/sim/scenario"
	"receptor/sim/stats"
)

// updateSize is a guess at the bytes of an update and of an advertisement, per
// node: what a bandwidth must carry of each when a link comes up.
const updateSize = 1000

// redraw makes the true graph anew: the cables that carry frames both ways,
// between processes that handle them.
func (w *world) redraw(cause check.Cause) {
	g := check.NewGraph(w.ids)
	now := check.Conditions{
		Broken: lane.BrokenAfter, Redial: len(w.lossy) > 0 || w.redials, Departures: w.conditions.Departures || w.taint,
		Silent: w.conditions.Silent, Disputed: w.disputed || w.taint,
		Unclear: w.faults.Any(scenario.Forge),
	}
	now.Deployed = slices.ContainsFunc(w.scenario.Nodes, isDeployed)
	now.Unclear = now.Unclear || now.Deployed && now.Disputed
	for i := range w.ids {
		if h := w.hosts[i]; !h.running() || h.paused > 0 {
			g.Leave(i)
			now.Departures = true
			now.Silent = now.Silent || h.paused > 0
		}
		w.record.Node(w.now, i, w.hosts[i].state())
		now.Unclear = now.Unclear || w.hosts[i].slow > 0
		now.Drift = max(now.Drift, math.Abs(w.hosts[i].spec.Drift))
	}
	for _, h := range w.hosts[len(w.ids):] {
		now.Unclear = now.Unclear || h.running()
	}
	for i, c := range w.cables {
		w.record.Wire(w.now, i, c.state())
		w.redrawCable(c, g, &now)
	}
	w.loseOffers()
	w.paths = check.NewPaths(g)
	now.Departures = now.Departures || !w.paths.Connected()
	w.conditions = now
	w.convergence.Redrawn(w.now, cause, w.paths, w.paths.Bound(now))
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

func (w *world) redrawCable(c *cable, g *check.Graph, now *check.Conditions) {
	for i := range c.lanes {
		l := &c.lanes[i]
		if c.kind == scenario.UDP {
			now.Silent = true
			now.Loss = max(now.Loss, l.Loss)
			now.Burst = max(now.Burst, l.Burst)
			now.Unclear = now.Unclear || l.Corrupt > 0
		}
		now.Silent = now.Silent || l.Clog > 0
	}
	a, b := c.hosts[dialer], c.hosts[listener]
	switch {
	case !c.sound():
		now.Down = true
		return
	case a.running() && b.running() && a.paused == 0 && b.paused == 0:
		g.Link(int(a.number), int(b.number), c.cost, w.slowest(c))
	}
	now.Redial = now.Redial || c.outage > 0
}

// slowest returns the most that a frame takes over a cable in either direction.
// For a TCP-like one with loss that is a quantile: one frame in 1e12 takes
// longer.
func (w *world) slowest(c *cable) time.Duration {
	most := time.Duration(0)
	for i := range c.lanes {
		l := &c.lanes[i]
		d := l.Delay + l.Jitter
		if lost := l.RepeatedLoss() + l.Corrupt; c.kind == scenario.TCP && lost > 0 {
			again := math.Ceil(math.Log(1e-12) / math.Log(min(lost, 0.99)))
			d += time.Duration(min(again, lane.MaxRetransmits)) * l.Retransmit
		}
		most = max(most, d+l.Takes(l.Room()+float64(len(w.ids))*updateSize))
	}
	return most
}
