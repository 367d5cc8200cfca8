package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// sizes say how much each scenario does.
type sizes struct {
	Rounds int           `json:"rounds"`
	Pings  int           `json:"pings"`
	Stream time.Duration `json:"stream_ns"`
	Units  int           `json:"units"`
	Result int64         `json:"result_bytes"`
	Idle   time.Duration `json:"idle_ns"`
}

var (
	fullSizes  = sizes{Rounds: 3, Pings: 200, Stream: 5 * time.Second, Units: 50, Result: 200_000_000, Idle: 20 * time.Second}
	shortSizes = sizes{Rounds: 1, Pings: 50, Stream: 2 * time.Second, Units: 16, Result: 50_000_000, Idle: 5 * time.Second}
)

// subject is one program under test, with a line of nodes that runs it.
type subject struct {
	name, program, dir string
	sizes              sizes
	sink               *sink
	line               *line
	crowds             int // started so far
}

// metric is what a scenario measures. A goal is a bound: of the ratio of ours
// to theirs, or of ours alone.
type metric struct {
	name, unit string
	bound      float64
	atLeast    bool // else at most
	alone      bool // the bound is of ours alone
}

// goal says the bound in words of the table.
func (m metric) goal() string {
	relation, unit := "<=", " x"
	if m.atLeast {
		relation = ">="
	}
	if m.alone {
		unit = " " + m.unit
	}
	if m.bound == 0 {
		return ""
	}
	return fmt.Sprintf("%s %g%s", relation, m.bound, unit)
}

// scenario measures a program once; run returns one figure for each metric.
type scenario struct {
	name    string
	metrics []metric
	run     func(context.Context, *subject) ([]float64, error)
}

var scenarios = []scenario{
	{"ping", []metric{
		{name: "ping, 1 hop", unit: "ms", bound: 0.5},
		{name: "ping, 3 hops", unit: "ms", bound: 0.5},
	}, runPing},
	{"stream", []metric{
		{name: "stream, 1 hop", unit: "MB/s", bound: 12, atLeast: true},
		{name: "stream, 3 hops", unit: "MB/s", bound: 20, atLeast: true},
		{name: "stream, 1 hop: CPU of the nodes", unit: "ms/MB"},
		{name: "stream, 3 hops: CPU of the nodes", unit: "ms/MB"},
		{name: "QUIC alone, beside it", unit: "MB/s"},
		{name: "stream, 1 hop, to QUIC alone", unit: "x", bound: 0.5, atLeast: true, alone: true},
	}, runStream},
	{"load", []metric{
		{name: "ping over a saturated link", unit: "ms", bound: 20, alone: true},
		{name: "100 streams, slowest to mean", unit: "x", bound: 0.5, atLeast: true, alone: true},
	}, runLoad},
	{"cat", []metric{{name: "cat, 2 hops", unit: "ms", bound: 1. / 50}}, runCat},
	{"units", []metric{
		{name: "cat, 2 hops, 8 at a time", unit: "units/s", bound: 50, atLeast: true},
		{name: "the same, with their release", unit: "units/s"},
	}, runMany},
	{"result", []metric{{name: "large result, 2 hops", unit: "MB/s", bound: 15, atLeast: true}}, runResult},
	{"crowd", []metric{
		{name: "40 nodes, 58 links: all routes", unit: "ms", bound: 0.2},
		{name: "40 nodes, idle: CPU", unit: "ms/s", bound: 0.2},
		{name: "40 nodes: memory of each", unit: "MiB", bound: 0.5},
	}, runCrowdOnce},
}

func runPing(ctx context.Context, s *subject) ([]float64, error) {
	var figures []float64
	for _, target := range []string{"n1", "n3"} {
		ms, err := s.line.pings(ctx, target, s.sizes.Pings)
		if err != nil {
			return nil, err
		}
		figures = append(figures, ms)
	}
	return figures, nil
}

func runStream(ctx context.Context, s *subject) ([]float64, error) {
	var rates, costs []float64
	for _, addr := range []string{s.line.near, s.line.far} {
		var used time.Duration
		bytes, took, err := s.flood(ctx, addr, 1, func() (err error) {
			used, err = usedDuring(s.line.nodes, func() error { return pause(ctx, s.sizes.Stream) })
			return err
		})
		if err != nil {
			return nil, err
		}
		megabytes := float64(bytes[0]) / 1e6
		rates = append(rates, megabytes/took.Seconds())
		costs = append(costs, used.Seconds()*1e3/max(megabytes, 1e-6))
	}
	alone, err := quicAlone(ctx, s.sizes.Stream)
	if err != nil {
		return nil, err
	}
	return append(append(rates, costs...), alone/1e6, rates[0]*1e6/alone), nil
}

// flood runs streams, and counts what they bring while do runs, once they are
// past their slow start.
func (s *subject) flood(ctx context.Context, addr string, streams int, do func() error) ([]int64, time.Duration, error) {
	f, err := s.sink.startFlood(ctx, addr, streams)
	if err != nil {
		return nil, 0, err
	}
	defer f.stop()
	if err := pause(ctx, time.Second); err != nil {
		return nil, 0, err
	}
	return f.during(do)
}

func runLoad(ctx context.Context, s *subject) ([]float64, error) {
	var pings []float64
	_, _, err := s.flood(ctx, s.line.near, 1, func() error {
		for range s.sizes.Pings {
			ms, err := s.line.ping(ctx, "n1")
			if err != nil {
				return err
			}
			pings = append(pings, ms)
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	bytes, _, err := s.flood(ctx, s.line.near, 100, func() error { return pause(ctx, s.sizes.Stream) })
	if err != nil {
		return nil, err
	}
	var sum int64
	for _, b := range bytes {
		sum += b
	}
	return []float64{median(pings), float64(slices.Min(bytes)) * float64(len(bytes)) / float64(max(sum, 1))}, nil
}

var cat = unit{worktype: "cat", stdin: []byte("a line of input\n"), size: 16}

func runCat(ctx context.Context, s *subject) ([]float64, error) {
	took, err := cat.runAndRelease(ctx, s.line)
	return []float64{took.Seconds() * 1e3}, err
}

func runMany(ctx context.Context, s *subject) ([]float64, error) {
	rate, released, err := runUnits(ctx, s.line, cat, s.sizes.Units, 8)
	return []float64{rate, released}, err
}

func runResult(ctx context.Context, s *subject) ([]float64, error) {
	u := unit{worktype: "head", params: fmt.Sprintf("-c %d /dev/zero", s.sizes.Result), size: s.sizes.Result}
	took, err := u.runAndRelease(ctx, s.line)
	return []float64{float64(u.size) / 1e6 / took.Seconds()}, err
}

func runCrowdOnce(ctx context.Context, s *subject) ([]float64, error) {
	s.crowds++
	r, err := runCrowd(ctx, s.program, filepath.Join(s.dir, fmt.Sprint("c", s.crowds)), s.sizes.Idle)
	return []float64{
		r.routes.Seconds() * 1e3,
		r.cpu.Seconds() * 1e3 / s.sizes.Idle.Seconds(),
		float64(r.memory) / (1 << 20),
	}, err
}
