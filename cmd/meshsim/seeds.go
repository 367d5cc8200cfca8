package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"receptor/sim"
	"receptor/sim/scenario"
	"receptor/sim/stats"
)

// seedRange is the seeds from first up to but not including end.
type seedRange struct{ first, end uint64 }

// parseSeeds reads A:B.
func parseSeeds(text string) (seedRange, error) {
	first, end, found := strings.Cut(text, ":")
	a, err := strconv.ParseUint(first, 10, 64)
	b, errEnd := strconv.ParseUint(end, 10, 64)
	if !found || err != nil || errEnd != nil || a >= b {
		return seedRange{}, fmt.Errorf("--seeds %q: two numbers A:B are needed, A less than B; B is the first seed left out, such as 0:200", text)
	}
	return seedRange{a, b}, nil
}

func (r seedRange) String() string { return fmt.Sprintf("%d:%d", r.first, r.end) }

// each calls run for every seed, so many at once, and then take with what came
// of each, one after the other, in the order of the seeds. At the first error in
// that order it returns it, and leaves the rest out.
func (r seedRange) each(jobs int, run func(seed uint64) (sim.Report, error), take func(sim.Report)) error {
	type result struct {
		seed   uint64
		report sim.Report
		err    error
	}
	running := make(chan struct{}, jobs)
	pending := make(chan chan result, 4*jobs) // a slow seed holds up its successors, but not forever
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(pending)
		for seed := r.first; seed < r.end; seed++ {
			running <- struct{}{}
			done := make(chan result, 1)
			select {
			case pending <- done:
			case <-stop:
				return
			}
			go func() {
				report, err := run(seed)
				<-running
				done <- result{seed, report, err}
			}()
		}
	}()
	for done := range pending {
		got := <-done
		if got.err != nil {
			return fmt.Errorf("seed %d: %w", got.seed, got.err)
		}
		take(got.report)
	}
	return nil
}

// sweep is what came of the runs of many seeds. As JSON it is what `meshsim run
// --seeds --json` prints.
type sweep struct {
	Seeds string `json:"seeds"`
	stats.Summary
	// Failed are the seeds with violations, never nil.
	Failed []uint64 `json:"failed_seeds"`
	// WallSeconds is the one value that differs from time to time.
	WallSeconds float64 `json:"wall_seconds"`
}

// runSeeds runs a scenario file with many seeds, and prints how the mesh
// behaved.
func (a app) runSeeds(file *scenario.File, flags *runFlags) error {
	seeds, err := parseSeeds(flags.seeds)
	if err != nil {
		return err
	}
	began := a.wall()
	result := sweep{Seeds: seeds.String(), Failed: []uint64{}}
	gathered := stats.NewGatherer()
	err = seeds.each(flags.jobs, func(seed uint64) (sim.Report, error) {
		s, err := resolve(file, seed)
		if err != nil {
			return sim.Report{}, err
		}
		return sim.Run(s, seed, sim.Options{For: flags.length})
	}, func(r sim.Report) {
		gathered.Add(r.Figures)
		if len(r.Violations) > 0 {
			result.Failed = append(result.Failed, r.Seed)
		}
	})
	if err != nil {
		return err
	}
	result.Summary = gathered.Summary()
	result.WallSeconds = (a.wall() - began).Seconds()
	if flags.asJSON {
		err = json.NewEncoder(a.stdout).Encode(result)
	} else {
		err = result.print(a.stdout, flags)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if len(result.Failed) > 0 {
		return errViolated
	}
	return nil
}

func (s *sweep) print(out io.Writer, flags *runFlags) error {
	p := printer{out: out}
	p.printf("%d runs of %s, seeds %s, in %.2f s\n\n", s.Runs, flags.path, s.Seeds, s.WallSeconds)
	p.err = errors.Join(p.err, s.Summary.Print(out))
	if len(s.Failed) == 0 {
		p.printf("%-11s none: all invariants and expectations hold\n", "violations")
		return p.err
	}
	const shown = 20
	p.printf("%-11s in %d runs, with seeds", "violations", len(s.Failed))
	for _, seed := range s.Failed[:min(shown, len(s.Failed))] {
		p.printf(" %d", seed)
	}
	if more := len(s.Failed) - shown; more > 0 {
		p.printf(" and %d more", more)
	}
	p.printf("\n%-11s meshsim run %s --seed %d", "replay", flags.path, s.Failed[0])
	if flags.length > 0 {
		p.printf(" --for %v", flags.length)
	}
	p.printf("\n")
	return p.err
}
