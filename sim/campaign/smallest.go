package campaign

import (
	"context"
	"slices"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/shrink"
)

// Smallest returns the smallest scenario that it finds that violates a rule on an
// engine, as s does, and how many runs that took. Once ctx is done it settles for
// what it has.
func Smallest(ctx context.Context, e Engine, s *scenario.Scenario, rule check.Rule, opts shrink.Options) (smallest *scenario.Scenario, runs int) {
	fails := func(candidate *scenario.Scenario) bool {
		if ctx.Err() != nil {
			return false
		}
		r, err := violates(ctx, e, candidate, rule)
		return err == nil && slices.ContainsFunc(r.Violations, func(v check.Violation) bool { return v.Rule == rule })
	}
	return shrink.Scenario(s, fails, opts)
}

// violates runs a candidate such that the rule can be violated.
func violates(ctx context.Context, e Engine, s *scenario.Scenario, rule check.Rule) (sim.Report, error) {
	if rule == check.RuleReplay {
		return runTwice(ctx, e, s, Options{})
	}
	return e.Run(ctx, s, Options{})
}
