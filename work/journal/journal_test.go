package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

const above = "/data/a"

// newDisk returns a disk with the directory that may have young ones.
func newDisk(o disk.Options) *disk.Disk {
	d := disk.New(o)
	d.Put(above+"/submissions", "")
	return d
}

// start starts what was on a disk before, if anything was.
func start(t testing.TB, d vfs.FS) *FS {
	t.Helper()
	f := New(d, above)
	if damaged, err := f.Recover(); err != nil || damaged != nil {
		t.Fatal(damaged, err)
	}
	return f
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// put writes a file and syncs it.
func put(f vfs.FS, name string, mode vfs.Mode, data string) error {
	h, err := f.Open(name, mode)
	if err != nil {
		return err
	}
	_, err = h.Write([]byte(data))
	return errors.Join(err, h.Sync(), h.Close())
}

func get(f vfs.FS, name string) string {
	h, err := f.Open(name, vfs.Read)
	if err != nil {
		return err.Error()
	}
	defer h.Close()
	size, err := h.Size()
	if err != nil {
		return err.Error()
	}
	b := make([]byte, size)
	n, _ := h.ReadAt(b, 0)
	return string(b[:n])
}

// makeUnit makes a directory with a file in it, as package work does.
func makeUnit(f *FS, id, status string) error {
	dir := path.Join(above, id)
	err := f.MkdirYoung(dir + ".new")
	if err == nil {
		err = put(f, dir+".new/status", vfs.Create, status)
	}
	if err == nil {
		err = f.SyncDir(dir + ".new")
	}
	if err == nil {
		err = f.Rename(dir+".new", dir)
	}
	if err == nil {
		err = f.SyncDir(above)
	}
	return err
}

func removeUnit(f *FS, id string) error {
	dir := path.Join(above, id)
	err := f.Rename(dir, dir+".released")
	if err == nil {
		err = f.SyncDir(above)
	}
	if err == nil {
		err = f.RemoveAll(dir + ".released")
	}
	return err
}

// units returns the names of directories, without the journal and other files.
func units(f vfs.FS) []string {
	names, err := f.ReadDir(above)
	if err != nil {
		return []string{err.Error()}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "submissions" || strings.HasPrefix(name, "journal-") })
}

// What is young makes no file of its own, and survives all the same.
func TestYoung(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"), makeUnit(f, "two", "pending"))
	must(t, put(f, above+"/one/stdin", vfs.Append, "in"), put(f, above+"/one/status", vfs.Create, "over"))
	must(t, removeUnit(f, "two"))
	if got := units(d.For(nil)); len(got) != 0 {
		t.Errorf("on disk are %v", got)
	}
	if got := units(f); !slices.Equal(got, []string{"one"}) {
		t.Errorf("there are %v", got)
	}
	d.PowerCut(disk.LoseAll, nil)
	f = start(t, d.For(nil))
	if got := units(f); !slices.Equal(got, []string{"one"}) && !slices.Equal(got, []string{"one", "two.released"}) {
		t.Errorf("after a power cut there are %v", got)
	}
	if got := get(f, above+"/one/status") + get(f, above+"/one/stdin"); got != "overin" {
		t.Errorf("after a power cut it has %q", got)
	}
	must(t, f.Close())
	if got := get(d.For(nil), above+"/one/status") + get(d.For(nil), above+"/one/stdin"); got != "overin" {
		t.Errorf("on disk it has %q", got)
	}
	d.PowerCut(disk.LoseAll, nil)
	if f = start(t, d.For(nil)); f.Young() != 0 || get(f, above+"/one/status") != "over" {
		t.Errorf("%d are young, and it has %q", f.Young(), get(f, above+"/one/status"))
	}
}

