// Mesh measures meshes of real nodes on loopback: round trips, streams, units of
// work, routes, and what idle nodes cost. With the program of a deployed node
// to compare with it runs each scenario by turns with the one and the other, so
// that both see the same machine, and prints medians, their ratios, and what
// the ratios should be. It is no test: it ends with 0 unless a scenario could
// not be run (1), or for bad input (2). See "make bench" and docs/performance.md.
// It needs Linux, for /proc.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

type options struct {
	ours, theirs string
	only         []string
	json, short  bool
	sizes        sizes
}

func parseOptions() (o options, err error) {
	o.sizes = fullSizes
	pflag.StringVar(&o.ours, "ours", "bin/receptor", "program of our nodes")
	pflag.StringVar(&o.theirs, "theirs", os.Getenv("RECEPTOR_PEER"), "program of deployed nodes to compare with; $RECEPTOR_PEER if not given")
	pflag.StringSliceVar(&o.only, "only", nil, "scenarios to run, of "+strings.Join(scenarioNames(), ", "))
	pflag.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	pflag.BoolVar(&o.short, "short", false, "small sizes, for a run of two minutes; the options below change single ones")
	pflag.IntVar(&o.sizes.Rounds, "rounds", fullSizes.Rounds, "how often each scenario is run")
	pflag.IntVar(&o.sizes.Pings, "pings", fullSizes.Pings, "pings to each node")
	pflag.DurationVar(&o.sizes.Stream, "stream", fullSizes.Stream, "how long streams are measured")
	pflag.IntVar(&o.sizes.Units, "units", fullSizes.Units, "units that run 8 at a time")
	pflag.Int64Var(&o.sizes.Result, "result", fullSizes.Result, "bytes of the large result")
	pflag.DurationVar(&o.sizes.Idle, "idle", fullSizes.Idle, "how long the idle nodes are watched")
	pflag.Parse()
	if o.short {
		given := o.sizes
		o.sizes = shortSizes
		keepGiven(&o.sizes, given)
	}
	for _, name := range o.only {
		if !slices.Contains(scenarioNames(), name) {
			return o, fmt.Errorf("--only: there is no scenario %q, but %s", name, strings.Join(scenarioNames(), ", "))
		}
	}
	if s := o.sizes; pflag.NArg() > 0 || min(s.Rounds, s.Pings, s.Units) < 1 || s.Result < 1 || min(s.Stream, s.Idle) <= 0 {
		return o, fmt.Errorf("takes no arguments, and sizes must be positive; see --help")
	}
	return o, nil
}

// keepGiven sets the sizes that the command line names.
func keepGiven(s *sizes, given sizes) {
	pflag.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "rounds":
			s.Rounds = given.Rounds
		case "pings":
			s.Pings = given.Pings
		case "stream":
			s.Stream = given.Stream
		case "units":
			s.Units = given.Units
		case "result":
			s.Result = given.Result
		case "idle":
			s.Idle = given.Idle
		}
	})
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

func main() {
	o, err := parseOptions()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, o)
	if r != nil {
		write := r.writeTable
		if o.json {
			write = r.writeJSON
		}
		if writeErr := write(os.Stdout); err == nil {
			err = writeErr
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs the scenarios. After an error it returns what was measured all the same.
func run(ctx context.Context, o options) (*report, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	s, err := newSink()
	if err != nil {
		return nil, err
	}
	defer s.listener.Close()
	subjects := []*subject{{name: "ours", program: o.ours}}
	if o.theirs != "" {
		subjects = append(subjects, &subject{name: "theirs", program: o.theirs})
	}
	for _, subject := range subjects {
		if subject.program, err = filepath.Abs(subject.program); err != nil {
			return nil, err
		}
		subject.dir, subject.sizes, subject.sink = filepath.Join(dir, subject.name), o.sizes, s
		if subject.line, err = startLine(ctx, subject.program, subject.dir, s.listener.Addr().String()); err != nil {
			return nil, fmt.Errorf("%s: %w", subject.name, err)
		}
		defer subject.line.stop()
	}
	r := &report{Sizes: o.sizes}
	for _, scenario := range scenarios {
		if len(o.only) > 0 && !slices.Contains(o.only, scenario.name) {
			continue
		}
		results, failed := scenario.compare(ctx, subjects)
		r.Results = append(r.Results, results...)
		if err = errors.Join(err, failed); ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return r, fmt.Errorf("%w\nlogs: %s", err, dir)
	}
	return r, os.RemoveAll(dir)
}

// compare runs a scenario with each subject by turns. One that fails has no more turns
// in it.
func (s scenario) compare(ctx context.Context, subjects []*subject) ([]*result, error) {
	var results []*result
	for _, m := range s.metrics {
		results = append(results, newResult(m))
	}
	var failed error
	left := slices.Clone(subjects)
	for round := range subjects[0].sizes.Rounds {
		for _, subject := range slices.Clone(left) {
			figures, err := s.run(ctx, subject)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s of %s: %w", s.name, subject.name, err))
				at := slices.Index(left, subject)
				left = slices.Delete(left, at, at+1)
				continue
			}
			fmt.Fprintf(os.Stderr, "round %d: %s of %s: %.4g\n", round+1, s.name, subject.name, figures)
			for i, figure := range figures {
				if subject == subjects[0] {
					results[i].Ours = append(results[i].Ours, figure)
				} else {
					results[i].Theirs = append(results[i].Theirs, figure)
				}
			}
		}
	}
	for _, r := range results {
		r.judge()
	}
	return results, failed
}
