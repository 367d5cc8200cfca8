package campaign

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
)

// strict is an engine that runs nothing. It is against units that fail.
type strict struct{}

const ruleStrict check.Rule = "strict"

// Supports implements Engine.
func (strict) Supports(scenario.Action) bool { return true }

// Run implements Engine.
func (strict) Run(_ context.Context, s *scenario.Scenario, _ Options) (r sim.Report, err error) {
	if slices.ContainsFunc(s.Units, func(u scenario.Unit) bool { return u.Exit != 0 }) {
		r.Violations = []check.Violation{{Rule: ruleStrict, Text: "a unit fails"}}
	}
	return r, nil
}

// failing is a test that is to fail, without the one that it is of.
type failing struct {
	*testing.T
	problems, log []string
}

func (f *failing) Errorf(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

func (f *failing) Logf(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *failing) Failed() bool { return len(f.problems) > 0 }

func (f *failing) FailNow() { runtime.Goexit() }

// A failure of the property leaves a file that shows it again, and nothing that it does
// not take.
func TestFailureIsSaved(t *testing.T) {
	scaleCases(t, 1)
	flag.Set("rapid.nofailfile", "true")
	t.Cleanup(func() { flag.Set("rapid.nofailfile", "false") })
	folder := filepath.Join(t.TempDir(), "failures")
	f := &failing{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		surviveFaults(f, strict{}, folder)
	}()
	<-done
	if len(f.problems) != 1 || !strings.Contains(f.problems[0], "a unit fails") {
		t.Fatalf("problems %q, want that of the rule alone", f.problems)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v, want one", files, err)
	}
	if last := f.log[len(f.log)-1]; !strings.HasSuffix(last, "replay: meshsim run --engine full failures/"+filepath.Base(files[0])) {
		t.Errorf("the test ends with %q", last)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	file, err := scenario.Parse(files[0], text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	s, err := file.Resolve(file.Seed())
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if r, _ := (strict{}).Run(t.Context(), s, Options{}); len(r.Violations) == 0 || len(s.Units) != 1 || len(s.Streams) > 0 || len(s.Nodes) > 2 {
		t.Errorf("violations %v of what should be one unit between two nodes:\n%s", r.Violations, text)
	}
	if r, err := fullEngine(t).Run(t.Context(), s, Options{}); err != nil || len(r.Violations) > 0 {
		t.Errorf("the full engine, which has no such rule: violations %v, %v", r.Violations, err)
	}
}
