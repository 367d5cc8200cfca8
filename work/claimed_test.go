package work

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
)

// A cancelled unit for which a supervisor may have been started, and not have
// claimed it: that one must not write its status too.
func TestEndOfUnclaimed(t *testing.T) {
	for _, order := range []string{`{"Canceled":true}`, `{"Canceled":true,"Released":true}`} {
		c := newCluster(t)
		n := c.node("a")
		id, _ := n.submit("a", "")
		dir := n.next().Dir
		n.stop()
		n.fs.Put(path.Join(dir, OrderFile), order)
		n.processes.failForbid(errDisk)
		n.start()
		n.wantStatus(id, Pending, "Starting Worker")
		n.processes.failForbid(nil)
		c.clock.advance(retryPause)
		if !slices.Equal(n.processes.forbidden, []string{dir}) {
			t.Errorf("forbidden: %v", n.processes.forbidden)
		}
		if strings.Contains(order, "Released") {
			if left := n.left(); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			continue
		}
		n.wantStatus(id, Canceled, "Canceled")
	}
}

// The supervisor was faster: it is told.
func TestClaimedMeanwhile(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	dir := n.next().Dir
	n.stop()
	n.fs.Put(path.Join(dir, OrderFile), `{"Canceled":true}`)
	n.processes.claimNext(dir)
	n.start()
	p := n.next()
	<-p.canceled
	n.wantStatus(id, Pending, "Starting Worker")
	p.exit(Canceled, "Canceled")
	n.wantStatus(id, Canceled, "Canceled")
}

// A unit whose supervisor cannot be looked for may run, so it has its place.
func TestUnknownSupervisorHasAPlace(t *testing.T) {
	c := newCluster(t)
	n := c.node("a")
	n.stop()
	n.types = []Type{{Name: "one", Command: "cat", MaxParallel: 1}}
	n.start()
	submit := func() (id string) {
		sub, err := n.client().Submit(map[string]string{"node": "a", "worktype": "one"})
		if err == nil {
			_, err = sub.Finish(strings.NewReader(""))
		}
		if err != nil {
			t.Fatal(err)
		}
		return sub.UnitID
	}
	first := submit()
	dir := n.next().Dir
	n.stop()
	n.processes.found[dir] = errors.New("too many open files")
	n.start()
	second := submit()
	n.wantStatus(second, Pending, "Queued: number 1 of 1")
	// It was never started: then it waits again, as the first.
	n.processes.mu.Lock()
	delete(n.processes.found, dir)
	n.processes.mu.Unlock()
	c.clock.advance(retryPause)
	if p := n.next(); p.Dir != dir {
		t.Errorf("%s was started, want the first unit %s", p.Dir, first)
	} else {
		p.exit(Succeeded, "exit status 0")
	}
	if p := n.next(); p.Dir != n.dir(second) {
		t.Errorf("%s was started, want the second unit", p.Dir)
	}
}

// A stdin that was dropped does not come back after a crash, behind one that is
// empty.
func TestDroppedInputIsSynced(t *testing.T) {
	n := newCluster(t).node("a")
	mark := stdinMark{}.String() // of nothing, but for the sum
	sub, _, err := n.submitAs("k", strings.Repeat("wrong", maxShort), mark)
	if err == nil || !strings.Contains(err.Error(), incompleteText) {
		t.Fatalf("%v", err)
	}
	ops := n.fs.history(n.dir(sub.UnitID))
	at := slices.Index(ops, "truncate ./stdin")
	if at < 0 || !slices.Contains(ops[at:], "sync ./stdin") {
		t.Errorf("changes: %v", ops)
	}
}
