package campaign

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// Plan returns the scenario that is checked under a seed. With faults, a file
// that draws none gets all that an engine has but Forge, up to its end. Then the liveness phase
// follows: a core, which is a connected part of the mesh, or half of the time
// all of it, is made sound; everything else that is broken then stays so for
// ever; and the core must converge. Expectations of the file are dropped: it did
// not expect the faults.
func Plan(e Engine, f *scenario.File, master uint64, faults bool) (*scenario.Scenario, error) {
	s, err := f.Resolve(master)
	if err != nil || !faults {
		return s, err
	}
	if !f.DrawsFaults() {
		drawFaults(e, s)
	}
	settle(s)
	return s, nil
}

// drawFaults adds faults of the kinds that an engine has. With a forging node,
// only what it cannot touch is claimed: Forge is for files that ask for it.
func drawFaults(e Engine, s *scenario.Scenario) {
	lacks := func(a scenario.Action) bool { return !e.Supports(a) }
	draw := scenario.DefaultFaults()
	draw.Kinds = slices.DeleteFunc(scenario.FaultKinds(), func(k scenario.Do) bool {
		return k == scenario.Forge || lacks(scenario.Action{Do: k})
	})
	// Beyond the end, where they are cut off: otherwise all would be over by
	// then, and nothing be left broken.
	draw.Until = s.For + draw.Duration.Max
	s.Draw(draw)
	s.Timeline = slices.DeleteFunc(s.Timeline, lacks)
}

// settle adds the liveness phase.
func settle(s *scenario.Scenario) {
	s.Timeline = slices.DeleteFunc(s.Timeline, func(a scenario.Action) bool { return a.At >= s.For })
	s.Timeline = append(s.Timeline, scenario.Action{At: s.For, Do: scenario.Settle, Nodes: drawCore(s)})
	s.Expect = scenario.Expect{LostPings: -1, Converges: true}
}

// drawCore draws the nodes of a connected part of the mesh, sorted.
func drawCore(s *scenario.Scenario) []string {
	r := seed.Rand(s.Seed, "core", "")
	var core []string
	if r.IntN(2) == 0 {
		for _, n := range s.Nodes {
			core = append(core, n.ID)
		}
	} else {
		core = grow(r, s)
	}
	slices.SortFunc(core, strings.Compare)
	return core
}

// grow begins at any node and adds neighbours of what it has, at random.
func grow(r *rand.Rand, s *scenario.Scenario) []string {
	neighbours := make(map[string][]string)
	for _, l := range s.Links {
		neighbours[l.From] = append(neighbours[l.From], l.To)
		neighbours[l.To] = append(neighbours[l.To], l.From)
	}
	size := 1 + r.IntN(len(s.Nodes))
	border := []string{s.Nodes[r.IntN(len(s.Nodes))].ID}
	in := make(map[string]bool)
	var core []string
	for len(core) < size && len(border) > 0 {
		i := r.IntN(len(border))
		id := border[i]
		border = slices.Delete(border, i, i+1)
		if !in[id] {
			in[id] = true
			core = append(core, id)
			border = append(border, neighbours[id]...)
		}
	}
	return core
}

// twiceEvery is the share of seeds that are run twice.
const twiceEvery = 16

// Check runs a scenario under its own seed. One of every sixteen seeds is run
// twice, to see that it gives the same trace both times.
func Check(ctx context.Context, e Engine, s *scenario.Scenario, opts Options) (sim.Report, error) {
	if s.Seed%twiceEvery == 0 {
		return runTwice(ctx, e, s, opts)
	}
	return e.Run(ctx, s, opts)
}

func runTwice(ctx context.Context, e Engine, s *scenario.Scenario, opts Options) (sim.Report, error) {
	return Twice(func() (sim.Report, error) { return e.Run(ctx, s, opts) },
		func() (sim.Report, error) { return e.Run(ctx, s, Options{For: opts.For}) })
}

// Twice makes a run, and then what should be the same one again. It returns the
// report of the first, which violates check.RuleReplay if the other differs.
func Twice(run, same func() (sim.Report, error)) (sim.Report, error) {
	r, err := run()
	if err != nil {
		return r, err
	}
	again, err := same()
	if err != nil {
		return r, err
	}
	if r.TraceHash != again.TraceHash {
		r.Violations = append(r.Violations, check.ReplayDiffers(
			seconds(r.VirtualSeconds), r.Events, r.TraceHash, again.Events, again.TraceHash))
	}
	return r, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
