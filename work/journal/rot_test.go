package journal

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// places returns where the records of the file that counts begin, and the end of the last.
func places(t *testing.T, f *FS, d *disk.Disk) (starts []int, end int) {
	t.Helper()
	b, _ := d.Content(f.log.name(f.log.active))
	_, sum, ok := parseHeader(b)
	if !ok {
		t.Fatal("the journal has no header")
	}
	end = headerSize
	for end < f.log.end {
		record, next, ok := parseFrame(b[end:], sum)
		if !ok {
			t.Fatalf("there is no record at byte %d", end)
		}
		starts = append(starts, end)
		end, sum = end+frameSize+len(record), next
	}
	return starts, end
}

// spoil changes a byte of a file.
func spoil(t *testing.T, d *disk.Disk, name string, at int) {
	t.Helper()
	b, _ := d.Content(name)
	h, err := d.For(nil).Open(name, vfs.Update)
	must(t, err)
	_, err = h.WriteAt([]byte{b[at] ^ 0x10}, int64(at))
	must(t, err, h.Sync(), h.Close())
}

// Wherever a byte changes before the last record, that is told, and what was safe before is
// there. What a person may need is kept, and the next start has nothing to tell.
func TestRot(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "first", "pending"))
	for i := 0; f.log.generation < 3; i++ { // so there is something of earlier ones
		must(t, makeUnit(f, "old", strings.Repeat("x", 1000)), removeUnit(f, "old"))
	}
	from := f.log.end
	for _, id := range []string{"one", "two", "three"} {
		must(t, makeUnit(f, id, "pending"))
	}
	name, last := f.log.name(f.log.active), 0
	starts, _ := places(t, f, d)
	last = starts[len(starts)-1]
	for at := from; at < last; at++ {
		spoil(t, d, name, at)
		content, _ := d.Content(name)
		f := New(d.For(nil), above)
		damaged, err := f.Recover()
		if err != nil || damaged == nil || !strings.Contains(damaged.Error(), "three") {
			t.Fatalf("byte %d of %d to %d: damage %v, error %v", at, from, last, damaged, err)
		}
		if !slices.Contains(units(f), "first") || slices.Contains(units(f), "three") {
			t.Errorf("byte %d: there are %v", at, units(f))
		}
		if kept, _ := d.Content(name + ".damaged"); !slices.Equal(kept, content) {
			t.Errorf("byte %d: it is not kept", at)
		}
		must(t, makeUnit(f, "new", "pending"))
		if again := start(t, d.For(nil)); !slices.Contains(units(again), "new") { // killed
			t.Errorf("byte %d: then there are %v", at, units(again))
		}
		h, err := d.For(nil).Open(name, vfs.Update)
		must(t, err)
		_, err = h.WriteAt(content, 0)
		must(t, err, h.Close(), d.For(nil).RemoveAll(name+".damaged"))
		spoil(t, d, name, at) // back
	}
}

// A part of the disk may be gone, with several records.
func TestLargeRot(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	for _, id := range []string{"one", "two", "three", "four"} {
		must(t, makeUnit(f, id, "pending"))
	}
	starts, end := places(t, f, d)
	h, err := d.For(nil).Open(above+"/journal-0", vfs.Update)
	must(t, err)
	from, to := starts[2]+3, starts[len(starts)/2]+5
	r := rand.New(rand.NewPCG(1, 2))
	for at := from; at < to; at++ {
		_, err := h.WriteAt([]byte{byte(r.Uint32())}, int64(at))
		must(t, err)
	}
	must(t, h.Close())
	f = New(d.For(nil), above)
	if damaged, err := f.Recover(); err != nil || damaged == nil || !strings.Contains(damaged.Error(), "four") {
		t.Errorf("bytes %d to %d of %d are gone: damage %v, error %v", from, to, end, damaged, err)
	}
}

// However the end looks, it is found quickly.
func TestSearchIsBounded(t *testing.T) {
	b := make([]byte, 4<<20)
	for i := 2; i < len(b); i += 4 {
		b[i] = 0x0f // many lengths that could be
	}
	if records := behind(b, 1); len(records) > 0 {
		t.Errorf("%d records", len(records))
	}
}
