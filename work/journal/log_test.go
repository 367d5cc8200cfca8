package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// A journal that could not begin anew has left a file that counts after a crash: what is synced
// from then on must not go to the older one.
func TestBeginningAnewFails(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"), makeUnit(f, "two", "pending"))
	d.SetFault(func(op disk.Op, name string) error {
		if op == disk.Sync && name == above+"/journal-1" {
			return errors.New("the disk is broken")
		}
		return nil
	})
	for put(f, above+"/two/status", vfs.Create, strings.Repeat("x", maxDirectory-1000)) == nil {
	}
	d.SetFault(nil)
	must(t, put(f, above+"/one/status", vfs.Create, "over"))
	f = start(t, d.For(nil)) // killed
	if got := get(f, above+"/one/status"); got != "over" {
		t.Errorf("it has %q", got)
	}
}

// Once the journal has begun anew, what it was before does not count in its place: a damage is
// told, and nothing that was removed comes back.
func TestOutOfDate(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"))
	for i := 0; f.log.generation == 1; i++ {
		id := fmt.Sprint(i)
		must(t, makeUnit(f, id, strings.Repeat("x", 1000)), removeUnit(f, id))
	}
	h, err := d.For(nil).Open(above+"/journal-1", vfs.Update)
	must(t, err)
	_, err = h.WriteAt([]byte{0xff}, int64(headerSize+frameSize))
	must(t, err, h.Close())
	f = New(d.For(nil), above)
	if damaged, err := f.Recover(); err != nil || damaged == nil {
		t.Errorf("%v, %v; there are %v", damaged, err, units(f))
	}
	if _, found := d.Content(above + "/journal-1.damaged"); !found {
		t.Error("it is not kept")
	}
}

// A disk on which there was room for the journal has it for as many changes as come.
func TestRoomIsTakenAtFirst(t *testing.T) {
	d := newDisk(disk.Options{})
	f := start(t, d.For(nil))
	must(t, makeUnit(f, "one", "pending"))
	d.SetRoom(0)
	for range 2 * minLog / 1000 {
		must(t, put(f, above+"/one/status", vfs.Create, strings.Repeat("x", 1000)))
	}
}
