// Package full is the host of the full engine: it runs the guest, which is whole
// daemons compiled to WebAssembly, with time and randomness that follow from the
// scenario and its seed alone, and judges the event log that the guest writes.
package full

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// Engine is the name of this engine.
const Engine = "full"

// startOfTime is what the clock shows when a guest begins.
var startOfTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Options say how to run a scenario.
type Options struct {
	// Guest is the guest program; see the function Guest.
	Guest []byte
	// CacheDir keeps compiled guests from one process to the next; "": nothing does.
	CacheDir string
	// Trace, if set, gets the event log.
	Trace io.Writer
	// Wall is as in sim.Options.
	Wall func() time.Duration
}

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
	// TraceHash is that of the event log, for a guest with this Guest digest.
	TraceHash  string            `json:"trace_hash"`
	Guest      string            `json:"guest"`
	Violations []check.Violation `json:"violations"` // never nil
	Units      Units             `json:"units"`
	Pings      Pings             `json:"pings"`
	Streams    Streams           `json:"streams"`
}

// Units counts units of work.
type Units struct {
	Submitted int `json:"submitted"`
	Succeeded int `json:"succeeded"`
	Ended     int `json:"ended"` // in any way
	Released  int `json:"released"`
}

// Pings counts pings.
type Pings struct {
	Sent     int `json:"sent"` // and answered, or given up
	Answered int `json:"answered"`
}

// Run runs a scenario by its own seed. The error says that the scenario has what
// this engine does not do, that the guest cannot be run, or that ctx has ended.
// What goes wrong inside the guest is a violation.
func Run(ctx context.Context, s *scenario.Scenario, opts Options) (Report, error) {
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
	digest := sha256.Sum256(opts.Guest)
	j := newJudge(s)
	out := &sink{hash: sha256.New(), judge: j, trace: opts.Trace}
	now, crash, err := execute(ctx, s, opts, out)
	if err != nil {
		return Report{}, err
	}
	if out.err != nil {
		return Report{}, out.err
	}
	j.finish(now, crash)
	if j.stopping > 0 {
		now = j.stopping // what is left of the nodes is looked at later
	}
	return Report{
		Seed: s.Seed, Engine: Engine, Nodes: len(s.Nodes), Links: len(s.Links),
		VirtualSeconds: now.Seconds(), WallSeconds: (wall() - began).Seconds(), Events: out.events,
		TraceHash: hex.EncodeToString(out.hash.Sum(nil)[:16]), Guest: hex.EncodeToString(digest[:8]),
		Violations: j.violations, Units: j.counts, Pings: j.pings, Streams: j.opened,
	}, nil
}

// execute runs the guest to its end. crash is what it said when it failed.
func execute(ctx context.Context, s *scenario.Scenario, opts Options, out io.Writer) (now time.Duration, crash string, err error) {
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true)
	if opts.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(opts.CacheDir)
		if err != nil {
			return 0, "", fmt.Errorf("cache of compiled guests: %w", err)
		}
		defer cache.Close(ctx)
		config = config.WithCompilationCache(cache)
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	defer runtime.Close(context.WithoutCancel(ctx))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return 0, "", fmt.Errorf("run the guest: %w", err)
	}
	compiled, err := runtime.CompileModule(ctx, opts.Guest)
	if err != nil {
		return 0, "", fmt.Errorf("compile the guest: %w", err)
	}
	var problems bytes.Buffer
	module := wazero.NewModuleConfig().WithName("guest").WithArgs("guest").
		WithStdin(bytes.NewReader(s.Encode(""))).WithStdout(out).WithStderr(&problems).
		WithRandSource(random{seed.Rand(s.Seed, "guest", "")}).
		WithWalltime(func() (int64, int32) {
			t := startOfTime.Add(now)
			return t.Unix(), int32(t.Nanosecond())
		}, 1).
		WithNanotime(func() int64 { return int64(now) + 1 }, 1). // the Go runtime takes 0 for no time at all
		WithNanosleep(func(ns int64) { now += time.Duration(max(ns, 0)) })
	_, err = runtime.InstantiateModule(ctx, compiled, module)
	var exit *sys.ExitError
	switch {
	case ctx.Err() != nil:
		return now, "", ctx.Err()
	case err == nil, errors.As(err, &exit) && exit.ExitCode() == 0:
		return now, "", nil
	}
	const shown = 2000
	text := fmt.Sprintf("%v: %s", err, problems.Bytes()[:min(problems.Len(), shown)])
	return now, text, nil
}

// random is a source of random bytes that follow from the seed.
type random struct{ *rand.Rand }

// Read implements io.Reader.
func (r random) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return len(p), nil
}

// sink takes the event log: it hashes, judges and writes each line.
type sink struct {
	hash   hash.Hash
	judge  *judge
	trace  io.Writer
	rest   []byte // a line whose end has not come
	events uint64
	err    error
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.hash.Write(p)
	if s.trace != nil {
		if _, err := s.trace.Write(p); err != nil && s.err == nil {
			s.err = fmt.Errorf("write trace: %w", err)
		}
	}
	s.rest = append(s.rest, p...)
	for {
		line, rest, found := bytes.Cut(s.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		s.events++
		e, err := eventlog.Parse(line)
		if err != nil && s.err == nil {
			s.err = fmt.Errorf("line %d of the event log: %w", s.events, err)
		}
		s.judge.take(e)
		s.rest = rest
	}
}

// supported says what in a scenario this engine does not do.
func supported(s *scenario.Scenario) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("the full engine has no %s: leave it out, or run the core engine", fmt.Sprintf(format, args...))
	}
	switch {
	case len(s.Datagrams) > 0:
		return refuse("datagrams of the workload")
	case len(s.Services) > 0:
		return refuse("services of the workload")
	case s.Expect.ConvergedWithin > 0 || s.Expect.Converges:
		return refuse("expectation of convergence")
	}
	for _, n := range s.Nodes {
		if n.Kind == scenario.KindDeployed || n.Clock != (scenario.Clock{}) || len(n.Firewall) > 0 {
			return refuse("kind, clock or firewall of a node, which %s has", n.ID)
		}
	}
	for _, a := range s.Timeline {
		switch a.Do {
		case scenario.Wipe, scenario.Slow, scenario.Duplicate, scenario.SetClock, scenario.Forge:
		default:
			if !a.OldEpoch {
				continue
			}
		}
		return refuse("action %q (epoch old %v)", a.Do, a.OldEpoch)
	}
	return nil
}
