// Package sim runs a mesh of the very nodes of production on a virtual network
// in virtual time, and checks what must be true of it. A run is determined by
// its scenario and its seed: the same two give the same events, in the same
// order, with the same trace hash.
//
// Events are ordered by (virtual time, sequence number). Nothing in the package
// starts a goroutine, reads the machine's clock, or draws a number that does
// not follow from the seed.
package sim

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"receptor/sim/check"
	"receptor/sim/probe"
	"receptor/sim/scenario"
	"receptor/sim/stats"
)

// EngineCore is the name of the engine that runs mesh nodes alone.
const EngineCore = "core"

// Options say how to run a scenario.
type Options struct {
	// For replaces the duration that the scenario states; 0 keeps it.
	For time.Duration
	// Trace, if set, gets every event as one line of JSON.
	Trace io.Writer
	// Wall returns the machine's time since any fixed moment, to tell how long
	// the run took; nil leaves that out.
	Wall func() time.Duration
	// Probes fills in Report.Probes, which costs a little.
	Probes bool
	// History is how many events to keep of each node, for Report.Histories.
	History int
	// Record, if set, keeps what happens over time. It must be new, and made for
	// the same scenario.
	Record *stats.Recorder
	// Interrupt, if set, is asked now and then, and told the virtual time, whether
	// to give up, by ErrInterrupted.
	Interrupt func(now time.Duration) bool
}

// ErrInterrupted is the error of a run that Options.Interrupt has ended.
var ErrInterrupted = errors.New("the run was interrupted")

// Report is what came of a run. As JSON it is what `meshsim run --json` prints.
type Report struct {
	Seed           uint64  `json:"seed"`
	Engine         string  `json:"engine"`
	Nodes          int     `json:"nodes"`
	Links          int     `json:"links"`
	VirtualSeconds float64 `json:"virtual_seconds"`
	// WallSeconds is the one value that differs from run to run.
	WallSeconds float64 `json:"wall_seconds"`
	Events      uint64  `json:"events"`
	TraceHash   string  `json:"trace_hash"`
	// ConvergedAtSeconds is the last time at which a database or a route was
	// wrong, nil if some still are.
	ConvergedAtSeconds *float64 `json:"converged_at_seconds"`
	// Violations is never nil. A run ends early when there are many.
	Violations []check.Violation `json:"violations"`

	// Quiet reports whether the mesh was undisturbed for Bound when the run
	// ended: only then was it checked that it had converged by itself.
	Quiet bool `json:"-"`
	// Bound is how long convergence may take after the last disturbance.
	Bound time.Duration `json:"-"`

	// Probes tells which rare situations the run has been in. It is empty
	// without Options.Probes.
	Probes probe.Counts `json:"-"`
	// Histories has the last events before the first violation of each node that
	// has one, in the order of these. It is empty without Options.History.
	Histories []History `json:"-"`

	// Figures says how the mesh behaved.
	Figures stats.Figures `json:"-"`
}

// Run runs a scenario, which must pass its Check. The error says that it does
// not, or that the trace could not be written.
func Run(s *scenario.Scenario, seed uint64, opts Options) (Report, error) {
	if err := s.Check(); err != nil {
		return Report{}, err
	}
	if err := supported(s); err != nil {
		return Report{}, err
	}
	wall := opts.Wall
	if wall == nil {
		wall = func() time.Duration { return 0 }
	}
	began := wall()
	w, err := newWorld(s, seed, opts.Trace)
	if err != nil {
		return Report{}, err
	}
	w.trace.keep(opts.History)
	w.probing = opts.Probes
	w.record = opts.Record
	w.interrupt = opts.Interrupt
	end := s.For
	if opts.For > 0 {
		end = opts.For
	}
	w.runFor(end)
	if s.Expect.Converges {
		w.runUntilQuiet()
	}
	if w.interrupted {
		return Report{}, ErrInterrupted
	}
	w.judgeExpectations()
	if err := w.trace.close(); err != nil {
		return Report{}, fmt.Errorf("write trace: %w", err)
	}
	r := w.summary()
	r.WallSeconds = (wall() - began).Seconds()
	return r, nil
}

// patience is how long, beyond two bounds, a mesh that must converge may take to
// come to rest, in virtual time.
const patience = 10 * time.Minute

// clearing is how long it may stay unclear which links are alive, once nothing
// happens any more: until a duplicate has left.
const clearing = 2 * time.Minute

// runUntilQuiet lets time pass until nothing has disturbed the mesh for the
// bound, or patience is at its end: loss may break links at any time.
func (w *world) runUntilQuiet() {
	for clear := w.now + clearing; w.conditions.Unclear && w.now < clear && len(w.violations) == 0 && !w.asked(); {
		w.runFor(min(w.now+time.Second, clear))
	}
	if w.conditions.Unclear {
		return
	}
	end := w.now + patience + 2*w.convergence.Bound()
	for !w.convergence.Quiet() && !w.conditions.Unclear && w.now < end && len(w.violations) == 0 && !w.asked() {
		w.runFor(min(w.convergence.Due(), end))
	}
	if !w.convergence.Quiet() && !w.conditions.Unclear && len(w.lossy) == 0 && w.now >= end {
		w.report(w.now, "", check.RuleConverged, "the mesh does not come to rest, although nothing happens to it any more")
	}
}

// judgeExpectations judges what only the end of a run can tell.
func (w *world) judgeExpectations() {
	w.judgeServices()
	if most := w.scenario.Expect.LostPings; most >= 0 && w.traffic.unanswered > most {
		w.report(w.now, "", check.RuleLostPings, "%d of %d pings were not answered, expected were %d at most",
			w.traffic.unanswered, w.traffic.pinged, most)
	}
}

func (w *world) summary() Report {
	r := Report{
		Seed: w.seed, Engine: EngineCore, Nodes: len(w.ids), Links: len(w.cables),
		VirtualSeconds: w.now.Seconds(), Events: w.trace.events, TraceHash: w.trace.hash(),
		Violations: append([]check.Violation{}, w.violations...),
		Quiet:      w.convergence.Quiet(), Bound: w.convergence.Bound(),
		Probes: w.probes, Histories: w.histories,
	}
	w.convergence.End(w.now)
	r.Figures = w.figures.Figures(w.now)
	r.Figures.DeliveredHops = w.datagrams.Longest()
	r.Figures.Pings = stats.Pings{Sent: w.traffic.pinged, Answered: w.traffic.answered, Lost: w.traffic.unanswered}
	r.Figures.Datagrams.Delivered, r.Figures.Datagrams.Sent = w.datagrams.Delivered()
	if at, ok := w.convergence.Converged(); ok {
		seconds := at.Seconds()
		r.ConvergedAtSeconds = &seconds
	}
	return r
}

// supported says what in a scenario this engine does not do, and on which line.
func supported(s *scenario.Scenario) error {
	const instead = "which the core engine does not have: want the full engine (--engine full)"
	if len(s.Units) > 0 {
		return s.Refuse(s.Units[0].Line(), "the scenario has units of work, %s", instead)
	}
	if len(s.Streams) > 0 {
		return s.Refuse(s.Streams[0].Line(), "the scenario has streams, %s", instead)
	}
	if what := s.Secured(); what != "" {
		return s.Refuse(0, "%s, %s", what, instead)
	}
	if i := slices.IndexFunc(s.Timeline, func(a scenario.Action) bool { return a.NeedsDisk() }); i >= 0 {
		return s.Refuse(s.Timeline[i].Line(), "the action %v is about a machine or its disk, %s", s.Timeline[i], instead)
	}
	return nil
}