// A directory settles with its open files: who reads or writes them goes on.
func TestSettle(t *testing.T) {
	for name, settle := range map[string]func(f *FS) error{
		"in time":     func(f *FS) error { return errors.Join(f.Settle(), f.Settle()) },
		"as it grows": func(f *FS) error { return put(f, above+"/one/stdin", vfs.Append, strings.Repeat("x", maxDirectory)) },
		"at the end":  (*FS).Close,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(disk.Options{})
			f := start(t, d.For(nil))
			must(t, makeUnit(f, "one", "pending"))
			out, err := f.Open(above+"/one/stdout", vfs.Append)
			must(t, err)
			_, err = out.Write([]byte("0123"))
			must(t, err)
			in, err := f.Open(above+"/one/stdout", vfs.Read)
			must(t, err)
			update, err := f.Open(above+"/one/status", vfs.Update)
			must(t, err)
			gone, err := f.Open(above+"/one/temp", vfs.Create)
			must(t, err, f.RemoveAll(above+"/one/temp"))

			must(t, settle(f))
			if f.Young() != 0 {
				t.Fatal("it is young still")
			}
			if got := get(d.For(nil), above+"/one/stdout"); got != "0123" {
				t.Errorf("on disk is %q", got)
			}
			_, err = out.Write([]byte("4567"))
			must(t, err, out.Sync())
			b := make([]byte, 8)
			if n, err := in.ReadAt(b, 0); n != 8 || err != nil || string(b) != "01234567" {
				t.Errorf("%q is read, %v", b[:n], err)
			}
			_, err = update.WriteAt([]byte("PEND"), 0)
			must(t, err, update.Sync(), update.Close(), out.Close(), in.Close(), gone.Close())
			d.PowerCut(disk.LoseAll, nil)
			f = start(t, d.For(nil))
			if got := get(f, above+"/one/status") + get(f, above+"/one/stdout"); got != "PENDing01234567" {
				t.Errorf("after a power cut it has %q", got)
			}
		})
	}
}

// Whoever syncs while somebody else's sync is on its way shares the next one.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var syncs atomic.Int32
		d := newDisk(disk.Options{Sleep: time.Sleep, After: func(op disk.Op, _ string, _ []byte) {
			if op == disk.Sync {
				syncs.Add(1)
			}
		}})
		f := start(t, d.For(nil))
		const n = 50
		for i := range n {
			must(t, makeUnit(f, fmt.Sprint(i), "pending"))
		}
		d.SetLatency(time.Millisecond)
		syncs.Store(0)
		for i := range n {
			go func() {
				if err := put(f, fmt.Sprintf("%s/%d/status", above, i), vfs.Create, "over"); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if n := syncs.Load(); n == 0 || n > 3 {
			t.Errorf("%d syncs", n)
		}
		d.SetLatency(0)
		d.PowerCut(disk.LoseAll, nil)
		f = start(t, d.For(nil))
		for i := range n {
			if got := get(f, fmt.Sprintf("%s/%d/status", above, i)); got != "over" {
				t.Errorf("%d has %q", i, got)
			}
		}
	})
}

// The journal begins anew when it is full, again and again, and needs no space for that.
func TestJournalIsFull(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "stays", "for long"))
	for i := range 3 * minLog / 1000 {
		if i == minLog/1000*2 { // both files are there
			d.SetRoom(0)
		}
		id := fmt.Sprint(i)
		must(t, makeUnit(f, id, strings.Repeat("x", 1000)), removeUnit(f, id))
	}
	if f.log.generation < 3 {
		t.Errorf("generation %d", f.log.generation)
	}
	d.PowerCut(disk.LoseAll, nil)
	f = start(t, d.For(nil))
	if got := get(f, above+"/stays/status"); got != "for long" || f.log.sizes[0] != minLog {
		t.Errorf("it has %q, in a journal of %d bytes", got, f.log.sizes[0])
	}
}

// More than the journal should have is written to the disk at once.
func TestYoungAreBounded(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	const size = maxDirectory / 2
	for i := range 2 * maxYoung / size {
		must(t, makeUnit(f, fmt.Sprint(i), strings.Repeat("x", size)))
		if f.size > maxYoung {
			t.Fatalf("%d bytes are young", f.size)
		}
	}
	if young := f.Young(); young < maxYoung/size/2 || young == len(units(f)) {
		t.Errorf("%d of %d are young", young, len(units(f)))
	}
	d.PowerCut(disk.LoseAll, nil)
	if f = start(t, d.For(nil)); len(units(f)) != 2*maxYoung/size {
		t.Errorf("%d are left", len(units(f)))
	}
}

