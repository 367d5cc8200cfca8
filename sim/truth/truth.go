// Package truth draws the mesh as it is at one moment, for the checkers of both
// engines: which links carry frames between nodes that handle them, and what the
// convergence bound depends on beside that. It is a pure value.
package truth

import (
	"math"
	"time"

	"receptor/sim/check"
	"receptor/sim/lane"
	"receptor/sim/scenario"
)

// updateSize is a guess at the bytes of an update and of an advertisement, per
// node: what a bandwidth must carry of each when a link comes up.
const updateSize = 1000

// Doubts are what has happened to a mesh that limits what can be claimed of it.
type Doubts struct {
	// Redials: links may have ended for other reasons than a dead wire.
	Redials bool
	// Silent: machines may have gone without a word to their peers.
	Silent bool
	// Disputed: a node may have met an earlier run of its own, or another with its ID.
	Disputed bool
	// Tainted: frames have been forged, or changed; Forging: there are more to come.
	Tainted, Forging bool
	// Deployed: there are nodes that speak as deployed ones do.
	Deployed bool
}

// Drawing is a mesh that is being drawn.
type Drawing struct {
	Graph      *check.Graph
	Conditions check.Conditions
	nodes      []nodeState
}

type nodeState struct{ running, paused bool }

// New returns a drawing without links, of nodes that are down. before are the
// conditions of the drawing before: some of them last.
func New(ids []string, doubts Doubts, before check.Conditions) *Drawing {
	c := check.Conditions{
		Broken: lane.BrokenAfter, Redial: doubts.Redials, Departures: before.Departures || doubts.Tainted,
		Silent: before.Silent || doubts.Silent, Disputed: doubts.Disputed || doubts.Tainted,
		Unclear: doubts.Forging, Deployed: doubts.Deployed,
	}
	c.Unclear = c.Unclear || c.Deployed && c.Disputed
	return &Drawing{Graph: check.NewGraph(ids), Conditions: c, nodes: make([]nodeState, len(ids))}
}

// Node tells what the process of a node, by number, does, and how its clock
// drifts. To be called once for each.
func (d *Drawing) Node(i int, running, paused bool, drift float64) {
	if !running || paused {
		d.Graph.Leave(i)
		d.Conditions.Departures = true
	}
	d.Conditions.Silent = d.Conditions.Silent || paused
	d.Conditions.Drift = max(d.Conditions.Drift, math.Abs(drift))
	d.nodes[i] = nodeState{running, paused}
}

// Up reports whether both wires of a link carry frames. A TCP-like link needs both,
// since what is not acknowledged does not go on.
func Up(lanes *[2]lane.Lane) bool { return lanes[0].Down == 0 && lanes[1].Down == 0 }

// Sound reports whether frames go both ways.
func Sound(lanes *[2]lane.Lane) bool { return Up(lanes) && lanes[0].Clog == 0 && lanes[1].Clog == 0 }

// Link adds a link between two nodes, by number, which have been told of. outages
// is how often it has gone down.
func (d *Drawing) Link(kind scenario.Backend, cost float64, a, b int, lanes *[2]lane.Lane, outages int) {
	now := &d.Conditions
	for i := range lanes {
		l := &lanes[i]
		if kind == scenario.UDP {
			now.Silent = true
			now.Loss = max(now.Loss, l.Loss)
			now.Burst = max(now.Burst, l.Burst)
			now.Unclear = now.Unclear || l.Corrupt > 0
		}
		now.Silent = now.Silent || l.Clog > 0
	}
	handles := nodeState{running: true}
	switch {
	case !Sound(lanes):
		now.Down = true
		return
	case d.nodes[a] == handles && d.nodes[b] == handles:
		d.Graph.Link(a, b, cost, d.slowest(kind, lanes))
	}
	now.Redial = now.Redial || outages > 0
}

// slowest returns the most that a frame takes over a link in either direction. For
// a TCP-like one with loss that is a quantile: one frame in 1e12 takes longer.
func (d *Drawing) slowest(kind scenario.Backend, lanes *[2]lane.Lane) time.Duration {
	most := time.Duration(0)
	for i := range lanes {
		l := &lanes[i]
		t := l.Delay + l.Jitter
		if lost := l.RepeatedLoss() + l.Corrupt; kind == scenario.TCP && lost > 0 {
			again := math.Ceil(math.Log(1e-12) / math.Log(min(lost, 0.99)))
			t += time.Duration(min(again, lane.MaxRetransmits)) * l.Retransmit
		}
		most = max(most, t+l.Takes(l.Room()+float64(len(d.nodes))*updateSize))
	}
	return most
}

// Paths ends the drawing: the answer is about the links so far.
func (d *Drawing) Paths() *check.Paths {
	paths := check.NewPaths(d.Graph)
	d.Conditions.Departures = d.Conditions.Departures || !paths.Connected()
	return paths
}

// MayBreak reports whether what a wire does to frames may end a link.
func MayBreak(w scenario.Wire) bool { return w.Loss > 0 || w.Corrupt > 0 || w.Bandwidth > 0 }
