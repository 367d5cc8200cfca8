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

// bug is a file of testdata:
//
//	bug: what is wrong, for a person
//	rules: what may be violated
//	files: what to check, below topologies/ or here
//	quick: yes, if it is planted in every test run
//	-- old PATH --
//	text that must be there once
//	-- new --
//	text that replaces it
type bug struct {
	name  string
	what  string
	rules []string
	files []string
	quick bool
	edits []edit
}

type edit struct{ path, old, new string }

// Bounds within which a bug must be found, and of what is left of the scenario.
const (
	seeds    = 60
	maxNodes = 6
)

func TestPlantedBugsAreFound(t *testing.T) {
	bugs := readBugs(t)
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
			program := build(t, b.name, overlay(t, dir, b.edits))
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

// overlay writes the changed source files to a folder, and returns the flags
// that make the compiler take them.
func overlay(t *testing.T, dir string, edits []edit) []string {
	t.Helper()
	texts := make(map[string]string) // by absolute path
	for _, e := range edits {
		path, err := filepath.Abs(filepath.Join(root, e.path))
		if err != nil {
			t.Fatal(err)
		}
		if texts[path] == "" {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(source)
		}
		if n := strings.Count(texts[path], e.old); n != 1 {
			t.Fatalf("%s has this text %d times, want once; the bug must follow the source:\n%s", e.path, n, e.old)
		}
		texts[path] = strings.Replace(texts[path], e.old, e.new, 1)
	}
	replace := make(map[string]string)
	for path, text := range texts {
		replaced := filepath.Join(dir, fmt.Sprint(len(replace), "-", filepath.Base(path)))
		write(t, replaced, []byte(text))
		replace[path] = replaced
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	write(t, file, list)
	return []string{"-overlay", file}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

func readBugs(t *testing.T) (bugs []bug) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseBug(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b.name = strings.TrimSuffix(filepath.Base(path), ".txt")
		bugs = append(bugs, b)
	}
	return bugs
}

func parseBug(text string) (b bug, err error) {
	head, rest, _ := strings.Cut(text, "-- old ")
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "bug":
			b.what = value
		case "rules":
			b.rules = strings.Fields(value)
		case "files":
			for _, name := range strings.Fields(value) {
				b.files = append(b.files, find(name))
			}
		case "quick":
			b.quick = value == "yes"
		default:
			return b, fmt.Errorf("unknown key %q", key)
		}
	}
	for part := range strings.SplitSeq(rest, "-- old ") {
		path, texts, found := strings.Cut(part, " --\n")
		old, replacement, replaced := strings.Cut(texts, "-- new --\n")
		if !found || !replaced || old == "" {
			return b, fmt.Errorf("after %q comes neither old nor new text", path)
		}
		b.edits = append(b.edits, edit{path, old, replacement})
	}
	if b.what == "" || len(b.rules) == 0 || len(b.files) == 0 {
		return b, errors.New("one of bug, rules and files is missing")
	}
	return b, nil
}

// find returns the path of a scenario file: here, or one that ships.
func find(name string) string {
	if here := filepath.Join("testdata", name); exists(here) {
		return here
	}
	return filepath.Join(root, "topologies", name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
