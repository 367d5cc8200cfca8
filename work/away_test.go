package work

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// While the node of a unit that runs is away, the unit says so, and since when.
func TestNodeIsAway(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	p.status(Running, "Running: PID 7")
	a.learns(id)
	c.setDown("b", errors.New("no route to node b"))
	c.cut()
	a.m.exchanges.Wait()
	c.clock.advance(retryFirst)
	a.m.exchanges.Wait()
	// Whether the break itself was noticed at once depends on where it was.
	want := a.await(id, Running, "Running: PID 7; node b cannot be reached: no route to node b (since 2026-11-24 00:45:0").Detail
	for range 2 {
		if s := a.await(id, Running, "cannot be reached"); s.Detail != want {
			t.Errorf("detail %q, want %q", s.Detail, want)
		}
		c.clock.advance(time.Hour)
		a.m.exchanges.Wait()
		a.stop()
		a.start() // it still knows since when
		a.m.exchanges.Wait()
	}
	c.setDown("b", nil)
	a.m.NodeReachable("b")
	a.await(id, Running, "Running: PID 7")
	p.exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "exit status 0")
	if s := a.await(id, Succeeded, ""); s.Detail != "exit status 0" {
		t.Errorf("detail %q", s.Detail)
	}
}

// A node that dies in the middle of a stdin is given up when there has been no
// route to it for a while, not when the connection idles out.
func TestNodeDiesMidStdin(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	c.plain["b"] = false
	id, result := a.submitLater("b", strings.Repeat("input ", 100_000))
	s := accept().greet()
	s.expect(`"receptor_submission"`)
	s.send("Work unit created with ID remote01. Send stdin data from byte 0 and EOF.\n")
	a.awaitRemoteID(id, "remote01")
	a.m.NodeUnreachable("b")
	c.setDown("b", errors.New("no route to node b"))
	c.clock.waitTimer(t, lostLimit)
	c.clock.advance(lostLimit)
	a.await(id, Pending, "Node b cannot be reached: no route to node b (since 2026-11-24 00:45:00Z)")
	if got := <-result; got != "Job Submitted" {
		t.Errorf("the client is told %q", got)
	}
	c.setDown("b", nil)
	a.m.NodeReachable("b")
	s = accept().greet()
	s.expect(`"receptor_submission":"a/` + id + `/`)
}
