package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"receptor/internal/version"
	"receptor/sim/scenario"
)

// meshsim runs one command line.
func meshsim(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	a := app{stdout: &out, stderr: &errs, wall: func() time.Duration { return 0 }, terminal: func(io.Writer) bool { return false }}
	code = a.main(context.Background(), args)
	return code, out.String(), errs.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mesh.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

const small = `
name: small
for: 10s
nodes: [a, b]
links: [{from: a, to: b, delay: 1ms..9ms}]
workload: {pings: [{from: a, to: b, at: 5s}], datagrams: [{from: a, to: b, at: 5s}]}
`

func TestBadInputIsExplained(t *testing.T) {
	t.Parallel()
	good := write(t, small)
	bad := write(t, "nodes: [a]\nlinkz: []\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "no command"},
		{[]string{"rum"}, `unknown command "rum"`},
		{[]string{"run"}, "scenario file is missing"},
		{[]string{"run", good, good}, "one scenario file is expected, not 2"},
		{[]string{"run", "no-such-file.yaml"}, "no-such-file.yaml: no such file"},
		{[]string{"run", bad}, bad + `:2: scenario: unknown key "linkz" (did you mean "links"?)`},
		{[]string{"run", good, "--engine", "quick"}, `engine "quick" is not available`},
		{[]string{"run", good, "--engine", "full", "--html", "x"}, "--html is for the core engine"},
		{[]string{"run", good, "--seed", "x"}, `invalid argument "x" for "--seed" flag: want a whole number from 0 to 18446744073709551615`},
		{[]string{"run", good, "--seed", "18446744073709551616"}, "want a whole number from 0 to 18446744073709551615"},
		{[]string{"run", good, "--for", "999999h"}, "--for 999999h0m0s: a run can take 87600h0m0s at most"},
		{[]string{"run", write(t, "for: 87601h\nnodes: [a]\n")}, "a run of 87601h0m0s is too long: want 87600h0m0s at most"},
		{[]string{"run", good, "--sead", "1"}, "unknown flag: --sead"},
		{[]string{"run", good, "--for", "0s"}, "a run must take longer"},
		{[]string{"run", good, "--seeds", "4:4"}, `--seeds "4:4": two numbers A:B are needed`},
		{[]string{"run", good, "--seeds", "0:4", "--seed", "1"}, "--seed is for one run, --seeds for many"},
		{[]string{"run", good, "--seeds", "0:4", "--trace", "x"}, "--trace is for one run"},
		{[]string{"run", good, "--seeds", "0:4", "--jobs", "-1"}, "--jobs -1: it must not be negative"},
		{[]string{"run", good, "--jobs", "2"}, "--jobs is for the runs of --seeds"},
		{[]string{"run", good, "--trace", t.TempDir()}, "write trace"},
		{[]string{"run", good, "--html", t.TempDir()}, "write page"},
		{[]string{"run", good, "--resolved", t.TempDir()}, "write resolved scenario"},
		{[]string{"gen"}, "kind of topology is missing"},
		{[]string{"gen", "rnig", "--nodes", "3"}, `no kind of topology "rnig"`},
		{[]string{"gen", "ring"}, "--nodes is missing"},
		{[]string{"gen", "fat-tree"}, "--nodes is missing"},
		{[]string{"gen", "fat-tree", "--degree", "3"}, "degree 3 is odd"},
		{[]string{"gen", "line", "--nodes", "3", "--beta", "0.5"}, "generate line: this kind takes no beta"},
		{[]string{"gen", "erdos-renyi", "--nodes", "3", "--probability", "2"}, "probability 2 is not possible"},
		{[]string{"gen", "waxman", "--nodes", "3", "--alpha", "0"}, "--alpha 0: it must be above 0; leave it out"},
		{[]string{"gen", "ring", "--nodes", "2"}, "a ring needs at least 3 nodes"},
		{[]string{"gen", "ring", "--nodes", "3", "--cost", "0"}, `--cost: "0" is not a cost`},
		{[]string{"gen", "ring", "--nodes", "3", "--delay", "5", "--loss", "2"}, "--delay: 5 has no unit"},
		{[]string{"gen", "ring", "--nodes", "3", "--delay", "5", "--loss", "2"}, `--loss: "2" is not a loss`},
		{[]string{"gen", "ring", "--nodes", "3", "--backend", "ipx"}, "--backend ipx: tcp or udp are possible"},
		{[]string{"gen", "ring", "--nodes", "3", "--for", "-1s"}, "a run must take longer"},
	} {
		code, stdout, stderr := meshsim(c.args...)
		if code != exitBadInput || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want 2 and %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--version"}, version.Version},
		{[]string{"--help"}, "meshsim run FILE"},
		{[]string{"run", "--help"}, "--trace"},
		{[]string{"gen", "--help"}, "random-regular"},
		{[]string{"import", "--help"}, "--default-delay"},
	} {
		code, stdout, stderr := meshsim(c.args...)
		if code != exitOK || !strings.Contains(stdout, c.want) || stderr != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

func TestRunPrintsASummary(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := meshsim("run", write(t, small), "--seed", "4")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{
		"small\n", "2 nodes, 1 links, seed 4", "10s of virtual time", "converged   at ", "pings       1 sent, 1 answered",
		"datagrams   1 sent, 1 delivered", "violations  none",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

func TestViolationsAreExitCode1(t *testing.T) {
	t.Parallel()
	path := write(t, small+"expect: {converged_within: 1ns}\n")
	code, stdout, _ := meshsim("run", path, "--for", "5s")
	if code != exitViolated || !strings.Contains(stdout, "mesh: converged: the mesh took") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
	if want := "meshsim run " + path + " --seed 1 --for 5s"; !strings.Contains(stdout, want) {
		t.Errorf("the command that replays it, %q, is not in\n%s", want, stdout)
	}
	code, stdout, _ = meshsim("run", path, "--json")
	if code != exitViolated || !strings.Contains(stdout, `"rule":"converged"`) {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
}

// The resolved file, run on its own, is the same run.
func TestResolvedFileAndTrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	resolved, trace := filepath.Join(dir, "r.yaml"), filepath.Join(dir, "trace")
	hash := func(args ...string) string {
		code, stdout, stderr := meshsim(append([]string{"run", "--json"}, args...)...)
		var r struct {
			TraceHash string `json:"trace_hash"`
		}
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitOK {
			t.Fatalf("%q: exit code %d, %v: %s%s", args, code, err, stdout, stderr)
		}
		return r.TraceHash
	}
	first := hash(write(t, small), "--seed", "9", "--resolved", resolved, "--trace", trace)
	if again := hash(resolved); again != first {
		t.Errorf("the resolved file has hash %s, the original %s", again, first)
	}
	text, err := os.ReadFile(trace)
	if err != nil || !strings.HasPrefix(string(text), `{"t":0.000000000,"event":"dial","node":"a","peer":"b"}`+"\n") {
		t.Errorf("trace begins with %.100q (%v)", text, err)
	}
}

func TestGenPrintsAFileThatRuns(t *testing.T) {
	t.Parallel()
	for _, kind := range scenario.Kinds() {
		args := []string{"gen", string(kind), "--nodes", "10", "--seed", "3", "--cost", "1..4", "--delay", "1ms..5ms", "--for", "5s"}
		code, text, stderr := meshsim(args...)
		if code != exitOK {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
			continue
		}
		if want := "# Made by: meshsim gen " + string(kind) + " --nodes 10 --seed 3 "; !strings.HasPrefix(text, want) {
			t.Errorf("%s: the file begins with %.80q, want %q", kind, text, want)
		}
		if code, stdout, stderr := meshsim("run", write(t, text)); code != exitOK {
			t.Errorf("%s: exit code %d: %s%s", kind, code, stdout, stderr)
		}
		if _, again, _ := meshsim(args...); again != text {
			t.Errorf("%s: the same command printed two files", kind)
		}
	}
}

// Each flag of a kind must arrive in the topology.
func TestGenFlagsOfKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args        string
		name        string
		nodes       int
		links       int
		longestLink time.Duration // the least that it takes; 0: not looked at
	}{
		{"tree --nodes 13 --degree 3", "tree-13", 13, 12, 0},
		{"fat-tree --degree 4", "fat-tree-36", 36, 48, 0},
		{"fat-tree --nodes 30 --degree 4 --name dc", "dc", 30, 42, 0},
		{"barabasi-albert --nodes 20 --degree 1", "barabasi-albert-20", 20, 19, 0},
		{"erdos-renyi --nodes 20 --probability 1", "erdos-renyi-20", 20, 190, 0},
		{"waxman --nodes 20 --alpha 1 --beta 1000 --side 20000 --delay 0s", "waxman-20", 20, 190, 50 * time.Millisecond},
	} {
		code, text, stderr := meshsim(append([]string{"gen"}, strings.Fields(c.args)...)...)
		if code != exitOK {
			t.Errorf("%s: exit code %d: %s", c.args, code, stderr)
			continue
		}
		f, err := scenario.Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Resolve(1)
		if err != nil {
			t.Fatal(err)
		}
		longest := time.Duration(0)
		for _, l := range s.Links {
			longest = max(longest, l.Forward.Delay)
		}
		if s.Name != c.name || len(s.Nodes) != c.nodes || len(s.Links) != c.links || longest < c.longestLink {
			t.Errorf("%s: %s has %d nodes, %d links of up to %v; want %s, %d, %d, %v or more",
				c.args, s.Name, len(s.Nodes), len(s.Links), longest, c.name, c.nodes, c.links, c.longestLink)
		}
		if want := "# Made by: meshsim gen " + strings.Fields(c.args)[0] + " --"; !strings.HasPrefix(text, want) {
			t.Errorf("%s: the file begins with %.60q", c.args, text)
		}
	}
}

func TestRunWritesAPage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.html")
	scenario := write(t, small)
	if code, _, stderr := meshsim("run", scenario, "--html", path, "--seed", "7"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>small: a simulated mesh</title>", "meshsim run " + scenario + " --seed 7 --for 10s", "</html>"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in the page", want)
		}
	}
}
