package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/shrink"
)

func parse(t *testing.T, path, text string) File {
	t.Helper()
	f, err := scenario.Parse(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return File{path, f}
}

// sometimes is a mesh that for some seeds is slower than is expected of it.
const sometimes = `
for: 3s
nodes: [a, b, c]
links: [{from: a, to: b, delay: 1ms..100ms}, {from: b, to: c, delay: 1ms}]
expect: {converged_within: 450ms}
`

const never = `
for: 3s
nodes: [a, b]
links: [{from: a, to: b}]
`

// collect returns the results of a campaign as text.
func collect(t *testing.T, c Campaign) (results []string) {
	t.Helper()
	err := c.Run(t.Context(), func(r Result) error {
		results = append(results, fmt.Sprintf("%s %d %v %s", r.File.Path, r.Seed, r.Failed(), r.Report.TraceHash))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func failed(result string) bool { return strings.Contains(result, " true ") }

func TestSeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seeds Seeds
		want  []uint64
	}{
		{Seeds{From: 3, To: 7}, []uint64{3, 4, 5, 6}},
		{Seeds{From: 7, To: 7}, nil},
		{Seeds{From: 8, To: 7}, nil},
		{Seeds{From: 0, To: 10, Shard: 1, Shards: 4}, []uint64{1, 5, 9}},
		{Seeds{From: 0, To: 10, Shard: 4, Shards: 4}, []uint64{0, 4, 8}},
		{Seeds{From: 0, To: 10, Shard: 0, Shards: 4}, []uint64{0, 4, 8}},
		{Seeds{From: 2, To: 10, Shard: 1, Shards: 4}, []uint64{5, 9}},
		{Seeds{From: 2, To: 5, Shard: 1, Shards: 4}, nil},
	} {
		c2 := Campaign{Files: []File{{}}, Seeds: c.seeds}
		var got []uint64
		for i := range c2.Runs() {
			_, seed := c2.job(i)
			got = append(got, seed)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v are %d, want %d", c.seeds, got, c.want)
		}
	}
}

func TestResultsComeInOrderOfSeeds(t *testing.T) {
	t.Parallel()
	c := Campaign{
		Files: []File{parse(t, "s", sometimes), parse(t, "n", never)},
		Seeds: Seeds{From: 10, To: 40}, Jobs: 4, KeepGoing: true,
	}
	got := collect(t, c)
	if len(got) != 60 || !strings.HasPrefix(got[0], "s 10 ") || !strings.HasPrefix(got[1], "n 10 ") || !strings.HasPrefix(got[59], "n 39 ") {
		t.Fatalf("results are %q", got)
	}
	if !slices.ContainsFunc(got, failed) {
		t.Error("nothing has failed: the test shows nothing")
	}
	c.Jobs = 1
	if again := collect(t, c); !slices.Equal(got, again) {
		t.Errorf("on four cores the results are\n%q\non one\n%q", got, again)
	}
	// Shards add up to all.
	var shards []string
	c.Jobs = 2
	for i := range uint64(3) {
		c.Seeds.Shard, c.Seeds.Shards = i, 3
		shards = append(shards, collect(t, c)...)
	}
	slices.Sort(shards)
	slices.Sort(got)
	if !slices.Equal(got, shards) {
		t.Errorf("the results of three shards are\n%q\nand all\n%q", shards, got)
	}
}

// Whatever the number of cores, the first failure is the last result, and all
// before it are there.
func TestStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	c := Campaign{Files: []File{parse(t, "n", never), parse(t, "s", sometimes)}, Seeds: Seeds{From: 0, To: 200}, KeepGoing: true}
	all := collect(t, c)
	want := all[:1+slices.IndexFunc(all, failed)]
	if len(want) < 3 {
		t.Fatalf("the first failure comes too early to show anything: %q", want)
	}
	c.KeepGoing = false
	for jobs := 1; jobs <= 8; jobs *= 2 {
		c.Jobs = jobs
		if got := collect(t, c); !slices.Equal(got, want) {
			t.Errorf("with %d jobs the results are\n%q\nwant\n%q", jobs, got, want)
		}
	}
}

func TestErrorsEndACampaign(t *testing.T) {
	t.Parallel()
	c := Campaign{Files: []File{parse(t, "n", never)}, Seeds: Seeds{To: 1000}, Jobs: 3}
	full := errors.New("disk is full")
	told := 0
	err := c.Run(t.Context(), func(Result) error {
		told++
		if told == 5 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || told != 5 {
		t.Errorf("error %v after %d results, want %v after 5", err, told, full)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told = 0
	err = c.Run(ctx, func(Result) error {
		if told++; told == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || told < 3 || told == 1000 {
		t.Errorf("error %v after %d results", err, told)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	f := parse(t, "ring", `
for: 60s
generate: {kind: ring, nodes: 8}
nodes: [alone]
timeline: [{at: 50s, do: down, link: [n1, n2]}, {at: 60s, do: up, link: [n1, n2]}]
expect: {converged_within: 1ns, lost_pings: 0}
`)
	whole, parts, lasting := 0, 0, 0
	for seed := range uint64(200) {
		s, err := Plan(Core{}, f.File, seed, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		last := s.Timeline[len(s.Timeline)-1]
		if last.Do != scenario.Settle || last.At != time.Minute || len(last.Nodes) == 0 || !slices.IsSorted(last.Nodes) {
			t.Fatalf("seed %d: the last action is %v", seed, last)
		}
		if len(last.Nodes) == 9 {
			whole++
		} else {
			parts++
			if !connected(s, last.Nodes) {
				t.Errorf("seed %d: the core %v is not connected", seed, last.Nodes)
			}
		}
		for _, a := range s.Timeline[:len(s.Timeline)-1] {
			if a.At >= s.For {
				t.Errorf("seed %d: %v comes after the end", seed, a)
			}
			if a.At+a.For > s.For {
				lasting++
			}
		}
		if s.Expect != (scenario.Expect{LostPings: -1, Converges: true}) {
			t.Errorf("seed %d expects %+v", seed, s.Expect)
		}
		again, _ := Plan(Core{}, f.File, seed, true)
		if string(again.Encode("")) != string(s.Encode("")) {
			t.Errorf("seed %d has two plans", seed)
		}
		plain, _ := Plan(Core{}, f.File, seed, false)
		if resolved, _ := f.Resolve(seed); string(plain.Encode("")) != string(resolved.Encode("")) {
			t.Errorf("seed %d without faults is not the file itself", seed)
		}
	}
	if whole < 70 || parts < 70 || lasting < 20 {
		t.Errorf("%d cores are the whole mesh, %d are parts, %d faults outlast the end", whole, parts, lasting)
	}
}

// connected reports whether there is a way between all nodes of a core in it.
func connected(s *scenario.Scenario, core []string) bool {
	reached := map[string]bool{core[0]: true}
	for range core {
		for _, l := range s.Links {
			if slices.Contains(core, l.From) && slices.Contains(core, l.To) && (reached[l.From] || reached[l.To]) {
				reached[l.From], reached[l.To] = true, true
			}
		}
	}
	return len(reached) == len(core)
}

// A file's own faults are left as they are.
func TestPlanKeepsTheFaultsOfAFile(t *testing.T) {
	t.Parallel()
	f := parse(t, "own", "nodes: [a, b]\nlinks: [{from: a, to: b}]\nfaults: {kinds: [flap], rate: 1, until: 20s}")
	s, err := Plan(Core{}, f.File, 3, true)
	if err != nil {
		t.Fatal(err)
	}
	resolved, _ := f.Resolve(3)
	if n := len(resolved.Timeline); n == 0 || len(s.Timeline) != n+1 || s.Timeline[0].String() != resolved.Timeline[0].String() {
		t.Errorf("timeline %v, that of the file is %v", s.Timeline, resolved.Timeline)
	}
}

func TestSmallest(t *testing.T) {
	t.Parallel()
	f := parse(t, "f", `
for: 20s
generate: {kind: ring, nodes: 10, delay: 5ms}
workload: {pings: [{pairs: 5, at: 1s, count: 10}]}
timeline: [{at: 5s, do: down, link: [n01, n02]}, {at: 9s, do: up, link: [n01, n02]}]
expect: {converged_within: 1ms}
`)
	s, err := f.Resolve(1)
	if err != nil {
		t.Fatal(err)
	}
	small, runs := Smallest(t.Context(), Core{}, s, check.RuleConverged, shrink.Options{})
	if runs == 0 || len(small.Nodes) > 2 || len(small.Pings)+len(small.Timeline) > 0 {
		t.Errorf("after %d runs there is\n%s", runs, small.Encode(""))
	}
	r, err := sim.Run(small, small.Seed, sim.Options{})
	if err != nil || len(r.Violations) == 0 || r.Violations[0].Rule != check.RuleConverged {
		t.Errorf("it gives %v, %v", r.Violations, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	same, _ := Smallest(stopped, Core{}, s, check.RuleConverged, shrink.Options{})
	if string(same.Encode("")) != string(s.Encode("")) {
		t.Error("it went on although it was told to stop")
	}
}

func TestRunsThatDiffer(t *testing.T) {
	t.Parallel()
	s, err := parse(t, "n", never).Resolve(32)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Check(t.Context(), Core{}, s, Options{})
	if err != nil || len(r.Violations) > 0 {
		t.Errorf("%v, %v", r.Violations, err)
	}
	v := check.ReplayDiffers(3*time.Second, 7, "abc", 8, "def")
	const want = "3.000000s mesh: replay: the same scenario and seed gave 7 events with trace hash abc, and then 8 with def"
	if v.String() != want {
		t.Errorf("violation %q, want %q", v, want)
	}
}
