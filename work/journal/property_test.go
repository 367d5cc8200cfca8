package journal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// kept is what is known of a unit: whether it exists, and what of its file is safe.
type kept struct {
	maybe, surely bool // it exists
	safe          string
	text          string
	// tainted: a sync has failed, which another does not make up for.
	tainted bool
}

// world plays with a file system on a disk that breaks, and whose power is cut.
type world struct {
	t     *rapid.T
	d     *disk.Disk
	f     *FS
	dead  func() // ends the process that has f
	units map[string]*kept
}

func (w *world) start() {
	var err error
	w.dead = func() { err = errors.New("killed") }
	w.f = New(w.d.For(func() error { return err }), above)
	if damaged, err := w.f.Recover(); err != nil || damaged != nil {
		w.t.Fatal(damaged, err)
	}
	if err := w.f.SyncDir(above); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range units(w.f) { // as package work does
		id, _, temporary := strings.Cut(name, ".")
		if !temporary {
			continue
		}
		// A rename can leave both names, of one directory.
		if err := errors.Join(w.f.RemoveAll(path.Join(above, id)), w.f.RemoveAll(path.Join(above, name)), w.f.SyncDir(above)); err != nil {
			w.t.Fatal(err)
		}
	}
	names := units(w.f)
	for _, id := range slices.Sorted(maps.Keys(w.units)) {
		u := w.units[id]
		switch there := slices.Contains(names, id); {
		case there && !u.maybe:
			w.t.Fatalf("unit %s is back", id)
		case !there && u.surely:
			w.t.Fatalf("unit %s is lost: there are %v", id, names)
		case there:
			got := get(w.f, path.Join(above, id, "status"))
			if !strings.HasPrefix(got, u.safe) {
				w.t.Fatalf("unit %s has %q, and %q was safe", id, got, u.safe)
			}
			u.maybe, u.surely, u.text = true, true, got
		default:
			*u = kept{}
		}
	}
}

func (w *world) do(op, id string, size int) {
	u := w.units[id]
	dir := path.Join(above, id)
	switch op {
	case "make":
		if u.maybe {
			return
		}
		text := fmt.Sprintf("unit %s of %d;", id, size)
		u.maybe = true
		if makeUnit(w.f, id, text) == nil {
			u.surely, u.safe, u.text = true, text, text
		} else if w.f.RemoveAll(dir+".new") == nil && w.f.RemoveAll(dir) == nil && w.f.SyncDir(above) == nil {
			u.maybe = false
		}
	case "write", "sync":
		if !u.surely {
			return
		}
		h, err := w.f.Open(dir+"/status", vfs.Append)
		if err != nil {
			return
		}
		more := strings.Repeat(fmt.Sprint(size%10), size)
		n, _ := h.Write([]byte(more))
		u.text += more[:n]
		if op == "sync" {
			u.tainted = h.Sync() != nil || u.tainted
			if !u.tainted {
				u.safe = u.text
			}
		}
		h.Close()
	case "remove":
		if !u.surely {
			return
		}
		u.surely, u.safe = false, ""
		if removeUnit(w.f, id) == nil {
			*u = kept{}
		}
	case "settle":
		_ = w.f.Settle()
	case "break":
		r := rand.New(rand.NewPCG(uint64(size), 1))
		w.d.SetFault(func(op disk.Op, _ string) error {
			if op.Changes() && r.IntN(3) == 0 {
				return disk.ErrIO
			}
			return nil
		})
	case "mend":
		w.d.SetFault(nil)
	case "power cut", "kill":
		w.dead()
		w.d.SetFault(nil)
		if op == "power cut" {
			w.d.PowerCut(disk.Loss(size%3), rand.New(rand.NewPCG(uint64(size), 2)))
		}
		w.start()
	}
}

// Whatever is done, fails, and is lost in between: what was synced is there, and what was
// removed is not.
func TestSurvives(t *testing.T) {
	ops := []string{"make", "make", "write", "write", "sync", "sync", "sync", "remove", "settle", "settle", "break", "mend", "mend", "power cut", "kill"}
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, d: newDisk(disk.Options{}), units: map[string]*kept{"a": {}, "b": {}, "c": {}}}
		w.start()
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			op := rapid.SampledFrom(ops).Draw(rt, "op")
			id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "unit")
			size := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(0, 2*maxDirectory)).Draw(rt, "size")
			w.do(op, id, size)
		}
		w.do("power cut", "", 0)
	})
}