// A disk that takes nothing is told of, and nothing that was safe is lost by that.
func TestBrokenDisk(t *testing.T) {
	broken := errors.New("the disk is broken")
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"))
	for _, op := range []disk.Op{disk.Write, disk.Sync} {
		d.SetFault(func(o disk.Op, _ string) error {
			if o == op {
				return broken
			}
			return nil
		})
		if err := put(f, above+"/one/status", vfs.Append, "!"); !errors.Is(err, broken) {
			t.Errorf("%s: %v", op, err)
		}
		if err := makeUnit(f, "two", ""); !errors.Is(err, broken) {
			t.Errorf("%s: %v", op, err)
		}
		must(t, f.RemoveAll(above+"/two"))
		if err := errors.Join(f.Settle(), f.Settle()); !errors.Is(err, broken) || f.Young() != 1 {
			t.Errorf("%s: %v, %d are young", op, err, f.Young())
		}
	}
	d.SetFault(nil)
	must(t, put(f, above+"/one/status", vfs.Append, "."))
	d.PowerCut(disk.LoseAll, nil)
	f = start(t, d.For(nil))
	if got := get(f, above+"/one/status"); got != "pending!!." {
		t.Errorf("it has %q", got)
	}
}

// A directory that could not leave the journal must not come back once it was removed.
func TestShadow(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"))
	d.SetFault(func(op disk.Op, name string) error {
		if op == disk.SyncDir && name == above || op == disk.Remove {
			return errors.New("the disk is broken")
		}
		return nil
	})
	if err := errors.Join(f.Settle(), f.Settle()); err == nil {
		t.Fatal("it has left the journal")
	}
	if err := removeUnit(f, "one"); err == nil {
		t.Error("it was removed, and may come back")
	}
	d.SetFault(nil)
	must(t, removeUnit(f, "one"))
	d.PowerCut(disk.LoseAll, nil)
	f = start(t, d.For(nil))
	if got := units(f); slices.Contains(got, "one") {
		t.Errorf("left: %v", got)
	}
}

// A journal that was damaged is kept for a person, and told of.
func TestDamaged(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"))
	h, err := d.For(nil).Open(above+"/journal-0", vfs.Update)
	must(t, err)
	_, err = h.WriteAt([]byte{0xff}, 9)
	must(t, err)
	f = New(d.For(nil), above)
	damaged, err := f.Recover()
	if err != nil || damaged == nil || !strings.Contains(damaged.Error(), "journal-0 and journal-1 in "+above+" are unusable, and kept") {
		t.Errorf("%v, %v", damaged, err)
	}
	if _, found := d.Content(above + "/journal-0.damaged"); !found {
		t.Error("it is not kept")
	}
	must(t, makeUnit(f, "two", "pending"))
	d.PowerCut(disk.LoseAll, nil)
	if f = start(t, d.For(nil)); !slices.Equal(units(f), []string{"journal-0.damaged", "two"}[1:]) {
		t.Errorf("there are %v", units(f))
	}
}

// Nothing that a disk can have in the place of a record makes a directory, or does harm.
func TestParseRecord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good := appendImage(nil, &directory{id: 3, name: "/data/a/unit", files: map[string]*content{"status": {data: []byte("x")}}})
	for range 100_000 {
		b := slices.Clone(good[:r.IntN(len(good)+1)])
		for range r.IntN(4) {
			if len(b) > 0 {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
		}
		images, err := parseRecord(b)
		for _, im := range images {
			if err != nil || strings.Contains(im.name, "/") {
				t.Fatalf("%q, %v of %q", im.name, err, b)
			}
		}
	}
	if images, err := parseRecord(good); err != nil || len(images) != 1 || images[0].name != "unit" || string(images[0].files["status"]) != "x" {
		t.Errorf("%v, %v", images, err)
	}
}
