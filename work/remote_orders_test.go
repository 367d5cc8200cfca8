package work

import (
	"errors"
	"testing"
	"time"
)

func TestCancelRemote(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	live := a.results(id, 0)
	p.status(Running, "Running: PID 7")
	a.learns(id)
	answer := make(chan string)
	go func() { answer <- a.do("work cancel " + id) }()
	<-p.canceled
	p.output("bye")
	p.exit(Canceled, "Canceled")
	if got := <-answer; got != `{"cancelled":"`+id+`"}` {
		t.Errorf("answer %s", got)
	}
	a.wantEnd(live, "bye")
	a.wantStatus(id, Canceled, "Canceled")
}

func TestCancelPending(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	p.status(Running, "Running: PID 7")
	a.learns(id)
	c.setDown("b", errors.New("no route to node b"))
	c.cut()
	if got := a.do("work cancel " + id); got != `{"cancel pending":"`+id+`"}` {
		t.Errorf("answer %s", got)
	}
	a.wantStatus(id, Running, "")
	a.stop()
	a.start()
	a.m.exchanges.Wait()
	c.setDown("b", nil)
	a.m.NodeReachable("b")
	<-p.canceled
	p.exit(Canceled, "Canceled")
	a.await(id, Canceled, "Canceled")
}

func TestCancelBeforeStart(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	id, _ := a.submit("b", "")
	if got := a.do("work cancel " + id); got != `{"cancelled":"`+id+`"}` {
		t.Errorf("answer %s", got)
	}
	a.wantStatus(id, Failed, "Locally Cancelled")
	dials := c.dialled()
	c.clock.advance(time.Hour)
	if c.dialled() != dials {
		t.Error("it is still tried")
	}
}

func TestReleasePending(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	b.next().exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "")
	c.setDown("b", errors.New("no route to node b"))
	if got := a.do("work release " + id); got != `{"release pending":"`+id+`"}` {
		t.Errorf("answer %s", got)
	}
	a.stop()
	a.start()
	a.m.exchanges.Wait()
	c.setDown("b", nil)
	r, err := a.m.find(id)
	if err != nil {
		t.Fatal(err)
	}
	a.m.NodeReachable("b")
	if _, err := r.base().await(t.Context(), func(s *snapshot) bool { return s.released }); err != nil {
		t.Fatal(err)
	}
	if left := append(a.left(), b.left()...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// A node that is long about a release is asked until it is done: before that nobody is
// told that it is.
func TestReleaseTakesLong(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		id, _ := a.submit("b", "")
		p := b.next()
		p.status(Running, "Running: PID 7")
		if got := a.do("work release " + id); got != `{"release pending":"`+id+`"}` {
			t.Errorf("answer %s", got)
		}
		time.Sleep(3 * cancelWait) // virtual
		if got := a.do("work release " + id); got != `{"release pending":"`+id+`"}` {
			t.Errorf("answer to another one %s", got)
		}
		if len(a.left()) == 0 || len(b.left()) == 0 {
			t.Error("it is gone before its processes are")
		}
		released := make(chan string)
		go func() { released <- a.do("work release " + id) }()
		p.exit(Canceled, detailCanceled)
		if got := <-released; got != `{"released":"`+id+`"}` {
			t.Errorf("answer in the end %s", got)
		}
		if left := append(a.left(), b.left()...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestForceRelease(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	live := a.results(id, 0)
	p.output("x")
	a.wantOutput(live, "x")
	c.setDown("b", errors.New("no route to node b"))
	if got := a.do("work force-release " + id); got != `{"released":"`+id+`"}` {
		t.Errorf("answer %s", got)
	}
	a.wantEnd(live, "")
	if left := a.fs.Tree("/data/a"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
