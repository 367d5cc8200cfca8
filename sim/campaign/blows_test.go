package campaign

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"receptor/sim/scenario"
)

// drawWires makes links, in one mesh of three, what real ones are, and gives those between
// nodes of ours TLS in one of three.
func drawWires(t *rapid.T, s *scenario.Scenario) {
	bad := rapid.IntRange(0, 2).Draw(t, "bad wires") == 0
	secured := rapid.IntRange(0, 2).Draw(t, "secured links") == 0
	deployed := make(map[string]bool)
	for i := range s.Nodes {
		deployed[s.Nodes[i].ID] = isDeployed(&s.Nodes[i])
	}
	for i := range s.Links {
		l := &s.Links[i]
		if bad {
			drawWire(t, &l.Forward, l.Backend)
			drawWire(t, &l.Back, l.Backend)
		}
		l.TLS = secured && l.Backend == scenario.TCP && !deployed[l.From] && !deployed[l.To]
	}
}

func drawWire(t *rapid.T, w *scenario.Wire, of scenario.Backend) {
	w.Loss = rapid.SampledFrom([]float64{0, 0, 0.01, 0.1}).Draw(t, "loss")
	w.Bandwidth = rapid.SampledFrom([]float64{0, 0, 1e6}).Draw(t, "bandwidth")
	if of == scenario.UDP {
		w.Duplicate = rapid.SampledFrom([]float64{0, 0, 0.1}).Draw(t, "duplicate")
		w.Reorder = rapid.SampledFrom([]float64{0, 0, 0.1}).Draw(t, "reorder")
	}
}

// drawLimits bounds how much work nodes take.
func drawLimits(t *rapid.T, s *scenario.Scenario) {
	for _, n := range ourNodes(s) {
		n.MaxParallel = rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "runs at once")
		n.MaxOutput = rapid.SampledFrom([]int{0, 0, 0, 10_000}).Draw(t, "keeps of output")
	}
}

// drawBlows draws faults that hit what units are about: one of their nodes dies as its
// client gives an order, or before it does something to a file of theirs; then it dies
// again while it recovers, or with it the other node, or it comes back to a disk that
// fails or a wire that is down.
func drawBlows(t *rapid.T, e Engine, s *scenario.Scenario) {
	for range rapid.IntRange(0, 6).Draw(t, "blows") {
		u := rapid.SampledFrom(s.Units).Draw(t, "amid the life of")
		node, other := u.From, u.To
		if rapid.Bool().Draw(t, "where it runs") {
			node, other = other, node
		}
		at := rapid.SampledFrom([]time.Duration{u.At, u.At + u.Duration, u.CancelAt, u.ReleaseAt}).Draw(t, "when")
		at += time.Duration(rapid.IntRange(0, 3000).Draw(t, "and so many ms")) * time.Millisecond
		first := drawDeath(t, node, at)
		back := at + first.For
		blows := []scenario.Action{first}
		switch rapid.IntRange(0, 4).Draw(t, "and then") {
		case 1:
			second := drawDeath(t, node, back)
			second.When = scenario.When{Count: rapid.IntRange(1, 60).Draw(t, "again before its change")}
			blows = append(blows, second)
		case 2:
			blows = append(blows, drawDeath(t, other, at))
		case 3:
			blows = append(blows, drawDiskFault(t, node, max(0, back-time.Second)))
		case 4:
			l := rapid.SampledFrom(s.Links).Draw(t, "link")
			blows = append(blows, scenario.Action{At: back, Do: scenario.Down, Link: [2]string{l.From, l.To}, For: drawPause(t)})
		}
		s.Timeline = append(s.Timeline, slices.DeleteFunc(blows, func(a scenario.Action) bool { return !e.Supports(a) })...)
	}
}

// drawPause draws how long something is down. A second or less would be too short for the
// epochs of deployed nodes.
func drawPause(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{1001 * time.Millisecond, 2 * time.Second, 7 * time.Second, 20 * time.Second}).Draw(t, "for")
}

// drawDeath ends the process of a node, or all on its machine, at some time or at an
// instant after it.
func drawDeath(t *rapid.T, node string, at time.Duration) scenario.Action {
	a := scenario.Action{At: at, Do: scenario.Crash, Node: node, For: drawPause(t)}
	if rapid.IntRange(0, 2).Draw(t, "power") == 0 {
		a.Do = scenario.PowerCut
		a.Loss = rapid.SampledFrom([]scenario.Loss{scenario.LoseAll, scenario.Torn, scenario.Reordered}).Draw(t, "of what was not synced")
	}
	switch rapid.IntRange(0, 3).Draw(t, "at an instant") {
	case 1:
		a.When = scenario.When{Op: scenario.Frame, Count: rapid.IntRange(1, 40).Draw(t, "before frame")}
	case 2:
		file := rapid.SampledFrom([]string{"status", "stdin", "stdout", "order", "submissions", "journal-0", "journal-1"}).Draw(t, "file")
		a.When = scenario.When{File: file, Count: rapid.IntRange(1, 10).Draw(t, "before change")}
	case 3:
		op := rapid.SampledFrom([]string{"create", "mkdir", "rename", "remove", "write", "sync", "syncdir"}).Draw(t, "op")
		a.When = scenario.When{Op: op, Count: rapid.IntRange(1, 20).Draw(t, "before the change")}
	}
	return a
}

func drawDiskFault(t *rapid.T, node string, at time.Duration) scenario.Action {
	a := scenario.Action{At: at, Node: node, For: drawPause(t)}
	a.Do = rapid.SampledFrom([]scenario.Do{scenario.DiskFull, scenario.DiskErrors, scenario.DiskSlow}).Draw(t, "disk")
	switch a.Do {
	case scenario.DiskErrors:
		a.Probability = rapid.SampledFrom([]float64{0.05, 0.3, 1}).Draw(t, "fails")
	case scenario.DiskSlow:
		a.By = 100 * time.Millisecond
	}
	return a
}
