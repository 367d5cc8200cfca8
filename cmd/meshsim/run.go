package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"receptor/internal/version"
	"receptor/sim"
	"receptor/sim/campaign"
	"receptor/sim/full"
	"receptor/sim/scenario"
	"receptor/sim/stats"
	"receptor/sim/stats/page"
)

// runFlags are those of the command that runs a scenario file.
type runFlags struct {
	path, engine            string
	seed                    uint64
	seedGiven               bool
	seeds                   string // "": one run
	jobs                    int
	length                  time.Duration // 0: as the file says
	tracePath, resolvedPath string
	htmlPath                string
	asJSON                  bool
	twice                   bool
	history                 int
}

// run is the command that runs a scenario file.
func (a app) run(ctx context.Context, args []string) error {
	flags, err := a.parseRun(args)
	if err != nil {
		return err
	}
	file, err := load(flags.path)
	if err != nil {
		return err
	}
	if flags.engine == full.Engine {
		return a.runFull(ctx, file, flags)
	}
	if flags.seeds != "" {
		return a.runSeeds(ctx, file, flags)
	}
	return a.runOnce(ctx, file, flags)
}

func (a app) parseRun(args []string) (*runFlags, error) {
	r := &runFlags{}
	f := a.flags("run FILE [flags]")
	f.Var((*seed)(&r.seed), "seed", "seed of everything random (default: the one in the file, else 1)")
	f.StringVar(&r.seeds, "seeds", "", "run with each seed of `A:B`, A up to but not B, and print how the mesh behaved in all")
	f.IntVar(&r.jobs, "jobs", 0, "how many runs of --seeds at once (default: one for each core)")
	engine := f.String("engine", sim.EngineCore, aboutEngines)
	f.DurationVar(&r.length, "for", 0, "how long to run, in virtual time (default: as the file says)")
	f.StringVar(&r.tracePath, "trace", "", "write every event to `FILE`, one line of JSON each")
	f.StringVar(&r.resolvedPath, "resolved", "", "write the scenario to `FILE`, with nothing left to draw from the seed")
	f.StringVar(&r.htmlPath, "html", "", "write a page that shows the run to `FILE`")
	f.BoolVar(&r.twice, "twice", false, "run it twice, to see that both runs are the same")
	f.IntVar(&r.history, "history", 20, "after a violation, print so many events that led to it")
	f.BoolVar(&r.asJSON, "json", false, "print the report as one JSON object")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if r.path, err = oneArgument(f, "scenario file"); err != nil {
		return nil, err
	}
	r.engine = *engine
	if err := checkEngine(r.engine); err != nil {
		return nil, err
	}
	if r.engine == full.Engine {
		if err := checkFull(f.Changed); err != nil {
			return nil, err
		}
	}
	if f.Changed("for") {
		if err := checkLength(r.length); err != nil {
			return nil, err
		}
	}
	if r.history < 0 {
		return nil, fmt.Errorf("--history %d: it must not be negative", r.history)
	}
	if r.jobs < 0 {
		return nil, fmt.Errorf("--jobs %d: it must not be negative", r.jobs)
	}
	r.seedGiven = f.Changed("seed")
	if r.seeds != "" {
		for _, single := range []string{"seed", "trace", "resolved", "html", "twice", "history"} {
			if f.Changed(single) {
				return nil, fmt.Errorf("--%s is for one run, --seeds for many: leave one of them out", single)
			}
		}
	} else if f.Changed("jobs") {
		return nil, errors.New("--jobs is for the runs of --seeds: one run is one thread")
	}
	return r, nil
}

func (a app) runOnce(ctx context.Context, file *scenario.File, flags *runFlags) error {
	seed := file.Seed()
	if flags.seedGiven {
		seed = flags.seed
	}
	s, err := resolve(file, seed)
	if err != nil {
		return err
	}
	if flags.resolvedPath != "" {
		comment := fmt.Sprintf("Made from %s with seed %d.", flags.path, s.Seed)
		if err := os.WriteFile(flags.resolvedPath, s.Encode(comment), 0o666); err != nil {
			return fmt.Errorf("write resolved scenario: %w", err)
		}
	}
	end := s.For
	if flags.length > 0 {
		end = flags.length
	}
	progress := a.newProgress(lineEvery)
	opts := sim.Options{For: flags.length, Wall: a.wall, Interrupt: func(now time.Duration) bool {
		progress.show(func() string { return fmt.Sprintf("%v of %v of virtual time", now.Round(time.Second), end) })
		return ctx.Err() != nil
	}}
	if flags.htmlPath != "" {
		opts.Record = stats.NewRecorder(s)
	}
	report, err := simulate(s, opts, flags)
	progress.clear()
	if err != nil {
		return err
	}
	if flags.htmlPath != "" {
		shown := page.Run{Scenario: s, Report: report, Record: opts.Record, Version: version.Version, Replay: replay(flags.path, report)}
		if err := writePage(flags.htmlPath, shown); err != nil {
			return err
		}
	}
	if flags.asJSON {
		err = json.NewEncoder(a.stdout).Encode(report)
	} else {
		err = errors.Join(summarize(a.stdout, s, report, flags), a.explain(s, report, flags))
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if len(report.Violations) > 0 {
		return errViolated
	}
	return nil
}

const aboutEngines = "what to simulate; core: mesh nodes on a virtual network; full: whole daemons, with work and streams"

func checkEngine(name string) error {
	if name != sim.EngineCore && name != full.Engine {
		return fmt.Errorf("engine %q is not available: %s and %s are", name, sim.EngineCore, full.Engine)
	}
	return nil
}

// load reads a scenario file.
func load(path string) (*scenario.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	file, err := scenario.Parse(path, text)
	if err != nil {
		return nil, fmt.Errorf("bad scenario:\n%w", err)
	}
	return file, nil
}

// resolve draws what a file leaves open.
func resolve(file *scenario.File, seed uint64) (*scenario.Scenario, error) {
	s, err := file.Resolve(seed)
	if err != nil {
		return nil, fmt.Errorf("bad scenario:\n%w", err)
	}
	return s, nil
}

func simulate(s *scenario.Scenario, opts sim.Options, flags *runFlags) (sim.Report, error) {
	run := func(s *scenario.Scenario, opts sim.Options) (sim.Report, error) { return sim.Run(s, s.Seed, opts) }
	if flags.twice {
		once := run
		run = func(s *scenario.Scenario, opts sim.Options) (sim.Report, error) {
			return campaign.Twice(func() (sim.Report, error) { return once(s, opts) },
				func() (sim.Report, error) { return once(s, sim.Options{For: opts.For, Interrupt: opts.Interrupt}) })
		}
	}
	if flags.tracePath == "" {
		return run(s, opts)
	}
	file, err := os.Create(flags.tracePath)
	if err != nil {
		return sim.Report{}, fmt.Errorf("write trace: %w", err)
	}
	opts.Trace = file
	report, err := run(s, opts)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write trace: %w", closeErr)
	}
	return report, err
}

