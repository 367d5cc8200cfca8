package campaign

import (
	"context"
	"time"

	"receptor/sim"
	"receptor/sim/full"
	"receptor/sim/scenario"
)

// Engine is what runs scenarios. It may be used by several goroutines at once.
type Engine interface {
	// Supports reports whether it can carry out an action.
	Supports(scenario.Action) bool
	// Run runs a scenario by its own seed. The error is that of ctx if it has ended,
	// or says why the scenario cannot be run.
	Run(context.Context, *scenario.Scenario, Options) (sim.Report, error)
}

// Options say how to make one run, as those of the engines do.
type Options struct {
	For    time.Duration
	Wall   func() time.Duration
	Probes bool
}

// Core is the core engine.
type Core struct{}

// Supports implements Engine: its nodes have no disks, it can do all else.
func (Core) Supports(a scenario.Action) bool { return !a.NeedsDisk() }

// Run implements Engine.
func (Core) Run(ctx context.Context, s *scenario.Scenario, opts Options) (sim.Report, error) {
	r, err := sim.Run(s, s.Seed, sim.Options{
		For: opts.For, Wall: opts.Wall, Probes: opts.Probes,
		Interrupt: func(time.Duration) bool { return ctx.Err() != nil },
	})
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	return r, err
}

// Full is the full engine.
type Full struct{ Host *full.Host }

// Supports implements Engine: it can do all.
func (Full) Supports(scenario.Action) bool { return true }

// Run implements Engine. The report has what both engines tell.
func (f Full) Run(ctx context.Context, s *scenario.Scenario, opts Options) (sim.Report, error) {
	r, err := f.Host.Run(ctx, s, full.Options{For: opts.For, Wall: opts.Wall})
	return sim.Report{
		Seed: r.Seed, Engine: r.Engine, Nodes: r.Nodes, Links: r.Links, VirtualSeconds: r.VirtualSeconds, WallSeconds: r.WallSeconds,
		Events: r.Events, TraceHash: r.TraceHash, ConvergedAtSeconds: r.ConvergedAtSeconds, Violations: r.Violations, Quiet: r.Quiet,
	}, err
}
