package work

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"receptor/sim/disk"
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
	if got := b.fs.get(p.Dir + "/stdin"); got != "input" {
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
	if got := b.fs.get(p.Dir + "/stdin"); got != "input" {
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

// Output that the disk does not take is fetched again.
func TestDiskFull(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	p.status(Running, "Running: PID 7")
	a.learns(id)
	a.fs.setBroken(func(op disk.Op, name string) error {
		if op == "write" && strings.HasSuffix(name, "/stdout") {
			return errDisk
		}
		return nil
	})
	p.output("0123")
	a.m.exchanges.Wait()
	a.fs.setBroken(nil)
	c.clock.advance(time.Second)
	live := a.results(id, 0)
	a.wantOutput(live, "0123")
	p.exit(Succeeded, "exit status 0")
	a.wantEnd(live, "")
	a.wantStatus(id, Succeeded, "exit status 0")
}

// The detail says that the disk does not take the output; a unit does not end
// before its output is safe, and goes on from what was.
func TestOutputCannotBeStored(t *testing.T) {
	for k, broken := range []disk.Op{disk.Create, disk.Write, disk.Sync, disk.Create, disk.Write, disk.Sync} {
		t.Run(string(broken), func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster) {
				c.follow = k > 2
				a, b := c.node("a"), c.node("b")
				id, _ := a.submit("b", "")
				p := b.next()
				p.status(Running, "Running: PID 7")
				time.Sleep(2 * time.Second)
				if broken == disk.Create { // when it is opened again
					a.stop()
				}
				a.fs.setBroken(func(op disk.Op, name string) error {
					if op == broken && strings.HasSuffix(name, "/stdout") {
						return errDisk
					}
					return nil
				})
				if broken == disk.Create {
					a.start()
				}
				p.output("0123")
				p.exit(Succeeded, "exit status 0")
				c.mu.Lock()
				c.dials = 0
				c.mu.Unlock()
				time.Sleep(time.Minute)
				a.wantStatus(id, Running, "Running: PID 7; store the output of unit "+id)
				if n := c.dialled(); n > 100 {
					t.Errorf("it was tried %d times in a minute", n)
				}
				a.fs.setBroken(nil)
				time.Sleep(time.Minute)
				a.wantStatus(id, Succeeded, "exit status 0")
				a.fs.PowerCut(disk.LoseAll, nil)
				if got := a.fs.get(a.dir(id) + "/stdout"); got != "0123" {
					t.Errorf("safe output %q", got)
				}
			})
		})
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

// What deployed nodes have left on disk is taken over.
func TestRemoteUnitsOfDeployedNodes(t *testing.T) {
	extra := func(node, id string, started bool, more string) string {
		return fmt.Sprintf(`{"RemoteNode":%q,"RemoteWorkType":"cat","RemoteParams":{"params":"x"},"RemoteUnitID":%q,"RemoteStarted":%v,`+
			`"LocalCancelled":false,"LocalReleased":false,"SignWork":false,"TLSClient":"","Expiration":"0001-01-01T00:00:00Z"%s}`, node, id, started, more)
	}
	file := func(state State, detail string, size int, extra string) string {
		return fmt.Sprintf(`{"State":%d,"Detail":%q,"StdoutSize":%d,"WorkType":"remote","ExtraData":%s}`, state, detail, size, extra)
	}
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	a.stop()
	a.fs.Put("/data/a/finished/status", file(Succeeded, "exit status 0", 7, extra("b", "remote01", true, "")))
	a.fs.Put("/data/a/finished/stdout", "remote\n")
	a.fs.Put("/data/a/running0/status", file(Running, "Running: PID 7", 6, extra("b", "remote02", true, "")))
	a.fs.Put("/data/a/running0/stdout", "begin\n")
	// The other node had said that it was complete before the rest was here.
	a.fs.Put("/data/a/partial0/status", file(Succeeded, "exit status 0", 10, extra("b", "remote03", true, "")))
	a.fs.Put("/data/a/partial0/stdout", "begin\n")
	// It had not come to an output, so it has no such file.
	a.fs.Put("/data/a/awaited0/status", file(Pending, "Starting Worker", 0, extra("c", "", false, "")))
	a.fs.Put("/data/a/awaited0/stdin", "input")
	a.fs.Put("/data/a/created0/status", file(Pending, "Unit Created", 0, extra("c", "", false, "")))
	a.start()

	a.wantStatus("created0", Failed, "Pending at restart") // its client had not sent its input
	a.wantStatus("finished", Succeeded, "exit status 0")
	a.wantEnd(a.results("finished", 0), "remote\n")
	a.await("awaited0", Pending, "Node c cannot be reached: no route to node c (since 2026-11-24 00:45:00Z)")
	live := a.results("running0", 0)
	rest := a.results("partial0", 0)
	for range 4 {
		s := accept().greet()
		line, err := s.in.ReadString('\n')
		_, unit, _ := strings.Cut(line, `"unitid":`)
		switch {
		case err != nil || unit != "\"remote02\"}\n" && unit != "\"remote03\"}\n":
			t.Fatalf("unexpected command %s, %v", line, err)
		case strings.Contains(line, `"startpos":6,"subcommand":"results"`):
			s.send("Streaming results for work unit %s\nend\n", unit[1:9])
			s.conn.CloseWrite()
		case strings.Contains(line, `"subcommand":"status"`):
			s.send(`{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":10,"WorkType":"cat","ExtraData":null}` + "\n")
		default:
			t.Fatalf("unexpected command %s", line)
		}
	}
	a.wantEnd(live, "begin\nend\n")
	a.await("running0", Succeeded, "exit status 0")
	a.wantEnd(rest, "begin\nend\n")
	a.await("partial0", Succeeded, "exit status 0")
}

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