// writePage writes the page of a run, which may have ended early.
func writePage(path string, run page.Run) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	err = page.Write(file, run)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write page: %w", closeErr)
	}
	return err
}

// replay returns the command that repeats a run.
func replay(path string, r sim.Report) string {
	return fmt.Sprintf("meshsim run %s --seed %d --for %v", path, r.Seed, virtual(r.VirtualSeconds))
}

// summarize prints a report for a person.
func summarize(out io.Writer, s *scenario.Scenario, r sim.Report, flags *runFlags) error {
	p := printer{out: out}
	if s.Name != "" {
		p.printf("%s\n", s.Name)
	}
	p.printf("%-11s %d nodes, %d links, seed %d, %s engine\n", "mesh", r.Nodes, r.Links, r.Seed, r.Engine)
	p.printf("%-11s %v of virtual time in %.2f s\n", "run", virtual(r.VirtualSeconds), r.WallSeconds)
	p.printf("%-11s %d", "events", r.Events)
	if r.WallSeconds > 0 {
		p.printf(", %.0f per second", float64(r.Events)/r.WallSeconds)
	}
	p.printf("\n%-11s %s\n", "trace hash", r.TraceHash)
	p.converged(r.ConvergedAtSeconds)
	if r.Quiet {
		p.printf("%-11s databases and routes: the mesh has been quiet for longer than the bound of %v\n", "checked", r.Bound)
	} else {
		p.printf("%-11s databases and routes were not: the run ends before the mesh has been quiet for the bound of %v\n", "checked", r.Bound)
	}
	if pings := r.Figures.Pings; pings.Sent > 0 {
		p.printf("%-11s %d sent, %d answered\n", "pings", pings.Sent, pings.Answered)
	}
	if datagrams := r.Figures.Datagrams; datagrams.Sent > 0 {
		p.printf("%-11s %s\n", "datagrams", datagrams)
	}
	if len(r.Violations) == 0 {
		p.printf("%-11s none: all invariants and expectations hold\n", "violations")
		return p.err
	}
	p.printf("%-11s %d\n", "violations", len(r.Violations))
	for _, v := range r.Violations {
		p.printf("  %s\n", v)
	}
	twice := ""
	if flags.twice {
		twice = " --twice"
	}
	p.printf("%-11s %s%s\n", "replay", replay(flags.path, r), twice)
	return p.err
}

// explain runs a scenario that violates something once more, and prints what
// led to that at the nodes concerned. The run is the same, so nothing has to be
// kept of those that go well.
func (a app) explain(s *scenario.Scenario, r sim.Report, flags *runFlags) error {
	if len(r.Violations) == 0 || flags.history == 0 {
		return nil
	}
	again, err := sim.Run(s, s.Seed, sim.Options{For: flags.length, History: flags.history})
	if err != nil {
		return err
	}
	const shown = 3
	p := printer{out: a.stdout}
	for _, h := range again.Histories[:min(shown, len(again.Histories))] {
		where := "of the mesh"
		if h.Node != "" {
			where = "of " + h.Node
		}
		p.printf("\nlast events %s before its first violation\n", where)
		for _, e := range h.Events {
			p.printf("  %s\n", e)
		}
	}
	return p.err
}

func virtual(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}

// converged prints since when all is right, nil: it is not.
func (p *printer) converged(seconds *float64) {
	if seconds != nil {
		p.printf("%-11s at %v: since then every database and route is right\n", "converged", virtual(*seconds))
	} else {
		p.printf("%-11s no: databases or routes were wrong at the end\n", "converged")
	}
}

// printer keeps the first error of writing.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}
