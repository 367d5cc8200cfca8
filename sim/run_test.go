package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

func parse(t *testing.T, text string) *scenario.File {
	t.Helper()
	f, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func run(t *testing.T, s *scenario.Scenario, opts Options) Report {
	t.Helper()
	r, err := Run(s, s.Seed, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func resolve(t *testing.T, f *scenario.File, seed uint64) *scenario.Scenario {
	t.Helper()
	s, err := f.Resolve(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// busy is a scenario in which everything that is random is drawn.
const busy = `
name: busy
for: 40s
generate: {kind: random-regular, nodes: 16, cost: 1..5, delay: 1ms..20ms, jitter: 5ms, loss: 0..0.1}
nodes: [x, y]
links:
  - {from: x, to: n01, backend: udp, delay: 5ms, jitter: 20ms, loss: {forward: 0.01..0.1, back: 0}}
  - {from: y, to: n02, delay: {forward: 1ms..9ms, back: 1ms..9ms}}
  - {from: x, to: y}
workload:
  pings: [{pairs: 10, at: 1s, every: 700ms, count: 40}]
  datagrams: [{pairs: 5, every: 900ms, count: 30, size: 100, hops: 3}]
timeline:
  - {at: 10s, link: [x, y], do: down}
  - {at: 20s, link: [x, n01], do: down}
  - {at: 25s, link: [y, x], do: up}
`

func TestSameSeedSameTrace(t *testing.T) {
	t.Parallel()
	f := parse(t, busy)
	first := run(t, resolve(t, f, 7), Options{})
	again := run(t, resolve(t, f, 7), Options{Trace: new(bytes.Buffer), Wall: func() time.Duration { return time.Hour }})
	if first.TraceHash != again.TraceHash || first.Events != again.Events {
		t.Errorf("two runs with one seed: %d events, hash %s, and %d events, hash %s",
			first.Events, first.TraceHash, again.Events, again.TraceHash)
	}
	other := run(t, resolve(t, f, 8), Options{})
	if first.TraceHash == other.TraceHash {
		t.Error("another seed gave the same trace")
	}
	s := resolve(t, f, 7)
	sameMesh, err := Run(s, 8, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if first.TraceHash == sameMesh.TraceHash {
		t.Error("another seed on the same mesh gave the same trace")
	}
}

func TestResolvedFileReplays(t *testing.T) {
	t.Parallel()
	want := run(t, resolve(t, parse(t, busy), 7), Options{})
	text := resolve(t, parse(t, busy), 7).Encode("written out")
	f := parse(t, string(text))
	if f.Seed() != 7 {
		t.Fatalf("the resolved file has seed %d, not that of the run, 7", f.Seed())
	}
	got := run(t, resolve(t, f, f.Seed()), Options{})
	if got.TraceHash != want.TraceHash {
		t.Errorf("the resolved file gave hash %s, the original %s:\n%s", got.TraceHash, want.TraceHash, text)
	}
}

// soonRun is the number of nodes up to which a mesh runs in about a second. Of
// larger ones, the tests read the files only.
const soonRun = 500

func TestShippedTopologies(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../topologies/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d topologies: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := scenario.Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			s := resolve(t, f, f.Seed())
			if want := strings.TrimSuffix(filepath.Base(path), ".yaml"); s.Name != want || s.Description == "" {
				t.Errorf("it is called %q and described as %q, want %q and something", s.Name, s.Description, want)
			}
			if parts := s.Parts(); len(parts) != 1 {
				t.Errorf("the mesh is in %d parts", len(parts))
			}
			if len(s.Nodes) > soonRun {
				return
			}
			r := run(t, s, Options{})
			for _, v := range r.Violations {
				t.Error(v)
			}
			if r.ConvergedAtSeconds == nil {
				t.Error("it has not converged")
			}
			if !r.Quiet {
				t.Errorf("it ends before the mesh was quiet for the bound of %v: nothing was checked", r.Bound)
			}
			if r.Figures.Pings.Sent == 0 {
				t.Error("it sends no pings")
			}
		})
	}
}

func TestLargeShippedTopologies(t *testing.T) {
	t.Parallel()
	for path, nodes := range map[string]int{"../topologies/random-1000.yaml": 1000, "../topologies/random-10000.yaml": 10_000} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := scenario.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		if s := resolve(t, f, f.Seed()); len(s.Nodes) != nodes || len(s.Links) != 2*nodes {
			t.Errorf("%s: %d nodes, %d links, want %d and twice as many", path, len(s.Nodes), len(s.Links), nodes)
		}
	}
}

// Failures that do not end must be noticed, by silence alone on a UDP-like
// link, and nodes that are cut off must be forgotten.
func TestFailuresThatLast(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"silent link": `
for: 60s
nodes: [a, b, c]
links: [{from: a, to: b, backend: udp}, {from: b, to: c, backend: udp}, {from: c, to: a, backend: udp}]
timeline: [{at: 10s, link: [a, b], do: down}]
`,
		"departed nodes": `
for: 200s
nodes: [a, b, c, d]
links: [{from: a, to: b}, {from: b, to: c}, {from: c, to: d}]
timeline: [{at: 10s, link: [b, c], do: down}]
`,
	} {
		r := run(t, resolve(t, parse(t, text), 1), Options{})
		if !r.Quiet || r.ConvergedAtSeconds == nil || len(r.Violations) > 0 {
			t.Errorf("%s: quiet %v, converged at %v, violations %v", name, r.Quiet, r.ConvergedAtSeconds, r.Violations)
		}
	}
}

func TestExpectationsAreJudged(t *testing.T) {
	t.Parallel()
	// The ring is broken twice: c is cut off, and pings of it are lost.
	const cut = `
for: 30s
nodes: [a, b, c]
links: [{from: a, to: b, delay: 10ms}, {from: b, to: c, delay: 10ms}, {from: c, to: a, delay: 10ms}]
workload: {pings: [{from: a, to: c, at: 1s, every: 1s, count: 15}]}
timeline: [{at: 10s, link: [b, c], do: down}, {at: 10s, link: [a, c], do: down}]
`
	for _, c := range []struct {
		name, expect string
		rules        []check.Rule
	}{
		{"nothing is expected", "", nil},
		{"pings may be lost", "expect: {lost_pings: 6}", nil},
		{"pings are lost", "expect: {lost_pings: 5}", []check.Rule{check.RuleLostPings}},
		{"a departed node is still on record", "expect: {converged_within: 15s}", []check.Rule{check.RuleConverged}},
		{"a mesh cannot converge at once", "expect: {converged_within: 1ms}", []check.Rule{check.RuleConverged, check.RuleConverged}},
	} {
		r := run(t, resolve(t, parse(t, cut+c.expect), 1), Options{})
		var rules []check.Rule
		for _, v := range r.Violations {
			rules = append(rules, v.Rule)
		}
		if len(rules) != len(c.rules) || len(rules) > 0 && rules[0] != c.rules[0] {
			t.Errorf("%s: violations %v, want %v", c.name, r.Violations, c.rules)
		}
	}
}

func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	var clock time.Duration
	wall := func() time.Duration { clock += 250 * time.Millisecond; return clock }
	s := resolve(t, parse(t, "nodes: [a, b]\nlinks: [{from: a, to: b, delay: 5ms}]\n"), 3)
	text, err := json.Marshal(run(t, s, Options{For: 15 * time.Second, Wall: wall}))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"seed": 3.0, "engine": "core", "nodes": 2.0, "links": 1.0, "virtual_seconds": 15.0, "wall_seconds": 0.25,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if v, ok := got["violations"].([]any); !ok || len(v) != 0 {
		t.Errorf("violations are %v, want an empty list", got["violations"])
	}
	if at, ok := got["converged_at_seconds"].(float64); !ok || at <= 0 || at > 1 {
		t.Errorf("converged_at_seconds is %v", got["converged_at_seconds"])
	}
	if len(got) != 10 {
		t.Errorf("the report has %d keys, want 10: %s", len(got), text)
	}
}

func TestTraceIsLinesOfJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := resolve(t, parse(t, "nodes: [a, b]\nlinks: [{from: a, to: b}]\nworkload: {pings: [{from: a, to: b, at: 5s}]}"), 1)
	r := run(t, s, Options{Trace: &out})
	kinds := map[string]int{}
	for text := range strings.Lines(out.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		kinds[l.Event]++
	}
	for _, kind := range []string{"dial", "accept", "dialed", "frame", "timer", "ping", "mesh.LinkUp", "mesh.RoutesChanged"} {
		if kinds[kind] == 0 {
			t.Errorf("the trace has no event %q, only %v", kind, kinds)
		}
	}
	hashed := 0
	for kind, n := range kinds {
		if !strings.HasPrefix(kind, "mesh.") {
			hashed += n
		}
	}
	if uint64(hashed) != r.Events {
		t.Errorf("the trace has %d events, the report says %d", hashed, r.Events)
	}
}

type fullDisk struct{}

var errFull = errors.New("disk is full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestTraceThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	s := resolve(t, parse(t, "nodes: [a]"), 1)
	if _, err := Run(s, 1, Options{Trace: fullDisk{}}); !errors.Is(err, errFull) {
		t.Errorf("error is %v, want %v", err, errFull)
	}
}

func TestScenarioIsCheckedBeforeItRuns(t *testing.T) {
	t.Parallel()
	s := &scenario.Scenario{For: time.Second, Nodes: []scenario.Node{{ID: "a"}, {ID: "a"}}}
	if _, err := Run(s, 1, Options{}); err == nil || !strings.Contains(err.Error(), `node "a" is there twice`) {
		t.Errorf("error is %v", err)
	}
}

func TestCoreEngineRefusesWhatItLacks(t *testing.T) {
	s := &scenario.Scenario{
		For: time.Second, Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}},
		Links: []scenario.Link{{From: "a", To: "b", Backend: scenario.TCP, Cost: 1}},
		Units: []scenario.Unit{{From: "a", To: "b"}},
	}
	for range 2 {
		if _, err := Run(s, 1, Options{}); err == nil || !strings.Contains(err.Error(), "want the full engine") {
			t.Errorf("error %v, want one that names the full engine", err)
		}
		s.Units = nil
		s.Timeline = []scenario.Action{{Do: scenario.Crash, Node: "a", When: scenario.When{Count: 1}}}
	}
}
