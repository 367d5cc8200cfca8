package work

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// remoteID returns the ID of a's unit on the remote node.
func (n *testNode) remoteID(unit string) string {
	n.t.Helper()
	r, err := n.m.find(unit)
	if err != nil {
		n.t.Fatal(err)
	}
	id, _ := r.(*remote).position()
	return id
}

// learns waits until a remote unit is known to run: that is asked for a second
// after it was started.
func (n *testNode) learns(unit string) {
	n.t.Helper()
	n.c.clock.waitTimer(n.t, askFirst)
	n.c.clock.advance(askFirst)
	n.await(unit, Running, "")
}

func TestRemoteUnit(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, result := a.submit("b", "input")
	if result != "Job Started" {
		t.Errorf("result %q", result)
	}
	p := b.next()
	if got := p.input(); got != "input" {
		t.Errorf("stdin there is %q", got)
	}
	live := a.results(id, 0)
	p.output("first ")
	a.wantOutput(live, "first ")
	p.status(Running, "Running: PID 7")
	p.output("second")
	a.wantOutput(live, "second")
	p.exit(Failed, "exit status 3")
	a.wantEnd(live, "")
	remoteID := a.remoteID(id)
	if got, want := a.do("work status "+id), `{"State":3,"StateName":"Failed","Detail":"exit status 3","StdoutSize":12,"WorkType":"remote",`+
		`"ExtraData":{"RemoteNode":"b","RemoteWorkType":"cat","RemoteParams":{},"RemoteUnitID":"`+remoteID+`","RemoteStarted":true,`+
		`"LocalCancelled":false,"LocalReleased":false,"SignWork":false,"TLSClient":"","Expiration":"0001-01-01T00:00:00Z","SubmitSent":true,"SubmitKeyed":true}}`; got != want {
		t.Errorf("status\n %s, want\n %s", got, want)
	}
	// Nothing goes on for a unit that is complete.
	a.m.exchanges.Wait()
	if len(a.m.wakeUp.byNode) != 0 || len(a.m.wakeUp.queue) != 0 {
		t.Error("the unit still waits for something")
	}
	if got := a.do("work release " + id); got != `{"released":"`+id+`"}` {
		t.Errorf("release: %s", got)
	}
	if left := append(a.left(), b.left()...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestLinkBreaksMidResults(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	live := a.results(id, 0)
	p.status(Running, "Running: PID 7")
	a.learns(id)
	p.output("0123")
	a.wantOutput(live, "0123")

	c.setDown("b", errors.New("no route to node b"))
	c.cut()
	p.output("4567")
	a.m.exchanges.Wait()
	p.output("89")
	c.clock.advance(time.Second)
	a.m.exchanges.Wait()
	c.setDown("b", nil)
	c.clock.advance(1500 * time.Millisecond)
	a.wantOutput(live, "456789")
	p.output("!")
	p.exit(Succeeded, "exit status 0")
	a.wantEnd(live, "!")
	a.await(id, Succeeded, "exit status 0")
	if got := a.fs.get(a.dir(id) + "/stdout"); got != "0123456789!" {
		t.Errorf("stored output %q", got)
	}
}

func TestSubmitterRestarts(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	live := a.results(id, 0)
	p.status(Running, "Running: PID 7")
	a.learns(id)
	p.output("0123")
	a.wantOutput(live, "0123")
	a.stop()
	p.output("4567")
	// What no status accounts for may be anything after a crash.
	a.fs.Add(a.dir(id)+"/stdout", "\x00\x00\x00")
	a.start()
	live = a.results(id, 0)
	a.wantOutput(live, "01234567")
	p.exit(Succeeded, "exit status 0")
	a.wantEnd(live, "")
	a.wantStatus(id, Succeeded, "exit status 0")
}

func TestRemoteRestarts(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	live := a.results(id, 0)
	p.status(Running, "Running: PID 7")
	a.learns(id)
	p.output("0123")
	a.wantOutput(live, "0123")
	c.setDown("b", errors.New("no route to node b"))
	b.stop()
	p.output("45")
	b.processes.found[p.Dir] = nil
	b.start()
	p = b.next()
	a.m.exchanges.Wait()
	c.setDown("b", nil)
	a.m.NodeReachable("b")
	a.wantOutput(live, "45")
	p.exit(Succeeded, "exit status 0")
	a.wantEnd(live, "")
	a.wantStatus(id, Succeeded, "exit status 0")
}

func TestSubmitBeforeNodeIsReachable(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	c.setDown("b", errors.New("no route to node b"))
	id, result := a.submit("b", "input")
	if result != "Job Submitted" {
		t.Errorf("result %q", result)
	}
	a.wantStatus(id, Pending, "Node b cannot be reached: no route to node b")
	a.stop()
	a.start()
	a.m.exchanges.Wait()
	c.setDown("b", nil)
	a.m.NodeReachable("x")
	a.m.NodeReachable("b")
	p := b.next()
	if got := p.input(); got != "input" {
		t.Errorf("stdin there is %q", got)
	}
	p.exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "exit status 0")
}

func TestTTL(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	sub, err := a.client().Submit(map[string]string{"node": "b", "worktype": "cat", "ttl": "10s"})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := sub.Finish(strings.NewReader("")); result != "Job Submitted" {
		t.Errorf("result %q, %v", result, err)
	}
	c.clock.advance(9 * time.Second)
	a.m.exchanges.Wait()
	a.wantStatus(sub.UnitID, Pending, "cannot be reached")
	c.clock.advance(time.Second)
	a.await(sub.UnitID, Failed, "Work unit expired on Tue Nov 24 00:45:10")
	a.wantEnd(a.results(sub.UnitID, 0), "")
}

func TestRemoteRefuses(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	c.node("b")
	sub, err := a.client().Submit(map[string]string{"node": "b", "worktype": "nonesuch"})
	if err != nil {
		t.Fatal(err)
	}
	want := "error from node b: unknown work type nonesuch"
	if _, err := sub.Finish(strings.NewReader("")); err == nil || err.Error() != want {
		t.Errorf("submission ended with %v", err)
	}
	a.wantStatus(sub.UnitID, Failed, want)
}

func TestRemoteUnitGone(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	p.status(Running, "Running: PID 7")
	a.learns(id)
	c.setDown("b", errors.New("no route to node b"))
	b.stop()
	b.fs.RemoveAll(p.Dir)
	b.start()
	a.m.exchanges.Wait()
	c.setDown("b", nil)
	a.m.NodeReachable("b")
	a.await(id, Failed, "Remote work unit is gone")
	a.wantEnd(a.results(id, 0), "")
}

func TestSecrets(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	fields := map[string]string{"node": "b", "worktype": "cat", "Secret_Word": "xyzzy", "plain": "p"}
	if _, err := a.client().Submit(fields); err == nil || err.Error() != "cannot send secrets over a non-TLS connection" {
		t.Errorf("without TLS: %v", err)
	}
	fields["tlsclient"] = "t"
	sub, err := a.client().Submit(fields)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.do("work status " + sub.UnitID); strings.Contains(got, "xyzzy") || !strings.Contains(got, `"plain":"p"`) {
		t.Errorf("status %s", got)
	}
	if got := a.fs.get(a.dir(sub.UnitID) + "/status"); !strings.Contains(got, "xyzzy") {
		t.Errorf("the secret would not survive a restart: %s", got)
	}
}

func TestRemoteInputIncompleteAtRestart(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	c.node("b")
	sub, err := a.client().Submit(map[string]string{"node": "b", "worktype": "cat"})
	if err != nil {
		t.Fatal(err)
	}
	a.await(sub.UnitID, Pending, "Waiting for Input Data")
	a.stop()
	a.start()
	if c.dialled() != 0 {
		t.Error("half of the input was submitted")
	}
	r, err := a.m.find(sub.UnitID)
	if err != nil || r.base().load().status.State != Failed {
		t.Errorf("unit is %+v, %v", r.base().load().status, err)
	}
}

// Each unit is woken at its own time, by the one timer of the manager.
func TestDeadlines(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	units := make(map[string]string)
	for _, ttl := range []string{"90m", "30m", "60m", "30m"} {
		sub, err := a.client().Submit(map[string]string{"node": "b", "worktype": "cat", "ttl": ttl})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Finish(strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
		units[sub.UnitID] = ttl
	}
	for elapsed := time.Duration(0); elapsed < 100*time.Minute; elapsed += 10 * time.Minute {
		for id, ttl := range units {
			limit, err := time.ParseDuration(ttl)
			if err != nil {
				t.Fatal(err)
			}
			r, err := a.m.find(id)
			if err != nil {
				t.Fatal(err)
			}
			if s := r.base().load().status; s.State.Terminal() != (elapsed >= limit) {
				t.Errorf("unit with a ttl of %v is %v, %q after %v", ttl, s.State, s.Detail, elapsed)
			}
		}
		for range 60 {
			c.clock.advance(10 * time.Second)
			a.m.exchanges.Wait()
		}
	}
	if left := len(a.m.wakeUp.queue); left != 0 {
		t.Errorf("%d deadlines are left", left)
	}
}
