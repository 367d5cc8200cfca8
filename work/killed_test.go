package work

import (
	"errors"
	"math/rand/v2"
	"path"
	"testing"
	"time"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

var errKilled = errors.New("it was killed")

// killed is a disk in the hands of a process that is killed when it is about to sync a
// directory, or a file.
type killed struct {
	disk.View
	name string
	dead bool
}

func killedAtSync(d *memFS, name string) vfs.FS {
	k := &killed{name: name}
	k.View = d.For(func() error {
		if k.dead {
			return errKilled
		}
		return nil
	})
	return k
}

// SyncDir implements vfs.FS.
func (k *killed) SyncDir(dir string) error {
	k.dead = k.dead || dir == k.name
	return k.View.SyncDir(dir)
}

// Open implements vfs.FS.
func (k *killed) Open(name string, mode vfs.Mode) (vfs.File, error) {
	f, err := k.View.Open(name, mode)
	return &killedFile{f, k, name}, err
}

type killedFile struct {
	vfs.File
	k    *killed
	name string
}

// Sync implements vfs.File.
func (f *killedFile) Sync() error {
	f.k.dead = f.k.dead || f.name == f.k.name
	return f.File.Sync()
}

// powerCut stops the node, loses what was not synced, and starts it again.
func (n *testNode) powerCut() {
	n.stop()
	n.fs.PowerCut(disk.LoseAll, nil)
	n.start()
}

// stopWhileRunning submits a unit whose supervisor has started its command when the node stops.
func (n *testNode) stopWhileRunning() (id string, p *testProcess) {
	id, _ = n.submit("a", "")
	p = n.next()
	p.status(Running, "Running: PID 7")
	n.stop()
	return id, p
}

// A supervisor ends while its node is down, and its result is not safe: it was killed
// just before, or the disk did not take it. When the node shows that result, it is.
func TestUnsafeResult(t *testing.T) {
	for name, write := range map[string]func(n *testNode, dir string, s Status) error{
		"killed": func(n *testNode, dir string, s Status) error {
			return WriteStatus(killedAtSync(n.fs, dir+"/status"), dir, s)
		},
		"sync failed": func(n *testNode, dir string, s Status) error {
			n.breakStatus()
			defer n.fs.setBroken(nil)
			return WriteStatus(n.fs, dir, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newCluster(t).node("a")
			id, p := n.stopWhileRunning()
			s, err := ReadStatus(n.fs, p.Dir)
			if err != nil {
				t.Fatal(err)
			}
			s.State, s.Detail, s.ExtraData, s.Version = Succeeded, "exit status 0", nil, s.Version+1
			if err := write(n, p.Dir, s); err == nil {
				t.Fatal("the supervisor has written its result")
			}
			n.processes.found[p.Dir] = ErrSupervisorGone
			n.start()
			n.wantStatus(id, Succeeded, "exit status 0")
			n.powerCut()
			n.wantStatus(id, Succeeded, "exit status 0")
			n.do("work release " + id)
			if left := n.fs.Tree("/data/a"); len(left) > 0 {
				t.Errorf("after the release there is %q", left)
			}
		})
	}
}

// As long as the supervisor lives, a status that is not safe yet is not shown.
func TestUnsafeStatusOfLivingSupervisor(t *testing.T) {
	n := newCluster(t).node("a")
	id, p := n.stopWhileRunning()
	s, err := ReadStatus(n.fs, p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Detail
	s.Claim = mustJSON(p.Dir)
	s.State, s.Detail, s.Version = Succeeded, "exit status 0", s.Version+1
	if err := WriteStatus(killedAtSync(n.fs, p.Dir+"/status"), p.Dir, s); !errors.Is(err, errKilled) {
		t.Fatalf("it has ended with %v", err)
	}
	n.processes.found[p.Dir] = nil
	n.start()
	n.wantStatus(id, Running, before)
	n.next().exit(Succeeded, "exit status 0")
	n.wantStatus(id, Succeeded, "exit status 0")
}

// What follows from the status of a unit on another node, such as the name that it got
// there, must not be taken back either.
func TestStatusOfKilledNode(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	id, _ := a.submit("b", "")
	a.stop()
	s, err := ReadStatus(a.fs, a.dir(id))
	if err != nil {
		t.Fatal(err)
	}
	s.Detail, s.Version = "something else", s.Version+1
	if err := WriteStatus(killedAtSync(a.fs, a.dir(id)+"/status"), a.dir(id), s); !errors.Is(err, errKilled) {
		t.Fatalf("the node has ended with %v", err)
	}
	if got, err := ReadStatus(a.fs, a.dir(id)); err != nil || got.Detail == s.Detail {
		t.Errorf("it counts before it is safe: %q, %v", got.Detail, err)
	}
	a.start()
	a.stop()
	a.fs.PowerCut(disk.LoseAll, nil)
	if got, err := ReadStatus(a.fs, a.dir(id)); err != nil || got.Version < s.Version {
		t.Errorf("the start went on from version %d, and after a power cut it is %d, %v", s.Version, got.Version, err)
	}
}

// The same of an order: who gives it again is told at once that it will be carried out.
func TestOrderOfKilledNode(t *testing.T) {
	n := newCluster(t).node("a")
	id, p := n.stopWhileRunning()
	if err := replaceFile(killedAtSync(n.fs, p.Dir), path.Join(p.Dir, OrderFile), mustJSON(orders{Canceled: true})); !errors.Is(err, errKilled) {
		t.Fatalf("the node has ended with %v", err)
	}
	n.processes.found[p.Dir] = nil
	n.start()
	n.wantStatus(id, Running, "")
	n.processes.found[p.Dir] = ErrSupervisorGone
	n.powerCut()
	n.wantStatus(id, Canceled, "")
}

// The same of a key whose unit is released: the release that is asked for again is
// one of a unit that must not run again.
func TestKeyOfKilledNode(t *testing.T) {
	fsys := newMemFS()
	st := store{fs: fsys, dir: "/data/a"}
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, key := range []string{"b/unit0001/x", "b/unit0002/x"} {
		if _, err := st.scan(); err != nil {
			t.Fatal(err)
		}
		k := newKeys(st)
		if err := errors.Join(k.load(now), k.bury(key, "b", now)); err != nil {
			t.Fatal(err)
		}
		k.close()
	}
	fsys.Add("/data/a/"+keysFile, string(tombstone{Key: "b/unit0003/x", Over: now, From: "b"}.encode()))
	k := newKeys(st)
	if err := errors.Join(k.load(now), k.bury("b/unit0003/x", "b", now)); err != nil {
		t.Fatal(err)
	}
	fsys.PowerCut(disk.LoseAll, nil)
	k = newKeys(st)
	if err := k.load(now); err != nil {
		t.Fatal(err)
	}
	var over *overError
	if _, err := k.reserve("b/unit0003/x", now); !errors.As(err, &over) {
		t.Errorf("the key is free again: %v", err)
	}
}

// The same of a unit that was just made: who submits it again is told that it is there.
func TestUnitOfKilledNode(t *testing.T) {
	n := newCluster(t).node("b")
	n.stop()
	const id = "unit0001"
	status := newCommandStatus("cat", "")
	status.Submission = &identity{Key: "a/unit0002/x", From: "a"}
	st := store{fs: killedAtSync(n.fs, "/data/b"), dir: "/data/b"}
	if err := st.create(id, status); !errors.Is(err, errKilled) {
		t.Fatalf("the node has ended with %v", err)
	}
	n.start()
	n.wantStatus(id, Pending, "")
	n.powerCut()
	n.wantStatus(id, Pending, "")
}

// A power cut while a unit is being made or removed leaves all of it or nothing, also
// where it can leave a directory with its old name and its new one.
func TestHalfRenamedUnit(t *testing.T) {
	const id = "unit0001"
	for name, change := range map[string]func(d *memFS) error{
		"made": func(d *memFS) error {
			return store{fs: killedAtSync(d, "/data/a"), dir: "/data/a"}.create(id, newCommandStatus("cat", ""))
		},
		"removed": func(d *memFS) error {
			sound := store{fs: d, dir: "/data/a"}
			if err := sound.create(id, newCommandStatus("cat", "")); err != nil {
				t.Fatal(err)
			}
			return store{fs: killedAtSync(d, "/data/a"), dir: "/data/a"}.remove(id)
		},
	} {
		outcomes := make(map[int]int) // how often so many names were left
		for seed := range uint64(100) {
			d := newMemFS()
			d.Put("/data/a/"+keysFile, "")
			if err := change(d); !errors.Is(err, errKilled) {
				t.Fatalf("the node has ended with %v", err)
			}
			d.PowerCut(disk.Loss(seed%3), rand.New(rand.NewPCG(seed, 1)))
			names, err := d.ReadDir("/data/a")
			if err != nil {
				t.Fatal(err)
			}
			outcomes[len(names)-1]++
			st := store{fs: d, dir: "/data/a"}
			ids, err := st.scan()
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if _, err := ReadStatus(d, st.unitDir(id)); err != nil {
					t.Errorf("%s, seed %d: of %q is left a unit that cannot be used: %v", name, seed, names, err)
				}
			}
			if left := len(d.Tree("/data/a")) - 1; len(ids) == 0 && left > 0 {
				t.Errorf("%s, seed %d: of %q nothing is left but %q", name, seed, names, d.Tree("/data/a"))
			}
		}
		if outcomes[2] == 0 || outcomes[1] == 0 {
			t.Errorf("%s: so many names were left: %v, want one, and two", name, outcomes)
		}
	}
}
