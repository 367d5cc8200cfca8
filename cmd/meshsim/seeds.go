package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"receptor/sim/campaign"
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

// seed is the flag of one seed.
type seed uint64

func (s *seed) String() string { return strconv.FormatUint(uint64(*s), 10) }
func (s *seed) Type() string   { return "uint" }

func (s *seed) Set(text string) error {
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return fmt.Errorf("want a whole number from 0 to %d", uint64(math.MaxUint64))
	}
	*s = seed(v)
	return nil
}

func (r seedRange) String() string { return fmt.Sprintf("%d:%d", r.first, r.end) }

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
func (a app) runSeeds(ctx context.Context, file *scenario.File, flags *runFlags) error {
	seeds, err := parseSeeds(flags.seeds)
	if err != nil {
		return err
	}
	began := a.wall()
	result := sweep{Seeds: seeds.String(), Failed: []uint64{}}
	gathered := stats.NewGatherer()
	plan := campaign.Campaign{
		Files: []campaign.File{{Path: flags.path, File: file}}, Seeds: campaign.Seeds{From: seeds.first, To: seeds.end},
		Jobs: flags.jobs, For: flags.length, KeepGoing: true,
	}
	progress, total := a.newProgress(lineEvery), plan.Runs()
	runs := 0
	err = plan.Run(ctx, func(r campaign.Result) error {
		runs++
		progress.show(func() string { return fmt.Sprintf("%d of %d runs", runs, total) })
		gathered.Add(r.Report.Figures)
		if r.Failed() {
			result.Failed = append(result.Failed, r.Seed)
		}
		return nil
	})
	progress.clear()
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
