package journal

import (
	"path"
	"strings"
	"testing"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// A unit has the size of its image, or a little more, whatever was done to it, and all that is
// young the sum of these.
func TestSizes(t *testing.T) {
	f := start(t, newDisk(disk.Options{}).For(nil))
	dir := path.Join(above, "one")
	must(t, makeUnit(f, "one", "pending"), makeUnit(f, "two", "pending"))
	must(t, f.Rename(dir+"/status", dir+"/status"), put(f, dir+"/temp", vfs.Create, "0123456789"), f.Rename(dir+"/temp", dir+"/status"))
	h, err := f.Open(dir+"/status", vfs.Update)
	must(t, err, h.Truncate(5))
	_, err = h.WriteAt([]byte("xyz"), 4)
	must(t, err, put(f, dir+"/stdin", vfs.Append, "in"), f.RemoveAll(dir+"/stdin"), h.Truncate(1), h.Close())
	wantSizes(t, f)
	must(t, put(f, dir+"/stdin", vfs.Append, strings.Repeat("x", maxDirectory)))
	wantSizes(t, f)
	must(t, removeUnit(f, "two"))
	if wantSizes(t, f); f.size != 0 {
		t.Errorf("nothing has %d bytes", f.size)
	}
}

// wantSizes counts what is young.
func wantSizes(t testing.TB, f *FS) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := 0
	for name, d := range f.young {
		size := imageSize(d.name)
		for base, c := range d.files {
			size += fileSize(base, len(c.data))
		}
		if real := len(appendImage(nil, d)); d.name != name || d.size != size || size < real {
			t.Errorf("%s, by the name of %s: %d bytes, counted are %d, and an image has %d", d.name, name, d.size, size, real)
		}
		all += size
	}
	if f.size != all {
		t.Errorf("all that is young has %d bytes, counted are %d", f.size, all)
	}
}
