package journal

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"receptor/sim/disk"
)

// Whoever syncs the directory while somebody else does shares the next sync of it with all
// who wait, whatever is changed meanwhile.
func TestDirectorySyncIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var syncs atomic.Int32
		d := newDisk(disk.Options{Sleep: time.Sleep, After: func(op disk.Op, name string, _ []byte) {
			if op == disk.SyncDir && name == above {
				syncs.Add(1)
			}
		}})
		f := start(t, d.For(nil))
		d.SetLatency(time.Second)
		change := func(name string) {
			if err := f.MkdirAll(above + "/" + name); err != nil {
				t.Error(err)
			}
		}
		synced := []string{"one", "two", "three", "four"}
		for _, name := range synced {
			go func() {
				change(name)
				if err := f.SyncDir(above); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Second / 10) // so that the others wait for the first
		}
		go func() {
			time.Sleep(time.Second)
			change("five") // while the second sync is under way
		}()
		time.Sleep(time.Minute)
		if n := syncs.Load(); n != 2 {
			t.Errorf("%d syncs of the directory, want one for the first, and one for the others", n)
		}
		d.SetLatency(0)
		d.PowerCut(disk.LoseAll, nil)
		got := units(start(t, d.For(nil)))
		for _, name := range synced {
			if !slices.Contains(got, name) {
				t.Errorf("%s is not there: %v", name, got)
			}
		}
	})
}
