package work

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim/disk"
)

// A release that is impossible for long is given up here, but not forgotten.
func TestReleaseIsOwed(t *testing.T) {
	const patience = 48 * time.Hour
	c := newCluster(t)
	c.patience = patience
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "input")
	b.next().exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "")
	c.setDown("b", errors.New("no route to node b"))
	if got := a.do("work release " + id); got != `{"release pending":"`+id+`"}` {
		t.Errorf("answer %s", got)
	}
	c.clock.advance(patience / 2)
	a.m.exchanges.Wait()
	// The age counts from the order, whatever restarts.
	a.stop()
	a.start()
	a.m.exchanges.Wait()
	a.wantStatus(id, Succeeded, "exit status 0")
	c.clock.advance(patience / 2)
	a.m.exchanges.Wait()
	if got := a.do("work status " + id); got != "ERROR: unknown work unit "+id {
		t.Errorf("status after the limit: %s", got)
	}
	want := []string{a.dir(id) + ".owed", a.dir(id) + ".owed/status"}
	if left := a.left(); !slices.Equal(left, want) {
		t.Errorf("left %v, want the tombstone %v", left, want)
	}
	if len(b.left()) == 0 {
		t.Error("the unit is gone on b already")
	}

	// It survives a restart too, and ends when the node is back.
	a.stop()
	a.fs.Put(a.dir(id)+".owed/stdout", "a crash has left this")
	a.start()
	a.m.exchanges.Wait()
	if left := a.left(); !slices.Equal(left, want) {
		t.Errorf("after a restart: left %v, want the tombstone %v", left, want)
	}
	if got := a.do("work list"); got != "{}" {
		t.Errorf("list %s", got)
	}
	c.setDown("b", nil)
	a.m.NodeReachable("b")
	a.m.exchanges.Wait()
	if left := append(a.left(), b.left()...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if got := len(a.m.wakeUp.queue) + len(a.m.wakeUp.byNode) + len(a.m.owed); got != 0 {
		t.Errorf("%d things still wait", got)
	}
}

// Each step of forgetting a unit may fail, and is done another time.
func TestForgetFails(t *testing.T) {
	for k := 0; ; k++ {
		c := newCluster(t)
		c.patience = time.Hour
		a, b := c.node("a"), c.node("b")
		id, _ := a.submit("b", "input")
		b.next().exit(Succeeded, "exit status 0")
		a.await(id, Succeeded, "")
		c.setDown("b", errors.New("no route to node b"))
		a.do("work release " + id)
		left := k
		a.fs.setBroken(func(op disk.Op, name string) error {
			if left--; left == -1 {
				return errDisk
			}
			return nil
		})
		c.clock.advance(time.Hour)
		a.m.exchanges.Wait()
		a.fs.setBroken(nil)
		a.stop()
		a.start()
		c.clock.advance(time.Hour)
		a.m.exchanges.Wait()
		if got := a.do("work list"); got != "{}" {
			t.Fatalf("operation %d failed: list %s", k, got)
		}
		if paths := a.left(); len(paths) != 2 || !strings.HasSuffix(paths[1], ".owed/status") {
			t.Fatalf("operation %d failed: left %v", k, paths)
		}
		if left >= 0 {
			if k < 4 {
				t.Errorf("there are only %d operations", k)
			}
			return
		}
	}
}

// Who waits for a release while the unit is forgotten is not told that it is done.
func TestReleaseIsForgottenMeanwhile(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		a.stop()
		c.patience = cancelWait / 2
		a.start()
		id, _ := a.submit("b", "")
		p := b.next()
		p.status(Running, "Running: PID 7")
		if got := a.do("work release " + id); got != `{"release pending":"`+id+`"}` {
			t.Errorf("answer %s", got)
		}
		if got := a.do("work list"); got != "{}" {
			t.Errorf("list %s", got)
		}
		p.exit(Canceled, detailCanceled)
		time.Sleep(time.Minute) // virtual
		if left := append(a.left(), b.left()...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}
