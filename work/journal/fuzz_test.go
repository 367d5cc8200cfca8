package journal

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// Whatever is in a journal, a start reads it, and goes on from there: what it has found is
// found again after a kill, beside what is new. whole says that the bytes are a record
// whose sums are right.
func FuzzRecover(f *testing.F) {
	d := newDirectory(7, above+"/one")
	d.files["status"] = &content{name: "status", data: []byte("pending")}
	f.Add(appendGone(appendImage(nil, d), 6), true)
	header, sum := appendHeader(nil, 3)
	file, _ := appendFrame(header, appendImage(nil, d), sum)
	f.Add(file, false)
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		if whole {
			header, sum := appendHeader(nil, 1)
			b, _ = appendFrame(header, b, sum)
		}
		d := newDisk(disk.Options{})
		must(t, put(d.For(nil), above+"/journal-0", vfs.Create, string(b)))
		first := New(d.For(nil), above)
		damaged, err := first.Recover()
		must(t, err)
		var behind *rot // of which what is before it counts
		if damaged != nil && !errors.As(damaged, &behind) && len(first.young) > 0 {
			t.Fatalf("it is damaged (%v), and there are %v", damaged, units(first))
		}
		found := filesOf(first)
		must(t, makeUnit(first, "of the test", "pending"))
		found[above+"/of the test"], found[above+"/of the test/status"] = "", "pending"
		again := start(t, d.For(nil))
		if got := filesOf(again); !reflect.DeepEqual(got, found) {
			t.Errorf("there is %v, and at the next start %v", found, got)
		}
	})
}

// filesOf returns the content of all files of young directories, by both names.
func filesOf(f *FS) map[string]string {
	all := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(f.young)) {
		all[name] = ""
		for file, c := range f.young[name].files {
			all[name+"/"+file] = string(c.data)
		}
	}
	return all
}
