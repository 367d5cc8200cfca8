package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"receptor/work/vfs"
)

func TestFS(t *testing.T) {
	dir := t.TempDir() + "/a/b"
	fsys := FS{}
	if err := fsys.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	write := func(mode vfs.Mode, s string) vfs.File {
		t.Helper()
		f, err := fsys.Open(dir+"/f", mode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	write(vfs.Create, "old content").Close()
	write(vfs.Create, "new").Close()
	f := write(vfs.Append, "er!!")
	if err := f.Truncate(5); err != nil {
		t.Fatal(err)
	}
	if size, err := f.Size(); size != 5 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
	if _, err := f.Write([]byte("!")); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := fsys.Rename(dir+"/f", dir+"/g"); err != nil {
		t.Fatal(err)
	}
	g, err := fsys.Open(dir+"/g", vfs.Read)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if n, err := g.ReadAt(b, 2); n != 4 || string(b) != "wer!" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	g.Close()
	if err := fsys.SyncDir(dir); err != nil {
		t.Error(err)
	}
	if names, err := fsys.ReadDir(dir); err != nil || !slices.Equal(names, []string{"g"}) {
		t.Errorf("names %v, %v", names, err)
	}
	if info, err := os.Stat(dir); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != dirMode) {
		t.Errorf("mode of the directory %v, %v", info.Mode(), err)
	}
	if err := fsys.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Open":    func() error { _, err := fsys.Open(dir+"/g", vfs.Read); return err }(),
		"ReadDir": func() error { _, err := fsys.ReadDir(dir); return err }(),
		"Rename":  fsys.Rename(dir, dir+"x"),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of what does not exist: %v", name, err)
		}
	}
}
