package work

import (
	"errors"
	"strings"
	"testing"
	"time"

	"receptor/sim/disk"
)

// breakFile has changes of some files of a node fail, or succeed again with "".
func (n *testNode) breakFile(ending string) {
	n.fs.setBroken(func(_ disk.Op, name string) error {
		if ending != "" && strings.HasSuffix(name, ending) {
			return errDisk
		}
		return nil
	})
}

// endUnread ends a supervisor that has left a result which cannot be read just now.
func (p *testProcess) endUnread(n *testNode) {
	s, err := ReadStatus(p.fs, p.Dir)
	if err != nil {
		n.t.Fatal(err)
	}
	s.State, s.Detail, s.ExtraData = Succeeded, "exit status 0", nil
	if err := WriteStatus(p.fs, p.Dir, s); err != nil {
		n.t.Fatal(err)
	}
	n.fs.setUnread(p.Dir + "/status")
	p.watcher.Ended(true, "exit status 0")
}

// A result that cannot be read, for want of open files perhaps, is no result that
// is missing: nothing replaces it, and it is read later.
func TestResultCannotBeRead(t *testing.T) {
	t.Run("when the supervisor ends", func(t *testing.T) {
		c := newCluster(t)
		n := c.node("a")
		id, _ := n.submit("a", "")
		p := n.next()
		p.status(Running, "Running: PID 7")
		p.endUnread(n)
		n.wantStatus(id, Running, "Running: PID 7")
		if err := WriteStatus(n.fs, p.Dir, Status{State: Failed, WorkType: "cat"}); err == nil {
			t.Error("a status that may be terminal was replaced")
		}
		n.fs.setUnread("")
		c.clock.advance(retryPause)
		n.wantStatus(id, Succeeded, "exit status 0")
	})
	t.Run("after a restart", func(t *testing.T) {
		c := newCluster(t)
		n := c.node("a")
		id, _ := n.submit("a", "")
		p := n.next()
		p.status(Running, "Running: PID 7")
		n.stop()
		n.processes.found[p.Dir] = errors.New("too many open files")
		n.start()
		n.wantStatus(id, Running, "Running: PID 7")
		n.processes.found[p.Dir] = nil
		c.clock.advance(retryPause)
		n.next().exit(Succeeded, "exit status 0")
		n.wantStatus(id, Succeeded, "exit status 0")
	})
}

// What is acknowledged is on disk, or is not acknowledged.
func TestNothingUnsavedIsAcknowledged(t *testing.T) {
	t.Run("submission", func(t *testing.T) {
		c := newCluster(t)
		a := c.node("a")
		sub, err := a.client().Submit(map[string]string{"node": "b", "worktype": "cat"})
		if err != nil {
			t.Fatal(err)
		}
		a.breakFile("/status")
		if result, err := sub.Finish(strings.NewReader("input")); err == nil {
			t.Errorf("answer %q, although a restart would lose the unit", result)
		}
		// Nor is the end, which a restart would take back.
		a.wantStatus(sub.UnitID, Pending, "; its end cannot be written down: write the status of a unit: ")
		a.breakFile("")
		c.clock.advance(retryPause)
		a.wantStatus(sub.UnitID, Failed, "Error starting worker: ")
		a.stop()
		a.start()
		a.wantStatus(sub.UnitID, Failed, "Error starting worker: ")
	})
	t.Run("order", func(t *testing.T) {
		c := newCluster(t)
		a, b := c.node("a"), c.node("b")
		id, _ := a.submit("b", "")
		b.next()
		c.setDown("b", errors.New("no route to node b"))
		c.cut()
		a.breakFile("/status")
		if got := a.do("work cancel " + id); !strings.HasPrefix(got, "ERROR: ") || !strings.Contains(got, errDisk.Error()) {
			t.Errorf("answer %s", got)
		}
		a.breakFile("")
		if got := a.do("work cancel " + id); got != `{"cancel pending":"`+id+`"}` {
			t.Errorf("answer %s", got)
		}
		if got := a.fs.get(a.dir(id) + "/status"); !strings.Contains(got, `"LocalCancelled":true`) {
			t.Errorf("it is not on disk: %s", got)
		}
	})
}

