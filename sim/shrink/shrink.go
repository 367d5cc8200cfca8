// Package shrink makes a scenario that fails as small as it can while it still
// fails: fewer nodes, links, actions and messages, shorter times, plainer
// numbers. What it returns is what a person wants to read.
package shrink

import (
	"receptor/sim/scenario"
)

// DefaultRuns bounds the candidates that are run when Options do not say.
const DefaultRuns = 2000

// Options say how far to go.
type Options struct {
	// Runs is how many candidates may be run; 0: DefaultRuns.
	Runs int
	// Progress, if set, is called after every run with the number of runs and
	// the smallest scenario so far, which it must not change.
	Progress func(runs int, best *scenario.Scenario)
}

// Scenario returns the smallest scenario that it finds for which fails is true,
// and how many it ran. failing must be such a scenario, must pass its Check, and
// is not changed; so is what it returns. fails must be a function of the scenario
// alone: then equal arguments give equal results. It must not keep its argument.
//
// It tries to leave things out, in halves first, then in ever smaller parts
// (Zeller's delta debugging): whole nodes, then links, what happens, and the
// workload; what is left gets its default values, and its numbers are halved.
// All of that is repeated until nothing changes any more. Randomness is split by
// name (package seed), so leaving one thing out does not redraw the others.
func Scenario(failing *scenario.Scenario, fails func(*scenario.Scenario) bool, opts Options) (smallest *scenario.Scenario, runs int) {
	s := &shrinker{best: clone(failing), fails: fails, limit: opts.Runs, progress: opts.Progress, refuted: make(map[string]struct{})}
	if s.limit <= 0 {
		s.limit = DefaultRuns
	}
	for s.improved = true; s.improved && s.runs < s.limit; {
		s.improved = false
		s.leaveOut()
		s.mergeChains()
		s.simplify()
		s.lower()
	}
	return s.best, s.runs
}

// shrinker is a search under way.
type shrinker struct {
	best     *scenario.Scenario
	fails    func(*scenario.Scenario) bool
	progress func(runs int, best *scenario.Scenario)
	limit    int
	runs     int
	improved bool                // in this round
	refuted  map[string]struct{} // candidates, written out, that do not fail
}

// try runs a candidate, which becomes the best if it fails too. It takes
// ownership of it.
func (s *shrinker) try(candidate *scenario.Scenario) bool {
	if s.runs >= s.limit || candidate.Check() != nil {
		return false
	}
	text := string(candidate.Encode(""))
	if _, known := s.refuted[text]; known {
		return false
	}
	s.runs++
	failed := s.fails(candidate)
	if failed {
		s.best, s.improved = candidate, true
	} else {
		s.refuted[text] = struct{}{}
	}
	if s.progress != nil {
		s.progress(s.runs, s.best)
	}
	return failed
}

// reduce leaves out of n things as many as it can. without makes, from the best
// so far, the candidate in which those things marked true are left out; it
// returns nil if there can be none.
func (s *shrinker) reduce(n int, without func(best *scenario.Scenario, out []bool) *scenario.Scenario) {
	left := make([]int, n) // what has not been left out yet
	for i := range left {
		left[i] = i
	}
	base := s.best
	attempt := func(from, to int) bool {
		out := make([]bool, n)
		for i := range out {
			out[i] = true
		}
		for k, i := range left {
			if k < from || k >= to {
				out[i] = false
			}
		}
		candidate := without(base, out)
		return candidate != nil && s.try(candidate)
	}
	for size := n; size > 0; size /= 2 {
		// From the end: what happens last is the least likely to be the cause.
		for to := len(left); to > 0; {
			from := max(0, to-size)
			if attempt(from, to) {
				left = append(left[:from:from], left[to:]...)
			}
			to = from
		}
	}
}
