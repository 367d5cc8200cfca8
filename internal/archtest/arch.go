// Package archtest is the architecture as a test: which package may import
// which, and where goroutines, select, the machine's clock and randomness may
// be. ARCHITECTURE.md says why; a change here is a change of the design.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "receptor"

// rule is what one package may do. Folders below it have rules of their own.
type rule struct {
	// imports are the packages of the project and of others that it may import,
	// without "receptor/"; those ending in "/..." stand for all below.
	imports []string
	// waits are the files that may have go statements and select.
	waits []string
	// clock are the files that may use the machine's clock.
	clock []string
	// secrets are the files that may use crypto/rand.
	secrets []string
	// pure: no I/O, no logging, no clock.
	pure bool
	// tests: what tests of several packages share; it may import testing.
	tests bool
}

// imports of the standard library that a pure package must not have.
var impure = []string{"bufio", "context", "io", "log", "net", "os", "runtime", "sync", "syscall"}

var clockCalls = []string{"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"}

// Check returns what in the tree below root breaks the rules, sorted.
func Check(root string, rules map[string]rule) ([]string, error) {
	var problems []string
	seen := make(map[string]bool)
	comments := make(map[string][]string) // package comments by folder
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "third_party") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		dir := path.Dir(rel)
		r, ok := rules[dir]
		if !ok && !seen[dir] {
			problems = append(problems, fmt.Sprintf("%s: there is no rule for this package", dir))
		}
		seen[dir] = true
		found, commented, err := r.check(rel, src)
		if err != nil {
			return err
		}
		if commented {
			comments[dir] = append(comments[dir], rel)
		}
		problems = append(problems, found...)
		return nil
	})
	for dir := range seen {
		if n := len(comments[dir]); n != 1 {
			problems = append(problems, fmt.Sprintf("%s: %d package comments %v, want one", dir, n, comments[dir]))
		}
	}
	for dir := range maps.Keys(rules) {
		if !seen[dir] {
			problems = append(problems, fmt.Sprintf("%s: there is a rule for it, but no package", dir))
		}
	}
	slices.Sort(problems)
	return problems, err
}

// check looks at one file.
func (r rule) check(file string, src []byte) (problems []string, commented bool, err error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
	if err != nil {
		return nil, false, err
	}
	complain := func(at ast.Node, format string, args ...any) {
		p := fset.Position(at.Pos())
		problems = append(problems, fmt.Sprintf("%s:%d: %s", file, p.Line, fmt.Sprintf(format, args...)))
	}
	names := make(map[string]string) // local name of a package to its path
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, false, err
		}
		name := importName(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
		if why := r.forbids(file, p); why != "" {
			complain(spec, "imports %s: %s", p, why)
		}
	}
	mayWait, mayTime := listed(r.waits, file), listed(r.clock, file)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if !mayWait {
				complain(n, "go statement: goroutines of this package start in %v", r.waits)
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Go" && !mayWait {
				complain(n, "call of Go: goroutines of this package start in %v", r.waits)
			}
		case *ast.SelectStmt:
			if !mayWait {
				complain(n, "select: this package waits in %v", r.waits)
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok || x.Obj != nil { // a variable of that name
				return true
			}
			switch p := names[x.Name]; {
			case p == "time" && slices.Contains(clockCalls, n.Sel.Name) && !mayTime:
				complain(n, "time.%s: time comes from a transport.Clock or an argument", n.Sel.Name)
			case p == "math/rand/v2" && globalRandom(n.Sel.Name):
				complain(n, "rand.%s: randomness comes in through the constructor", n.Sel.Name)
			}
		}
		return true
	})
	return problems, f.Doc != nil, nil
}

// anyFile in a list of files stands for all of the package.
const anyFile = "*"

func listed(files []string, file string) bool {
	return slices.Contains(files, path.Base(file)) || slices.Contains(files, anyFile)
}

// forbids returns why a file must not import a package, or "".
func (r rule) forbids(file, p string) string {
	switch {
	case p == "C":
		return "no cgo in what ships"
	case p == "math/rand":
		return "use math/rand/v2 with a source of your own"
	case p == "testing" && !r.tests:
		return "only tests"
	case p == "crypto/rand" && !listed(r.secrets, file):
		return fmt.Sprintf("randomness comes in through the constructor; secrets of this package are made in %v", r.secrets)
	case r.pure && slices.Contains(impure, strings.Split(p, "/")[0]):
		return "the package is pure"
	case !strings.HasPrefix(p, module+"/") && !strings.Contains(strings.Split(p, "/")[0], "."):
		return "" // the standard library
	}
	p = strings.TrimPrefix(p, module+"/")
	for _, allowed := range r.imports {
		if below, all := strings.CutSuffix(allowed, "/..."); p == allowed || all && (p == below || strings.HasPrefix(p, below+"/")) {
			return ""
		}
	}
	return "the architecture does not have this import"
}

// globalRandom reports whether a function of math/rand/v2 draws from the
// process's own source.
func globalRandom(name string) bool {
	return ast.IsExported(name) && !strings.HasPrefix(name, "New") &&
		!slices.Contains([]string{"Rand", "Source", "PCG", "ChaCha8", "Zipf"}, name)
}

// importName guesses the name by which a package is used.
func importName(p string) string {
	base := path.Base(p)
	if strings.HasPrefix(base, "v") && len(base) == 2 {
		base = path.Base(path.Dir(p))
	}
	return base
}
