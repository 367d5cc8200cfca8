package work

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"receptor/sim/disk"
)

// breakSync has syncs of a directory fail, or succeed again with "".
func (n *testNode) breakSync(dir string) {
	n.fs.setBroken(func(op disk.Op, name string) error {
		if op == disk.SyncDir && name == dir {
			return errDisk
		}
		return nil
	})
}

// told returns how many events there were of each kind since it was asked last.
func (n *testNode) told() (unavailable, available, unread int) {
	for len(n.events) > 0 {
		switch e := (<-n.events).(type) {
		case UnitsUnavailable:
			unavailable++
		case UnitsAvailable:
			available++
		case UnitUnreadable:
			if e.Again {
				unread++
			}
		}
	}
	return unavailable, available, unread
}

// A node whose disk does not work takes no units, and says why; nobody takes those
// that it has for unknown. It takes them up once the disk works.
func TestStartWithoutDisk(t *testing.T) {
	bubble(t, testStartWithoutDisk)
}

func testStartWithoutDisk(t *testing.T, c *cluster) {
	c.follow = true
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "input")
	p := b.next()
	p.status(Running, "Running: PID 7")
	a.await(id, Running, "")
	b.stop()
	c.cut()
	b.breakSync("/data/b")
	b.processes.found[p.Dir] = nil
	b.start()
	if err := b.m.Available(); !errors.Is(err, errDisk) {
		t.Errorf("available: %v", err)
	}
	for _, command := range []string{"list", "status zzzzzzzz", "cancel zzzzzzzz", "results zzzzzzzz", "submit b cat"} {
		if got := b.do("work " + command); !strings.HasPrefix(got, "ERROR: "+unavailableText) || !strings.Contains(got, errDisk.Error()) {
			t.Errorf("%s: %s", command, got)
		}
	}
	// Others neither give up what they know to be there, nor what is to go there.
	time.Sleep(2 * retryPause)
	a.await(id, Running, unavailableText)
	late, result := a.submit("b", "")
	if !strings.Contains(result, "Job Submitted") {
		t.Errorf("submission: %s", result)
	}
	a.await(late, Pending, unavailableText)
	if unavailable, available, _ := b.told(); unavailable != 1 || available != 0 {
		t.Errorf("told %d times that there are none, and %d times that there are", unavailable, available)
	}

	b.breakSync("")
	time.Sleep(2 * retryPause)
	if err := b.m.Available(); err != nil {
		t.Error(err)
	}
	if unavailable, available, _ := b.told(); unavailable != 0 || available != 1 {
		t.Errorf("then told %d times that there are none, and %d times that there are", unavailable, available)
	}
	b.next().exit(Succeeded, "exit status 0")
	b.next().exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "")
	a.await(late, Succeeded, "")
	a.stop()
	b.stop()
}

