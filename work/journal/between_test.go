package journal

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// once calls f before the first operation of that kind on a file or directory of that name, from
// when the function it returns is called.
func once(o *disk.Options, op disk.Op, name string, f func()) (arm func()) {
	armed := false
	o.Before = func(o disk.Op, n string) {
		if armed && o == op && n == name {
			armed = false
			f()
		}
	}
	return func() { armed = true }
}

// A directory that the journal has forgotten does not come back with a journal that begins anew
// before its open files are those below.
func TestForgottenIsNotWrittenAnew(t *testing.T) {
	var o disk.Options
	var f *FS
	status := above + "/one/status"
	arm := once(&o, disk.Create, status, func() {
		for g := f.log.generation; f.log.generation == g; {
			if err := put(f, above+"/two/status", vfs.Create, strings.Repeat("x", 1000)); err != nil {
				t.Fatal(err)
			}
		}
	})
	d := newDisk(o)
	f = start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"), makeUnit(f, "two", "pending"))
	h, err := f.Open(status, vfs.Append)
	must(t, err)
	d.SetFault(func(op disk.Op, name string) error { // the directory is there, the file is opened anew
		if op == disk.Sync && name == status {
			arm()
		}
		return nil
	})
	must(t, f.writeOut(f.young[above+"/one"]))
	_, err = h.Write([]byte(", over"))
	must(t, err, h.Sync(), h.Close())
	f = start(t, d.For(nil))
	if got := get(f, status); got != "pending, over" {
		t.Errorf("it has %q", got)
	}
}

// Who syncs names while a directory is written out has what was removed before safe, too.
func TestRemovedWhileOtherLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o disk.Options
		var f *FS
		synced := make(chan error, 1)
		arm := once(&o, disk.Sync, above+"/journal-0", func() { // "one" is about to be forgotten
			if err := f.RemoveAll(above + "/two"); err != nil {
				t.Error(err)
			}
			go func() { synced <- f.SyncDir(above) }()
			synctest.Wait()
		})
		d := newDisk(o)
		f = start(t, d.For(nil))
		must(t, makeUnit(f, "one", "pending"), makeUnit(f, "two", "pending"))
		must(t, f.Rename(above+"/one", above+"/one.released"))
		arm()
		must(t, f.writeOut(f.young[above+"/one.released"]), <-synced)
		d.PowerCut(disk.LoseAll, nil)
		if got := units(start(t, d.For(nil))); slices.Contains(got, "two") {
			t.Errorf("there are %v", got)
		}
	})
}

// afterReading is a file system on which something happens once a directory was read.
type afterReading struct {
	vfs.FS
	f func()
}

func (a *afterReading) ReadDir(name string) ([]string, error) {
	names, err := a.FS.ReadDir(name)
	if f := a.f; f != nil {
		a.f = nil
		f()
	}
	return names, err
}

// Who lists the directories while one is written out finds it.
func TestListWhileOneLeaves(t *testing.T) {
	a := &afterReading{FS: newDisk(disk.Options{}).For(nil)}
	f := start(t, a)
	must(t, makeUnit(f, "one", "pending"))
	a.f = func() { must(t, f.writeOut(f.young[above+"/one"])) }
	for range 2 {
		if got := units(f); !slices.Equal(got, []string{"one"}) {
			t.Errorf("there are %v", got)
		}
	}
}

// Who syncs names has those safe, too, of directories that are written out meanwhile.
func TestNameOfOneThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o disk.Options
		var f *FS
		synced := make(chan error, 1)
		arm := once(&o, disk.Mkdir, above+"/one", func() {
			go func() { synced <- f.SyncDir(above) }()
			synctest.Wait()
		})
		d := newDisk(o)
		f = start(t, d.For(nil))
		must(t, f.MkdirYoung(above+"/one.new"), put(f, above+"/one.new/status", vfs.Create, "pending"), f.Rename(above+"/one.new", above+"/one"))
		arm()
		must(t, f.writeOut(f.young[above+"/one"]), <-synced)
		d.PowerCut(disk.LoseAll, nil)
		if got := get(start(t, d.For(nil)), above+"/one/status"); got != "pending" {
			t.Errorf("it has %q", got)
		}
	})
}

// What is left below of a directory that could not leave does not come back in its place, when
// it is removed and the process dies before that is safe.
func TestShadowOfRemoved(t *testing.T) {
	var dies error
	d := newDisk(disk.Options{})
	f := start(t, d.For(func() error { return dies }))
	must(t, makeUnit(f, "one", "pending"))
	d.SetFault(func(op disk.Op, name string) error {
		if op == disk.Sync && name == above+"/journal-0" {
			return errKilled
		}
		return nil
	})
	if err := f.writeOut(f.young[above+"/one"]); err == nil {
		t.Fatal("it has left the journal")
	}
	must(t, d.For(nil).SyncDir(above))
	d.SetFault(nil)
	must(t, put(f, above+"/one/status", vfs.Create, "over"), f.RemoveAll(above+"/one"))
	d.SetFault(func(op disk.Op, name string) error {
		if op == disk.SyncDir && name == above {
			dies = errKilled
		}
		return dies
	})
	if err := f.SyncDir(above); err == nil {
		t.Fatal("it did not die")
	}
	d.SetFault(nil)
	d.PowerCut(disk.LoseAll, nil)
	f = start(t, d.For(nil))
	if got := get(f, above+"/one/status"); got != "over" {
		t.Errorf("it has %q", got)
	}
}

// A journal that may have forgotten a directory, and may have not, has it again before what is
// below is removed.
func TestForgottenPerhaps(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"))
	d.SetFault(func(op disk.Op, name string) error {
		if op == disk.Sync && name == above+"/journal-0" {
			return errors.New("the disk is broken")
		}
		return nil
	})
	if err := f.writeOut(f.young[above+"/one"]); err == nil {
		t.Fatal("it has left the journal")
	}
	d.SetFault(nil)
	must(t, f.Rename(above+"/one", above+"/one.released"))
	if got := units(start(t, d.For(nil))); len(got) == 0 { // killed
		t.Error("it is lost")
	}
}
