package planted

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
	flags []string // that make the compiler take the changed source files
}

type edit struct{ path, old, new string }

// overlay writes the changed source files to a folder, and returns the flags
// that make the compiler take them.
func overlay(t *testing.T, dir, name string, edits []edit) []string {
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
			t.Fatalf("%s: %s has this text %d times, want once; the bug must follow the source:\n%s", name, e.path, n, e.old)
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

// readBugs reads all bugs of a folder. The source must still have what each changes, also
// if it is not run.
func readBugs(t *testing.T, dir string) (bugs []bug) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
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
		b.flags = overlay(t, t.TempDir(), b.name, b.edits)
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
