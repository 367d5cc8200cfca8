package campaign

import (
	"context"
	"slices"
	"time"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/shrink"
)

// Smallest returns the smallest scenario that it finds that violates a rule,
// as s does, and how many runs that took. Once ctx is done it settles for what it
// has.
func Smallest(ctx context.Context, s *scenario.Scenario, rule check.Rule, opts shrink.Options) (smallest *scenario.Scenario, runs int) {
	fails := func(candidate *scenario.Scenario) bool {
		if ctx.Err() != nil {
			return false
		}
		run := sim.Options{Interrupt: func(time.Duration) bool { return ctx.Err() != nil }}
		r, err := violates(candidate, rule, run)
		return err == nil && slices.ContainsFunc(r.Violations, func(v check.Violation) bool { return v.Rule == rule })
	}
	return shrink.Scenario(s, fails, opts)
}

// violates runs a candidate such that the rule can be violated.
func violates(s *scenario.Scenario, rule check.Rule, opts sim.Options) (sim.Report, error) {
	if rule == check.RuleReplay {
		return Twice(s, opts)
	}
	return sim.Run(s, s.Seed, opts)
}
