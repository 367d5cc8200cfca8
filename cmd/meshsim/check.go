package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"receptor/sim"
	"receptor/sim/campaign"
	"receptor/sim/full"
	"receptor/sim/shrink"
)

// checkFlags are the flags of check.
type checkFlags struct {
	seeds, shard string
	engine       string
	noFaults     bool
	jobs         int
	keepGoing    bool
	out          string
	shrinkRuns   int
	asJSON       bool
}

// check is the command that runs scenario files under many seeds.
func (a app) check(ctx context.Context, args []string) error {
	var c checkFlags
	f := a.flags("check FILE... [flags]")
	f.StringVar(&c.seeds, "seeds", "0:100", "run with each seed of `A:B`, A up to but not B")
	f.StringVar(&c.shard, "shard", "", "of the seeds only shard `I/N`: those that leave the remainder I when divided by N (N/N is 0/N)")
	f.StringVar(&c.engine, "engine", sim.EngineCore, aboutEngines)
	f.BoolVar(&c.noFaults, "no-faults", false, "run the files as they are: no faults but their own, no liveness phase, their own expectations")
	f.IntVar(&c.jobs, "jobs", 0, "how many runs go on at once (default: one for each core)")
	f.BoolVar(&c.keepGoing, "keep-going", false, "go on after a failure")
	f.StringVar(&c.out, "out", "failures", "write the scenarios that fail to the folder `DIR`")
	f.IntVar(&c.shrinkRuns, "shrink", shrink.DefaultRuns, "how many runs to spend on making a failure small; 0: none")
	f.BoolVar(&c.asJSON, "json", false, "print one JSON object for each run, also on a terminal")
	if err := f.Parse(args); err != nil {
		return err
	}
	plan, err := c.campaign(f.Args())
	if err != nil {
		return err
	}
	if err := writable(c.out); err != nil {
		return fmt.Errorf("--out %s: %w", c.out, err)
	}
	if c.engine == full.Engine {
		host, err := newHost(ctx)
		if err != nil {
			return err
		}
		defer host.Close()
		plan.Engine = campaign.Full{Host: host}
	}
	plan.Wall = a.wall
	r := &reporter{
		app: a, ctx: ctx, flags: c, plan: plan, total: plan.Runs(), progress: a.newProgress(0),
		lines: c.asJSON || !a.terminal(a.stdout), shrunk: make(map[string]bool),
	}
	err = plan.Run(ctx, r.result)
	if err = errors.Join(r.finish(err), err); err != nil {
		return err
	}
	if r.failures > 0 {
		return errViolated
	}
	return nil
}

// campaign checks the flags, and reads the files.
func (c *checkFlags) campaign(paths []string) (*campaign.Campaign, error) {
	if len(paths) == 0 {
		return nil, errors.New("scenario file is missing")
	}
	if err := checkEngine(c.engine); err != nil {
		return nil, err
	}
	if c.jobs < 0 {
		return nil, fmt.Errorf("--jobs %d: it must not be negative", c.jobs)
	}
	if c.shrinkRuns < 0 {
		return nil, fmt.Errorf("--shrink %d: it must not be negative", c.shrinkRuns)
	}
	seeds, err := parseSeeds(c.seeds)
	if err != nil {
		return nil, err
	}
	shard, shards, err := parseShard(c.shard)
	if err != nil {
		return nil, err
	}
	plan := &campaign.Campaign{
		Seeds:  campaign.Seeds{From: seeds.first, To: seeds.end, Shard: shard, Shards: shards},
		Faults: !c.noFaults, Jobs: c.jobs, KeepGoing: c.keepGoing,
	}
	for _, path := range paths {
		file, err := load(path)
		if err != nil {
			return nil, err
		}
		plan.Files = append(plan.Files, campaign.File{Path: path, File: file})
	}
	return plan, nil
}

// parseShard reads I/N, or "" for all.
func parseShard(text string) (shard, shards uint64, err error) {
	if text == "" {
		return 0, 1, nil
	}
	i, n, ok := strings.Cut(text, "/")
	shard, err = strconv.ParseUint(i, 10, 32)
	shards, errN := strconv.ParseUint(n, 10, 32)
	if !ok || err != nil || errN != nil || shards == 0 || shard > shards {
		return 0, 0, fmt.Errorf("--shard %q: write I/N, such as 1/4 to 4/4, or 0/4 to 3/4", text)
	}
	return shard, shards, nil
}
