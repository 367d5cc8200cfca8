// Package planted shows that `meshsim check` finds bugs: it builds meshsim with
// bugs in the node, one at a time, and runs it. The bugs are in testdata: each
// file says what is wrong, and which text of which source file becomes which
// other one. They are build overlays, so there is nothing of them in the product.
package planted

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"receptor/sim/scenario"
)

var long = flag.Bool("long", false, "plant all bugs, not only the quick ones")

const root = "../.."

// Bounds within which a bug must be found, and of what is left of the scenario.
const (
	seeds    = 60
	maxNodes = 6
)

func TestPlantedBugsAreFound(t *testing.T) {
	bugs := readBugs(t, "testdata")
	if len(bugs) < 8 {
		t.Errorf("there are only %d bugs", len(bugs))
	}
	sound := build(t, "sound", nil)
	for _, b := range bugs {
		if !b.quick && !*long {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			dir := t.TempDir()
			program := build(t, b.name, b.flags)
			args := append([]string{"check", "--json", "--out", dir, "--seeds"}, fmt.Sprint("0:", seeds))
			code, out := meshsim(t, program, append(args, b.files...)...)
			if code != 1 {
				t.Fatalf("not found (exit code %d): %s", code, b.what)
			}
			found := last(t, out)
			if rule := found.Violations[0].Rule; !slices.Contains(b.rules, rule) {
				t.Errorf("it violates the rule %q, expected is one of %q: %s", rule, b.rules, found.Violations[0].Text)
			}
			s := parse(t, found.Scenario)
			t.Logf("%s: found by seed %d of %s (%s), %d nodes and %d actions are left",
				b.what, found.Seed, filepath.Base(found.File), found.Violations[0].Rule, len(s.Nodes), len(s.Timeline))
			if len(s.Nodes) > maxNodes {
				t.Errorf("%d nodes are left, at most %d are expected:\n%s", len(s.Nodes), maxNodes, s.Encode(""))
			}
			// Replay, with and without the bug. A run that cannot be repeated is
			// judged by two, and may be the same twice by chance.
			replay := []string{"run", found.Scenario, "--twice", "--history", "0"}
			tries := 1
			if found.Violations[0].Rule == "replay" {
				tries = 50
			}
			for code = 0; code != 1 && tries > 0; tries-- {
				code, out = meshsim(t, program, replay...)
			}
			if code != 1 {
				t.Errorf("its scenario does not fail again (exit code %d):\n%s", code, out)
			}
			if code, out := meshsim(t, sound, replay...); code != 0 {
				t.Errorf("its scenario fails without the bug too (exit code %d):\n%s", code, out)
			}
			args[len(args)-1] = fmt.Sprint("0:", found.Seed+1)
			if code, out := meshsim(t, sound, append(args, b.files...)...); code != 0 {
				t.Errorf("the same seeds fail without the bug (exit code %d):\n%s", code, out)
			}
		})
	}
}

// result is what check prints of a run.
type result struct {
	File       string
	Seed       uint64
	Violations []struct{ Rule, Text string }
	Scenario   string
}

// last returns the last result of a check, which is that of a failure.
func last(t *testing.T, out []byte) (r result) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil || len(r.Violations) == 0 {
		t.Fatalf("the last line of check is no failure: %v: %s", err, lines[len(lines)-1])
	}
	return r
}

func parse(t *testing.T, path string) *scenario.Scenario {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := scenario.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Resolve(f.Seed())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// meshsim runs a build of it, and returns the exit code and stdout.
func meshsim(t *testing.T, program string, args ...string) (code int, out []byte) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	if code > 1 {
		t.Fatalf("%q: exit code %d: %s", args, code, exit.Stderr)
	}
	return code, out
}

// build builds meshsim, with an overlay or without, and returns its path.
func build(t *testing.T, name string, overlay []string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "meshsim-"+name)
	args := append([]string{"build", "-o", program, "-ldflags", "-s -w"}, overlay...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./cmd/meshsim")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build meshsim with bug %s: %v\n%s", name, err, out)
	}
	return program
}
