package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"receptor/sim"
	"receptor/sim/campaign"
	"receptor/sim/check"
	"receptor/sim/probe"
)

// reporter shows the results of a check: lines of JSON for programs on stdout,
// text for a person on stdout or, if that has the lines, on stderr, and a line
// of progress on stderr if that is a terminal.
type reporter struct {
	app
	ctx   context.Context // ends shrinking
	flags checkFlags
	plan  *campaign.Campaign
	lines bool // of JSON
	total uint64

	progress *progress

	runs, events uint64
	failures     int
	restless     int // runs in which convergence could not be judged
	probes       probe.Counts
	shrunk       map[string]bool // file and rule
}

// checkLine is what a program gets of one run.
type checkLine struct {
	File           string            `json:"file"`
	Seed           uint64            `json:"seed"`
	OK             bool              `json:"ok"`
	Violations     []check.Violation `json:"violations"`
	Events         uint64            `json:"events"`
	VirtualSeconds float64           `json:"virtual_seconds"`
	WallSeconds    float64           `json:"wall_seconds"`
	TraceHash      string            `json:"trace_hash"`
	// Quiet tells whether convergence could be judged: in the end the mesh was
	// undisturbed for its bound.
	Quiet bool `json:"quiet"`
	// Probes are those that were reached, and how often.
	Probes map[string]uint64 `json:"probes"`
	// Scenario is the file that replays the failure.
	Scenario string `json:"scenario,omitempty"`
}

// result takes the next result.
func (r *reporter) result(res campaign.Result) error {
	r.runs++
	r.events += res.Report.Events
	r.probes.Add(res.Report.Probes)
	if !res.Report.Quiet {
		r.restless++
	}
	path := ""
	if res.Failed() {
		r.failures++
		r.progress.clear()
		var err error
		if path, err = r.failure(res); err != nil {
			return err
		}
	}
	if r.lines {
		if err := json.NewEncoder(r.stdout).Encode(line(res, path)); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
	}
	r.progress.show(func() string { return fmt.Sprintf("%d of %d runs, %d failed", r.runs, r.total, r.failures) })
	return nil
}

func line(res campaign.Result, path string) checkLine {
	l := checkLine{
		File: res.File.Path, Seed: res.Seed, OK: !res.Failed(), Violations: res.Report.Violations,
		Events: res.Report.Events, VirtualSeconds: res.Report.VirtualSeconds, WallSeconds: res.Report.WallSeconds,
		TraceHash: res.Report.TraceHash, Quiet: res.Report.Quiet, Probes: make(map[string]uint64), Scenario: path,
	}
	for _, p := range probe.All() {
		if n := res.Report.Probes[p]; n > 0 {
			l.Probes[p.String()] = n
		}
	}
	return l
}

// text is where a person reads.
func (r *reporter) text() io.Writer {
	if r.lines {
		return r.stderr
	}
	return r.stdout
}

// finish sums up what was done, also if it was not everything because of err.
// Its error says that this could not be written.
func (r *reporter) finish(err error) error {
	r.progress.clear()
	p := printer{out: r.text()}
	took := r.wall() - r.progress.began
	switch {
	case errors.Is(err, context.Canceled):
		p.printf("interrupted after %d of %d runs", r.runs, r.total)
	case err != nil:
		return nil // the error says it all
	case r.runs < r.total:
		p.printf("stopped after %d of %d runs (--keep-going goes on)", r.runs, r.total)
	default:
		p.printf("%d runs", r.runs)
	}
	p.printf(", %d failed, %d events in %.1f s\n", r.failures, r.events, took.Seconds())
	if r.restless > 0 {
		p.printf("in %d of them it could not be judged whether the mesh converges: it had not been quiet for the bound at the end\n", r.restless)
	}
	if r.runs > 0 && r.flags.engine == sim.EngineCore { // the other one has no probes
		r.coverage(&p)
	}
	return p.err
}

// coverage prints which rare situations were reached, and which never.
func (r *reporter) coverage(p *printer) {
	never := 0
	p.printf("reached:\n")
	for _, situation := range probe.All() {
		if n := r.probes[situation]; n > 0 {
			p.printf("  %-28s %d\n", situation, n)
		} else {
			never++
		}
	}
	if never == 0 {
		return
	}
	p.printf("never reached:\n")
	for _, situation := range probe.All() {
		if r.probes[situation] == 0 {
			p.printf("  %s\n", situation)
		}
	}
}

// describe prints what a result violates.
func (r *reporter) describe(p *printer, res campaign.Result) {
	const shown = 5
	p.printf("%s with seed %d fails:\n", res.File.Path, res.Seed)
	printViolations(p, res.Report, shown)
}

func printViolations(p *printer, report sim.Report, shown int) {
	for i, v := range report.Violations {
		if i == shown {
			p.printf("  and %d more\n", len(report.Violations)-shown)
			return
		}
		p.printf("  %s\n", v)
	}
}
