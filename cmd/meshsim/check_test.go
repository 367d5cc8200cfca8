package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sometimes fails with some seeds: the mesh is slower than is expected of it.
const sometimes = `
for: 3s
nodes: [a, b, c]
links: [{from: a, to: b, delay: 1ms..100ms}, {from: b, to: c, delay: 1ms}]
workload: {datagrams: [{from: a, to: c, at: 2s, hops: 1}]}
expect: {converged_within: 450ms}
`

// onTerminal runs one command line whose output a person looks at.
func onTerminal(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	clock := time.Duration(0)
	a := app{
		stdout: &out, stderr: &errs, terminal: func(io.Writer) bool { return true },
		wall: func() time.Duration { return clock },
	}
	code = a.main(ctx, args)
	return code, out.String(), errs.String()
}

func readLines(t *testing.T, text string) (lines []checkLine) {
	t.Helper()
	for text := range strings.Lines(text) {
		var l checkLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		lines = append(lines, l)
	}
	return lines
}

func TestCheckPrintsLinesOfJSON(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	path := write(t, sometimes)
	code, stdout, stderr := meshsim("check", path, "--seeds", "0:40", "--no-faults", "--out", out)
	if code != exitViolated {
		t.Fatalf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	lines := readLines(t, stdout)
	for i, l := range lines {
		last := i == len(lines)-1
		if l.File != path || l.Seed != uint64(i) || l.OK == last || l.Events == 0 || len(l.TraceHash) != 32 || l.VirtualSeconds != 3 {
			t.Errorf("line %d is %+v", i, l)
		}
		if l.Probes["hop-limit-reached"] != 1 || l.Violations == nil || (l.Scenario != "") != last {
			t.Errorf("line %d: probes %v, violations %v, scenario %q", i, l.Probes, l.Violations, l.Scenario)
		}
	}
	for _, want := range []string{
		path + " with seed ", "converged: the mesh took", "small     2 nodes, 1 link, 0 actions, made from 3 nodes, 2 links, 0 actions, 1 series",
		"replay    meshsim run " + out, "stopped after ", "hop-limit-reached            ", "never reached:\n", "  epoch-rollback-seen\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("there is no %q in\n%s", want, stderr)
		}
	}
}

// Nothing fails in these runs: the folder is tried before the first of them.
func TestCheckTriesTheFolderOfFailures(t *testing.T) {
	t.Parallel()
	path := write(t, sometimes)
	out := filepath.Join(path, "failures")
	code, stdout, stderr := meshsim("check", path, "--seeds", "0:1", "--no-faults", "--out", out)
	if want := "meshsim: --out " + out + ": "; code != exitBadInput || stdout != "" || !strings.HasPrefix(stderr, want) {
		t.Errorf("a folder within a file: exit code %d, %s, %q; want %q", code, stdout, stderr, want)
	}
	top := t.TempDir()
	code, _, stderr = meshsim("check", path, "--seeds", "0:1", "--no-faults", "--out", filepath.Join(top, "a", "b"))
	if code != exitOK {
		t.Errorf("a folder that can be made: exit code %d, %s", code, stderr)
	}
	if left, err := os.ReadDir(top); err != nil || len(left) != 0 {
		t.Errorf("without a failure, %v is left there, %v", left, err)
	}
}

