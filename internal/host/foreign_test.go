//go:build unix

package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestForeign(t *testing.T) {
	top := t.TempDir()
	path := func(name string) string { return filepath.Join(top, name) }
	makeDir := func(name string, mode os.FileMode) {
		if err := os.MkdirAll(path(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path(name), mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	makeDir("own", 0o770)
	makeDir("open", 0o777)
	makeDir("sticky", 0o777|os.ModeSticky)
	link := func(to, name string) {
		if err := os.Symlink(path(to), path(name)); err != nil {
			t.Fatal(err)
		}
	}
	link("own", "link")
	link("open", "trap")
	tests := []struct{ dir, want string }{
		{"own", ""},
		{"own/a/b", ""},
		{"sticky/a", ""},
		{"link/a", ""},
		{"open", "anybody may change " + path("open")},
		{"open/a/b", "anybody may change " + path("open")},
		{"trap/a", "anybody may change " + path("open")},
	}
	if os.Geteuid() == 0 {
		makeDir("others", 0o700)
		if err := os.Lchown(path("others"), 4711, 0); err != nil {
			t.Fatal(err)
		}
		link("own", "lured")
		if err := os.Lchown(path("lured"), 4711, 0); err != nil {
			t.Fatal(err)
		}
		tests = append(tests, []struct{ dir, want string }{
			{"others/a", path("others") + " belongs to the user 4711"},
			{"lured/a", path("lured") + " belongs to the user 4711"},
		}...)
	}
	for _, test := range tests {
		if got := Foreign(path(test.dir)); !strings.HasSuffix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", test.dir, got, test.want)
		}
	}
}
