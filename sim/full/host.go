package full

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// startOfTime is what the clock shows when a guest begins.
var startOfTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// DefaultMemory is how much memory a guest may take, in MiB, if NewHost is not told.
// WebAssembly has 4096 at most.
const DefaultMemory = 3072

// Host runs guests. It may be used by several goroutines at once, each run is one
// thread with a memory of its own.
type Host struct {
	runtime wazero.Runtime
	program wazero.CompiledModule
	cache   wazero.CompilationCache // nil: there is none
	digest  string
	memory  int // MiB
}

// NewHost compiles a guest (see the function Guest), which takes seconds unless
// cacheDir, if it is not "", has it from another time. A run may take so many MiB
// of memory; 0: DefaultMemory. The host must be closed.
func NewHost(ctx context.Context, guest []byte, cacheDir string, memory int) (*Host, error) {
	if memory == 0 {
		memory = DefaultMemory
	}
	const pagesPerMiB = 16
	digest := sha256.Sum256(guest)
	yielding, err := withYields(guest)
	if err != nil {
		return nil, err
	}
	h := &Host{digest: hex.EncodeToString(digest[:8]), memory: memory}
	// The compiler: on a machine that it is not for, this says so, where the
	// interpreter would take a hundred times as long.
	config := wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(uint32(memory * pagesPerMiB))
	if cacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return nil, fmt.Errorf("cache of compiled guests: %w", err)
		}
		h.cache = cache
		config = config.WithCompilationCache(cache)
	}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	_, err = wasi_snapshot_preview1.Instantiate(ctx, h.runtime)
	if err == nil {
		h.program, err = h.runtime.CompileModule(ctx, yielding)
	}
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("compile the guest: %w", err)
	}
	return h, nil
}

// Close gives back what the host has. No run may be under way.
func (h *Host) Close() error {
	err := h.runtime.Close(context.Background())
	if h.cache != nil {
		err = errors.Join(err, h.cache.Close(context.Background()))
	}
	return err
}

// Run runs a scenario by its own seed. The error says that the scenario has what
// this engine does not do, that the guest cannot be run, or that ctx has ended.
// What goes wrong inside the guest is a violation.
func (h *Host) Run(ctx context.Context, s *scenario.Scenario, opts Options) (Report, error) {
	if opts.For > 0 {
		shorter := *s
		shorter.For = opts.For
		s = &shorter
	}
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
	j := newJudge(s)
	out := &sink{hash: sha256.New(), judge: j, trace: opts.Trace}
	g := &guestRun{scenario: s, out: out, effort: newEffort(len(s.Nodes))}
	crash, err := g.execute(ctx, h)
	if err == nil {
		err = out.err
	}
	if err != nil {
		return Report{}, err
	}
	now := g.now
	j.finish(now, crash)
	return Report{
		Seed: s.Seed, Engine: Engine, Nodes: len(s.Nodes), Links: len(s.Links),
		VirtualSeconds: now.Seconds(), WallSeconds: (wall() - began).Seconds(), Events: out.events,
		TraceHash: hex.EncodeToString(out.hash.Sum(nil)[:16]), Guest: h.digest,
		ConvergedAtSeconds: j.converged, Quiet: j.calm,
		Violations: j.violations, Units: j.counts, Pings: j.pings, Streams: j.opened, Datagrams: j.datagrams.counts,
	}, nil
}

// guestRun is a run under way.
type guestRun struct {
	scenario *scenario.Scenario
	out      io.Writer
	now      time.Duration // virtual, since the start
	effort   effort
}

// execute runs the guest to its end. crash says how that came if it was not by
// itself.
func (g *guestRun) execute(ctx context.Context, h *Host) (crash string, err error) {
	var stopped error // why it was
	var problems bytes.Buffer
	// Without a name there may be many at once.
	module := wazero.NewModuleConfig().WithName("").WithArgs("guest").
		WithStdin(bytes.NewReader(g.scenario.Encode(""))).WithStdout(g.out).WithStderr(&problems).
		WithRandSource(random{seed.Rand(g.scenario.Seed, "guest", "")}).
		WithWalltime(func() (int64, int32) {
			t := startOfTime.Add(g.now)
			return t.Unix(), int32(t.Nanosecond())
		}, 1).
		WithNanotime(func() int64 { return int64(g.now) + 1 }, 1). // the Go runtime takes 0 for no time at all
		WithNanosleep(func(ns int64) { g.now += time.Duration(max(ns, 0)) }).
		WithOsyield(func() {
			if stopped = cmp.Or(ctx.Err(), g.effort.jumped(g.now, jumpsBetweenYields)); stopped != nil {
				panic(sys.NewExitError(sys.ExitCodeContextCanceled))
			}
		})
	m, err := h.runtime.InstantiateModule(withLinearMemory(ctx), h.program, module)
	if m != nil {
		m.Close(context.WithoutCancel(ctx))
	}
	var exit *sys.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case stopped != nil:
		return fmt.Sprintf("%v: they do something without end", stopped), nil
	case err == nil, errors.As(err, &exit) && exit.ExitCode() == 0:
		return "", nil
	}
	const shown = 2000
	return fmt.Sprintf("%v: %s", err, problems.Bytes()[:min(problems.Len(), shown)]), nil
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