func TestFailureReplaysAlone(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	_, stdout, _ := onTerminal(t.Context(), "check", write(t, sometimes), "--seeds", "0:40", "--no-faults", "--out", out)
	replay := regexp.MustCompile(`meshsim run (\S+)\n`).FindStringSubmatch(stdout)
	if replay == nil {
		t.Fatalf("no command that replays it in\n%s", stdout)
	}
	text, err := os.ReadFile(replay[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Violated: ", "\n# Found by: meshsim check ", " --no-faults\n# Made small: 2 nodes", "\n# Replay: meshsim run " + replay[1] + "\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	code, shown, stderr := meshsim("run", replay[1])
	if code != exitViolated || stderr != "" {
		t.Fatalf("its replay: exit code %d, %s%s", code, shown, stderr)
	}
	for _, want := range []string{"mesh: converged: the mesh took", "\nlast events of the mesh before its first violation\n", " LinkUp{Peer:"} {
		if !strings.Contains(shown, want) {
			t.Errorf("there is no %q in\n%s", want, shown)
		}
	}
	if _, shown, _ := meshsim("run", replay[1], "--history", "0"); strings.Contains(shown, "last events") {
		t.Errorf("a history that nobody wants:\n%s", shown)
	}
}

func TestCheckOnATerminal(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := onTerminal(t.Context(), "check", write(t, small), "--seeds", "5:8", "--no-faults")
	if code != exitOK || !strings.HasPrefix(stdout, "3 runs, 0 failed, ") || strings.Contains(stdout, "{") {
		t.Errorf("exit code %d, stdout\n%s", code, stdout)
	}
	if !strings.HasSuffix(stderr, "\r\x1b[K") {
		t.Errorf("the line of progress is not cleared: %q", stderr)
	}
	code, stdout, _ = onTerminal(t.Context(), "check", write(t, small), "--seeds", "5:8", "--no-faults", "--json")
	if lines := readLines(t, stdout); code != exitOK || len(lines) != 3 {
		t.Errorf("exit code %d, stdout\n%s", code, stdout)
	}
}

func TestKeepGoing(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	args := []string{"check", write(t, sometimes), write(t, small), "--seeds", "0:40", "--no-faults", "--keep-going", "--out", out, "--shrink", "0"}
	code, stdout, stderr := meshsim(args...)
	lines := readLines(t, stdout)
	failed := 0
	for _, l := range lines {
		if l.OK {
			continue
		}
		failed++
		if _, err := os.Stat(l.Scenario); err != nil {
			t.Errorf("seed %d: %v", l.Seed, err)
		}
	}
	if code != exitViolated || len(lines) != 80 || failed < 5 || strings.Contains(stderr, "small   ") {
		t.Errorf("exit code %d, %d lines, %d failed:\n%s", code, len(lines), failed, stderr)
	}
	total := 0
	for _, shard := range []string{"1/3", "2/3", "3/3"} {
		_, stdout, _ := meshsim(append(args, "--shard", shard)...)
		total += len(readLines(t, stdout))
	}
	if total != 80 {
		t.Errorf("three shards have %d runs, want 80", total)
	}
}

func TestCheckIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := onTerminal(ctx, "check", write(t, small), "--seeds", "0:1000")
	if code != exitBadInput || !strings.HasPrefix(stdout, "interrupted after 0 of 1000 runs, 0 failed") || strings.Contains(stderr, "canceled") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestCheckExplainsBadInput(t *testing.T) {
	t.Parallel()
	good := write(t, small)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "scenario file is missing"},
		{[]string{"no-such-file.yaml"}, "no-such-file.yaml: no such file"},
		{[]string{good, "--engine", "fast"}, `engine "fast" is not available: core and full are`},
		{[]string{good, "--seeds", "7"}, `--seeds "7": two numbers`},
		{[]string{good, "--shard", "4"}, `--shard "4": write I/N`},
		{[]string{good, "--shard", "5/4"}, `--shard "5/4": write I/N`},
		{[]string{good, "--shard", "0/0"}, `--shard "0/0": write I/N`},
		{[]string{good, "--jobs", "-1"}, "--jobs -1: it must not be negative"},
		{[]string{good, "--shrink", "-1"}, "--shrink -1: it must not be negative"},
		{[]string{good, "extra", "--seeds", "0:1"}, "extra: no such file"},
	} {
		code, stdout, stderr := meshsim(append([]string{"check"}, c.args...)...)
		if code != exitBadInput || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want 2 and %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := meshsim("run", write(t, small), "--twice")
	if code != exitOK || !strings.Contains(stdout, "violations  none") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