// A unit that is not complete, and could not be synced or read when its node
// started, is taken up later.
func TestUnitTakenUpLater(t *testing.T) {
	for _, test := range []struct {
		name        string
		spoil, mend func(n *testNode, dir string)
	}{
		{
			name: "sync",
			spoil: func(n *testNode, dir string) {
				content := n.fs.get(dir + "/status")
				n.fs.Put(dir+"/status", content[:len(content)-1]+" ") // a power cut may leave it so
				n.breakFile(dir + "/status")
			},
			mend: func(n *testNode, _ string) { n.breakFile("") },
		},
		{
			name: "directory",
			spoil: func(n *testNode, dir string) {
				lines := strings.Split(n.fs.get(dir+"/status"), "\n")
				n.fs.Put(dir+"/status", "{"+strings.TrimPrefix(lines[len(lines)-2], "{")+" ") // written anew, not known to be safe
				n.breakSync(dir)
			},
			mend: func(n *testNode, _ string) { n.breakSync("") },
		},
		{
			name:  "status",
			spoil: func(n *testNode, dir string) { n.fs.setUnread(dir + "/status") },
			mend:  func(n *testNode, _ string) { n.fs.setUnread("") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			n := c.node("a")
			sub, _, err := n.submitAs("k", "", "")
			if err != nil {
				t.Fatal(err)
			}
			id := sub.UnitID
			p := n.next()
			p.status(Running, "Running: PID 7")
			n.stop()
			test.spoil(n, n.dir(id))
			n.start()
			other, _ := n.submit("a", "") // all else goes on
			n.next().exit(Succeeded, "exit status 0")
			n.wantStatus(other, Succeeded, "")
			if got := n.do("work status " + id); !strings.HasPrefix(got, "ERROR: "+unavailableText+" work unit "+id) {
				t.Errorf("answer %s", got)
			}
			c.clock.advance(retryPause)
			test.mend(n, n.dir(id))
			n.processes.found[p.Dir] = nil
			c.clock.advance(retryPause)
			if _, _, unread := n.told(); unread != 1 {
				t.Errorf("told %d times", unread)
			}
			n.wantStatus(id, Running, "Running: PID 7")
			if got := n.fs.get(n.dir(id) + "/damaged"); got != "" {
				t.Errorf("still marked: %s", got)
			}
			again, _, err := n.submitAs("k", "", "")
			if err != nil || again.UnitID != id {
				t.Errorf("its submission: %v, %v", again, err)
			}
			n.next().exit(Succeeded, "exit status 0")
			n.wantStatus(id, Succeeded, "exit status 0")
		})
	}
}

// An order of a former run that could not be read when its node started is carried out
// once it can be: whoever gave it was told so.
func TestOrderTakenUpLater(t *testing.T) {
	c := newCluster(t)
	n := c.node("a")
	id, p := n.stopWhileRunning()
	order := path.Join(p.Dir, OrderFile)
	n.fs.Put(order, `{"Canceled":true}`)
	n.fs.setUnread(order)
	n.processes.found[p.Dir] = nil
	n.start()
	c.clock.advance(retryPause)
	n.wantStatus(id, Running, "Running: PID 7")
	n.fs.setUnread("")
	c.clock.advance(retryPause)
	<-n.next().canceled
}

// A submission that has made another unit while its first could not be read keeps
// that one.
func TestSubmissionOfUnreadUnit(t *testing.T) {
	c := newCluster(t)
	n := c.node("a")
	first, _, err := n.submitAs("k", "", "")
	if err != nil {
		t.Fatal(err)
	}
	p := n.next()
	n.stop()
	n.fs.setUnread(p.Dir + "/status")
	n.start()
	second, _, err := n.submitAs("k", "", "")
	if err != nil || second.UnitID == first.UnitID {
		t.Fatalf("%v, %v", second, err)
	}
	n.next()
	n.fs.setUnread("")
	c.clock.advance(retryPause)
	if got := n.do("work status " + first.UnitID); !strings.Contains(got, "is damaged") || !strings.Contains(got, "its submission has made unit "+second.UnitID) {
		t.Errorf("answer %s", got)
	}
	if again, _, err := n.submitAs("k", "", ""); err != nil || again.UnitID != second.UnitID {
		t.Errorf("%v, %v", again, err)
	}
}

// A node waits until another process has done with the directory, and then keeps
// others from it for as long as it runs.
func TestStartLocksDirectory(t *testing.T) {
	c := newCluster(t)
	n := c.node("a")
	n.stop()
	locked := errors.New("another process uses it")
	var held bool
	n.lock = func(dir string) (unlock func(), err error) {
		if _, err := n.fs.ReadDir(dir); err != nil {
			t.Error(err)
		}
		held = locked == nil
		return func() { held = false }, locked
	}
	n.start()
	if got := n.do("work list"); !strings.Contains(got, "another process uses it") {
		t.Errorf("answer %s", got)
	}
	locked = nil
	c.clock.advance(retryPause)
	if got := n.do("work list"); got != "{}" || !held {
		t.Errorf("answer %s, locked %v", got, held)
	}
	n.stop()
	if held {
		t.Error("it is locked after the end")
	}
}
