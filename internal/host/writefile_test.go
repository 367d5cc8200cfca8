//go:build unix

package host

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	want := func(name, text string, mode fs.FileMode) {
		t.Helper()
		data, err := os.ReadFile(in(name))
		if err != nil || string(data) != text {
			t.Errorf("%s holds %q (%v), want %q", name, data, err, text)
		}
		if info, err := os.Stat(in(name)); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode(), err, mode)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(WriteFile(in("new"), []byte("1")))
	want("new", "1", 0o600)
	must(WriteSecret(in("key"), []byte("2")))
	want("key", "2", 0o600)

	must(os.Chmod(in("new"), 0o640))
	must(os.Chmod(in("key"), 0o644))
	must(os.Symlink("new", in("link")))
	must(WriteFile(in("link"), []byte("3")))
	want("new", "3", 0o640)
	if info, err := os.Lstat(in("link")); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link has become %v (%v)", info.Mode(), err)
	}
	must(WriteSecret(in("key"), []byte("4")))
	want("key", "4", 0o600)
	must(WriteFile(os.DevNull, []byte("5")))

	for name, part := range map[string]string{in("none/new"): "no such file", dir: "directory"} {
		if err := WriteFile(name, nil); err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), name) {
			t.Errorf("writing %s: %v, want an error with that name and %q", name, err, part)
		}
	}
	if names, err := (FS{}).ReadDir(dir); err != nil || strings.Join(names, " ") != "key link new" {
		t.Errorf("the directory has %v (%v)", names, err)
	}
}

// A renewed certificate can still be read by the user whose node it is.
func TestWriteFileKeepsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may give files away")
	}
	name := filepath.Join(t.TempDir(), "cert")
	for _, err := range []error{os.WriteFile(name, []byte("old"), 0o600), os.Chown(name, 12, 34), WriteFile(name, []byte("new"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if uid, gid := ownerOf(info); uid != 12 || gid != 34 {
		t.Errorf("the owner is %d:%d, want 12:34", uid, gid)
	}
}