// An end that the disk does not take is not shown: a restart would take it back.
func TestEndCannotBeWritten(t *testing.T) {
	lose := func(n *testNode) (id string, p *testProcess) {
		id, _ = n.submit("a", "")
		p = n.next()
		p.status(Running, "Running: PID 7")
		n.breakFile("/status")
		p.watcher.Ended(true, "signal: killed")
		n.wantStatus(id, Running, "Running: PID 7; its end cannot be written down: write the status of a unit: ")
		return id, p
	}
	t.Run("for a while", func(t *testing.T) {
		c := newCluster(t)
		n := c.node("a")
		id, _ := lose(n)
		for range 3 {
			c.clock.advance(retryPause)
		}
		problems := 0
		for len(n.events) > 0 {
			if _, ok := (<-n.events).(UnitProblem); ok {
				problems++
			}
		}
		if problems != 1 {
			t.Errorf("the same problem was told %d times", problems)
		}
		n.wantStatus(id, Running, "Running: PID 7; its end cannot be written down: ")
		n.breakFile("")
		c.clock.advance(retryPause)
		n.wantStatus(id, Failed, "ended early (signal: killed)")
	})
	t.Run("until a restart", func(t *testing.T) {
		c := newCluster(t)
		n := c.node("a")
		id, p := lose(n)
		n.stop()
		n.breakFile("")
		n.processes.found[p.Dir] = ErrSupervisorGone
		n.start()
		n.wantStatus(id, Failed, "ended early (while this node was down)")
	})
	t.Run("until its release", func(t *testing.T) {
		n := newCluster(t).node("a")
		id, _ := lose(n)
		if got := n.do("work cancel " + id); !strings.HasPrefix(got, "ERROR: ") || !strings.Contains(got, errDisk.Error()) {
			t.Errorf("cancel: %s", got)
		}
		if got := n.do("work release " + id); got != `{"released":"`+id+`"}` {
			t.Errorf("release: %s", got)
		}
		if left := n.left(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("of a unit on another node", func(t *testing.T) {
		bubble(t, func(t *testing.T, c *cluster) {
			a, b := c.node("a"), c.node("b")
			id, _ := a.submit("b", "")
			a.breakFile("/status")
			b.next().exit(Succeeded, "exit status 0")
			time.Sleep(retryPause)
			a.wantStatus(id, Pending, "; its end cannot be written down: ")
			a.breakFile("")
			time.Sleep(time.Minute)
			a.wantStatus(id, Succeeded, "exit status 0")
			a.stop()
			b.stop()
		})
	})
}

// An order that cannot be written down is carried out all the same, if this node
// does not stop before.
func TestOrderOnFullDisk(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	p.status(Running, "Running: PID 7")
	n.breakFile("/order.tmp")
	for range 2 {
		if got := n.do("work release " + id); !strings.HasPrefix(got, "ERROR: the order is tried until this node stops, and then lost") {
			t.Errorf("answer %s", got)
		}
		<-p.canceled
	}
	p.exit(Canceled, "Canceled")
	if left := n.left(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Who releases units because the disk is full must not need space for that.
func TestReleaseOnFullDisk(t *testing.T) {
	n := newCluster(t).node("a")
	sub, _, err := n.submitAs("k", "", "")
	if err != nil {
		t.Fatal(err)
	}
	n.next().exit(Succeeded, "exit status 0")
	full := true
	n.fs.setBroken(func(op disk.Op, name string) error {
		if op == "remove" && strings.HasSuffix(name, "/stdout") {
			full = false
		}
		if full && (op == "write" || op == "create") {
			return errDisk
		}
		return nil
	})
	if got := n.do("work release " + sub.UnitID); got != `{"released":"`+sub.UnitID+`"}` {
		t.Errorf("answer %s", got)
	}
	if left := n.left(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, _, err := n.submitAs("k", "", ""); err == nil || !strings.Contains(err.Error(), "is over") {
		t.Errorf("its key: %v", err)
	}
}

// A unit that cannot be removed is removed later, without another order.
func TestReleaseIsTriedAgain(t *testing.T) {
	released := func(n *testNode, id string) {
		n.t.Helper()
		if _, err := n.m.find(id); err == nil {
			n.t.Error("the unit stays")
		}
		if left := n.left(); len(left) != 0 {
			n.t.Errorf("left: %v", left)
		}
	}
	t.Run("command", func(t *testing.T) {
		c := newCluster(t)
		n := c.node("a")
		id, _ := n.submit("a", "")
		p := n.next()
		p.status(Running, "Running: PID 7")
		answer := make(chan error, 1)
		client := n.client()
		go func() {
			_, err := client.Do("work release " + id)
			answer <- err
		}()
		<-p.canceled
		n.breakFile(endingReleased)
		p.exit(Canceled, "Canceled")
		n.breakFile("")
		c.clock.advance(retryPause)
		<-answer
		released(n, id)
	})
	t.Run("never started", func(t *testing.T) { // and half removed at first
		c := newCluster(t)
		n := c.node("a")
		n.processes.fail = errors.New("no more processes")
		id, _ := n.submit("a", "")
		n.breakSync("/data/a")
		if got := n.do("work release " + id); !strings.Contains(got, errDisk.Error()) {
			t.Errorf("answer %s", got)
		}
		n.fs.setBroken(nil)
		c.clock.advance(retryPause)
		released(n, id)
	})
	t.Run("remote", func(t *testing.T) {
		c := newCluster(t)
		a, b := c.node("a"), c.node("b")
		id, _ := a.submit("b", "")
		b.next().exit(Succeeded, "exit status 0")
		a.await(id, Succeeded, "")
		a.breakFile(id + endingReleased)
		if got := a.do("work release " + id); got != `{"release pending":"`+id+`"}` {
			t.Errorf("answer %s", got)
		}
		a.breakFile("")
		c.clock.advance(time.Second)
		released(a, id)
	})
}
