package config

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestUsageTellsEverything(t *testing.T) {
	var out strings.Builder
	Usage(&out)
	text := out.String()
	line := func(parts ...string) {
		t.Helper()
		pattern := `(?m)^`
		for _, part := range parts {
			pattern += regexp.QuoteMeta(part) + `.*`
		}
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("no line of the usage has %q", parts)
		}
	}
	line("  -c, --config FILE")
	line("  -h, --help")
	line("  --version")
	line("  --check")
	line("  --config-v2")
	line(`"receptor convert FILE"`, "comments are lost")
	for _, spec := range table {
		line("--"+spec.name+": ", spec.help)
		for _, p := range spec.params {
			line(fmt.Sprintf("  %s=%s ", p.name, p.kind), p.help)
			line("  "+p.kind+" ", kinds[p.kind].want)
		}
	}
	line("  port=port ", "required (main)")
	line("  redial=bool ", "default true")
	line("  id=node-id ", "default: the host name (main)")
	for i, l := range strings.Split(text, "\n") {
		if strings.TrimRight(l, " ") != l {
			t.Errorf("line %d of the usage ends in blanks", i+1)
		}
	}
}

// What the tags leave out would be missing in the usage, and in complaints.
func TestTagsAreComplete(t *testing.T) {
	used := map[string]bool{}
	names := map[string]bool{}
	for _, spec := range table {
		if spec.name != lower(spec.name) || names[spec.name] || spec.help == "" || len(spec.params) == 0 && spec.name != "trace" {
			t.Errorf("item %q: want a name in lower case, only once, a help and parameters", spec.name)
		}
		names[spec.name] = true
		params := map[string]bool{}
		for _, p := range spec.params {
			used[p.kind] = true
			if p.name == "" || p.name != lower(p.name) || params[p.name] || p.help == "" {
				t.Errorf("parameter %q of %s: want a name in lower case, only once, and a help", p.name, spec.name)
			}
			params[p.name] = true
			if said := []bool{p.required, p.initial != "", p.unset != ""}; fmt.Sprint(said) != "[true false false]" &&
				fmt.Sprint(said) != "[false true false]" && fmt.Sprint(said) != "[false false true]" {
				t.Errorf("parameter %s of %s: want just one of required, default and unset", p.name, spec.name)
			}
		}
	}
	for name := range kinds {
		if !used[name] {
			t.Errorf("no parameter is of kind %q", name)
		}
	}
}

func TestWrongTagsPanic(t *testing.T) {
	mustPanic := func(what string, f func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", what)
			}
		}()
		f()
	}
	mustPanic("no position", func() {
		many("x", "x", func(*Config) *[]struct{} { return nil })
	})
	mustPanic("unknown kind", func() {
		many("x", "x", func(*Config) *[]struct {
			Where Position
			X     string `param:"x" kind:"x"`
		} {
			return nil
		})
	})
	mustPanic("kind of another type", func() {
		many("x", "x", func(*Config) *[]struct {
			Where Position
			X     string `param:"x" kind:"port"`
		} {
			return nil
		})
	})
	mustPanic("bad default", func() {
		many("x", "x", func(*Config) *[]struct {
			Where Position
			X     int `param:"x" kind:"port" default:"x"`
		} {
			return nil
		}).fresh(Position{})
	})
}
