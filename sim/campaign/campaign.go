// Package campaign checks scenarios under many seeds, on all cores, and makes
// what fails small. Each run is one thread of its own, and knows nothing of the
// others; results come in the order of the seeds, whichever ends first.
package campaign

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/shrink"
)

// File is a scenario file and the path that it was read from.
type File struct {
	Path string
	*scenario.File
}

// Seeds are those from From up to but without To that leave the remainder
// Shard when divided by Shards. Shards 0 means 1: all of them.
type Seeds struct {
	From, To      uint64
	Shard, Shards uint64
}

// first returns the first of the seeds; all are then Shards apart.
func (s Seeds) first() uint64 {
	n := max(1, s.Shards)
	return s.From + (s.Shard%n+n-s.From%n)%n
}

// Count returns how many there are.
func (s Seeds) Count() uint64 {
	first := s.first()
	if first >= s.To || first < s.From {
		return 0
	}
	return (s.To-first-1)/max(1, s.Shards) + 1
}

// Campaign is what to check. It is not changed by its methods.
type Campaign struct {
	// Engine runs them; nil: Core.
	Engine Engine
	Files  []File
	Seeds  Seeds
	// Faults adds faults and a liveness phase; see Plan.
	Faults bool
	// Jobs is how many runs go on at once; 0: as many as there are cores.
	Jobs int
	// For replaces the duration that the files state; 0 keeps it.
	For time.Duration
	// KeepGoing goes on after a failure.
	KeepGoing bool
	// Wall returns the machine's time since any fixed moment; it must be safe for
	// concurrent use. nil: runs do not tell how long they took.
	Wall func() time.Duration
}

// Result is what came of one file under one seed.
type Result struct {
	File   File
	Seed   uint64
	Report sim.Report
}

// Failed reports whether anything was violated.
func (r *Result) Failed() bool { return len(r.Report.Violations) > 0 }

// Runs returns how many runs there will be if none fails.
func (c *Campaign) Runs() uint64 {
	high, low := bits.Mul64(c.Seeds.Count(), uint64(len(c.Files)))
	if high > 0 {
		return math.MaxUint64
	}
	return low
}

// job returns the run of a number: seed by seed, all files under each.
func (c *Campaign) job(number uint64) (File, uint64) {
	files := uint64(len(c.Files))
	return c.Files[number%files], c.Seeds.first() + number/files*max(1, c.Seeds.Shards)
}

// Run makes the runs, and calls each for one result after the other, in order
// of their seeds and then of the files, from the calling goroutine. Without
// KeepGoing the first result that failed is the last one: runs that come before
// it in that order are finished first, so what is reported does not depend on
// the number of cores.
//
// It returns early with the error of ctx, the first error of each, or what is
// wrong with a file under some seed. No run is under way any more when it returns.
func (c *Campaign) Run(ctx context.Context, each func(Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &pool{campaign: c, total: c.Runs(), done: make(chan finished, 1024)}
	p.last.Store(math.MaxUint64)
	jobs := c.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	for range jobs {
		p.workers.Go(func() { p.work(ctx) })
	}
	go func() {
		p.workers.Wait()
		close(p.done)
	}()
	err := p.collect(each, cancel)
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// pool is a campaign under way.
type pool struct {
	campaign *Campaign
	total    uint64
	next     atomic.Uint64 // the number of the run to begin next
	last     atomic.Uint64 // runs of higher numbers are not wanted
	workers  sync.WaitGroup
	done     chan finished
}

type finished struct {
	number uint64
	result Result
	err    error
}

// work makes runs until there are none left.
func (p *pool) work(ctx context.Context) {
	for {
		n := p.next.Add(1) - 1
		if n >= p.total || n > p.last.Load() || ctx.Err() != nil {
			return
		}
		f := finished{number: n}
		f.result.File, f.result.Seed = p.campaign.job(n)
		f.result.Report, f.err = p.campaign.run(ctx, f.result.File, f.result.Seed)
		if ctx.Err() != nil {
			return
		}
		if f.err != nil || f.result.Failed() && !p.campaign.KeepGoing {
			p.nothingAfter(n)
		}
		p.done <- f
	}
}

func (p *pool) nothingAfter(n uint64) {
	for {
		last := p.last.Load()
		if last <= n || p.last.CompareAndSwap(last, n) {
			return
		}
	}
}

// collect passes results on in order. It returns once all workers have.
func (p *pool) collect(each func(Result) error, cancel func()) error {
	early := make(map[uint64]finished) // that are not due
	due := uint64(0)
	var err error
	for f := range p.done {
		early[f.number] = f
		for f, ok := early[due]; ok && err == nil; f, ok = early[due] {
			delete(early, due)
			due++
			if err = f.err; err == nil && f.number <= p.last.Load() {
				err = each(f.result)
			}
		}
		if err != nil {
			cancel()
		}
	}
	return err
}

// Plan returns the scenario of a run; see the function Plan.
func (c *Campaign) Plan(f File, seed uint64) (*scenario.Scenario, error) {
	s, err := Plan(c.engine(), f.File, seed, c.Faults)
	if err != nil {
		err = fmt.Errorf("%s with seed %d: %w", f.Path, seed, err)
	}
	return s, err
}

// Smallest makes the scenario of a run small; see the function Smallest.
func (c *Campaign) Smallest(ctx context.Context, s *scenario.Scenario, rule check.Rule, opts shrink.Options) (smallest *scenario.Scenario, runs int) {
	return Smallest(ctx, c.engine(), s, rule, opts)
}

func (c *Campaign) engine() Engine {
	if c.Engine == nil {
		return Core{}
	}
	return c.Engine
}

// run makes one run.
func (c *Campaign) run(ctx context.Context, f File, seed uint64) (sim.Report, error) {
	s, err := c.Plan(f, seed)
	if err != nil {
		return sim.Report{}, err
	}
	r, err := Check(ctx, c.engine(), s, Options{For: c.For, Wall: c.Wall, Probes: true})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s with seed %d: %w", f.Path, seed, err)
	}
	return r, err
}
