package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testName is how docs/compatibility.md names a test: by its folder and function.
var testName = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]*)`")

// tableProblems returns what is wrong with the rows of tables in text, such as
//
//	| what | works | tests | real peer |
//
// where exists reports whether a folder has a test. Headings and lines that are no
// rows are skipped.
func tableProblems(text string, exists func(folder, test string) bool) (problems []string, rows int) {
	begins := func(s string, words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return s == w || strings.HasPrefix(s, w+":") || strings.HasPrefix(s, w+" ") })
	}
	for i, line := range strings.Split(text, "\n") {
		complain := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("line %d: ", i+1)+fmt.Sprintf(format, args...))
		}
		for _, name := range testName.FindAllStringSubmatch(line, -1) {
			if !exists(name[1], name[2]) {
				complain("there is no test %s in %s", name[2], name[1])
			}
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| item |") {
			continue
		}
		rows++
		cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "¦"), "|")
		if len(cells) != 4 {
			complain("%d columns, want 4", len(cells))
			continue
		}
		for k := range cells {
			cells[k] = strings.TrimSpace(cells[k])
		}
		if !begins(cells[1], "yes", "better", "no") {
			complain("works is %q, want yes, better: how, or no: why", cells[1])
		}
		if !testName.MatchString(cells[2]) && !begins(cells[2], "none") {
			complain("no test is named: want one, or none: why")
		}
		if !begins(cells[3], "by", "not tried") {
			complain("real peer is %q, want by a test or by hand, or not tried: why", cells[3])
		}
	}
	return problems, rows
}

// docs/compatibility.md names only tests that there are, and each row says what
// the heading of its column asks for.
func TestCompatibilityTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := testsBelow("../..")
	if err != nil {
		t.Fatal(err)
	}
	problems, rows := tableProblems(string(text), func(folder, test string) bool { return tests[folder][test] })
	for _, p := range problems {
		t.Errorf("docs/compatibility.md: %s", p)
	}
	if rows < 100 {
		t.Errorf("docs/compatibility.md: %d rows, want one for each item of the protocol", rows)
	}
}

// testsBelow returns the test functions of each folder, by their names.
func testsBelow(root string) (map[string]map[string]bool, error) {
	tests := make(map[string]map[string]bool)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found := make(map[string]bool)
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				found[fn.Name.Name] = true
			}
		}
		folder := filepath.ToSlash(rel)
		if tests[folder] == nil {
			tests[folder] = make(map[string]bool)
		}
		maps.Copy(tests[folder], found)
		return nil
	})
	return tests, err
}

// The checks of the table find what they are there to find.
func TestTableProblems(t *testing.T) {
	exists := func(folder, test string) bool { return folder+"."+test == "mesh.TestA" }
	for _, test := range []struct{ row, want string }{
		{"| a \\| b | yes | `mesh.TestA` | by `mesh.TestA` |", ""},
		{"| item | works | test | real peer |", ""},
		{"| a | no: nobody asked | none: there is nothing | not tried: the same |", ""},
		{"| a | yes | `mesh.TestB` | by hand |", "there is no test TestB in mesh"},
		{"Text with `work.TestA`.", "there is no test TestA in work"},
		{"| a | yes | `mesh.TestA` |", "3 columns"},
		{"| a | perhaps | `mesh.TestA` | by hand |", `works is "perhaps"`},
		{"| a | yes | | by hand |", "no test is named"},
		{"| a | yes | `mesh.TestA` | |", `real peer is ""`},
	} {
		problems, _ := tableProblems(test.row, exists)
		if got := strings.Join(problems, ", "); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.row, got, test.want)
		}
	}
}
