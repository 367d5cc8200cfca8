package work

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"receptor/control"
)

// submitAs submits a unit of type cat under a key. The error is that of the
// submission.
func (n *testNode) submitAs(key, stdin, mark string) (*control.Submission, string, error) {
	n.t.Helper()
	sub, err := n.client().Submit(map[string]string{"node": n.id, "worktype": "cat", paramSubmission: key, paramStdin: mark})
	if err != nil {
		return nil, "", err
	}
	result, err := sub.Finish(strings.NewReader(stdin))
	return sub, result, err
}

func mark(stdin string) string {
	m := newMarker()
	m.Write([]byte(stdin))
	return m.mark().String()
}

func TestSubmitAgain(t *testing.T) {
	n := newCluster(t).node("b")
	first, result, err := n.submitAs("a/unit0001", "input", mark("input"))
	if err != nil || result != "Job Started" || !first.Resumes || first.From != 0 {
		t.Fatalf("submission %+v: %q, %v", first, result, err)
	}
	p := n.next()
	for _, state := range []string{"started", "over"} {
		again, result, err := n.submitAs("a/unit0001", "", mark("input"))
		if err != nil || result != "Job Started" || again.UnitID != first.UnitID || again.From != 5 {
			t.Errorf("%s: submission again %+v: %q, %v", state, again, result, err)
		}
		if state == "started" {
			p.exit(Succeeded, "exit status 0")
		}
	}
	if other, _, err := n.submitAs("a/unit0002", "", ""); err != nil || other.UnitID == first.UnitID {
		t.Errorf("another submission: %+v, %v", other, err)
	}
	if n.processes.starts != 2 {
		t.Errorf("%d starts, want one for each of two submissions", n.processes.starts)
	}
}

// A key stands for one submission: another one with it is refused.
func TestKeyOfAnotherSubmission(t *testing.T) {
	n := newCluster(t).node("b")
	fields := map[string]string{"node": "b", "worktype": "sh", "params": "true", paramSubmission: "a/unit0001"}
	first, err := n.client().Submit(fields)
	if err != nil {
		t.Fatal(err)
	}
	for _, restart := range []bool{false, true} {
		if restart {
			n.stop()
			n.start()
		}
		for name, value := range map[string]string{"worktype": "cat", "params": "false", "other": "x"} {
			other := maps.Clone(fields)
			other[name] = value
			if _, err := n.client().Submit(other); err == nil || !strings.Contains(err.Error(), "this receptor_submission is that of another submission") {
				t.Errorf("another %s: %v", name, err)
			}
		}
		if again, err := n.client().Submit(fields); err != nil || again.UnitID != first.UnitID {
			t.Errorf("the same: %+v, %v", again, err)
		}
	}
}

// The key outlives its unit by a day, also in a node that restarts.
func TestSubmitAfterRelease(t *testing.T) {
	c := newCluster(t)
	n := c.node("b")
	sub, _, err := n.submitAs("a/unit0001", "", "")
	if err != nil {
		t.Fatal(err)
	}
	n.next().exit(Succeeded, "exit status 0")
	n.do("work release " + sub.UnitID)
	late := func() error {
		_, _, err := n.submitAs("a/unit0001", "", "")
		return err
	}
	for range 2 {
		if err := late(); err == nil || !strings.Contains(err.Error(), "this submission is over since 2026-11-24T00:45:00Z") {
			t.Errorf("late submission: %v", err)
		}
		n.stop()
		n.start()
		c.clock.advance(keyLife/2 - time.Second)
	}
	c.clock.advance(2 * time.Second)
	if err := late(); err != nil {
		t.Errorf("a day later: %v", err)
	}
	if n.processes.starts != 2 {
		t.Errorf("%d starts", n.processes.starts)
	}
}

// Stdin that is cut short does not start the unit, and goes on where it ended,
// after a restart too.
func TestStdinResumes(t *testing.T) {
	n := newCluster(t).node("b")
	start := strings.Repeat("x", maxShort) // so that it is in a file
	whole := start + "0123456789"
	first, _, err := n.submitAs("a/unit0001", start+"012", mark(whole))
	if err == nil || !strings.Contains(err.Error(), "incomplete stdin: it ends at byte 4099 of 4106") {
		t.Fatalf("cut: %v", err)
	}
	n.wantStatus(first.UnitID, Pending, "Waiting for Input Data")
	n.stop()
	n.start()
	n.wantStatus(first.UnitID, Pending, "Waiting for Input Data")
	// Bytes that went wrong on the way, or on disk.
	if _, _, err := n.submitAs("a/unit0001", "3456xxx", mark(whole)); err == nil || !strings.Contains(err.Error(), "incomplete stdin: it is 4106:") {
		t.Fatalf("wrong: %v", err)
	}
	sub, err := n.client().Submit(map[string]string{"node": "b", "worktype": "cat", paramSubmission: "a/unit0001", paramStdin: mark(whole)})
	if err != nil || sub.From != 0 || sub.UnitID != first.UnitID {
		t.Fatalf("after that: %+v, %v", sub, err)
	}
	// A session that is dead without a sign does not keep the next one out.
	other, result, err := n.submitAs("a/unit0001", whole, mark(whole))
	if err != nil || result != "Job Started" || other.UnitID != first.UnitID {
		t.Fatalf("taken over: %+v, %q, %v", other, result, err)
	}
	if got := n.next().input(); got != whole {
		t.Errorf("stdin %q", got)
	}
	if _, err := sub.Finish(strings.NewReader(whole)); err == nil {
		t.Error("the first session ended well")
	}
	if n.processes.starts != 1 {
		t.Errorf("%d starts", n.processes.starts)
	}
}

func TestBadSubmissionParams(t *testing.T) {
	n := newCluster(t).node("b")
	good := strings.Repeat("0", 64)
	for _, mark := range []string{"x", "5", "5:", "-1:" + good, "5:" + good[1:], "5:" + good + "00", ":" + good, "5:" + strings.Repeat("g", 64)} {
		if _, _, err := n.submitAs("a/x", "", mark); err == nil || !strings.Contains(err.Error(), "receptor_stdin must be") {
			t.Errorf("mark %q: %v", mark, err)
		}
	}
	for _, key := range []string{"a\x00b", strings.Repeat("k", maxKey+1)} {
		if _, _, err := n.submitAs(key, "", ""); err == nil || !strings.Contains(err.Error(), "receptor_submission must ") {
			t.Errorf("key %.20q: %v", key, err)
		}
	}
	if got := n.do("work list"); got != "{}" {
		t.Errorf("left: %s", got)
	}
}

// A submission is withdrawn before it comes, or with the unit that it has made.
func TestWithdraw(t *testing.T) {
	n := newCluster(t).node("b")
	if got := n.doJSON(`{"subcommand":"cancel","receptor_submission":"a/unit0001"}`); got != `{"cancelled":""}` {
		t.Errorf("cancel of nothing: %s", got)
	}
	if _, _, err := n.submitAs("a/unit0001", "", ""); err == nil || !strings.Contains(err.Error(), "is over") {
		t.Errorf("submission after that: %v", err)
	}
	sub, err := n.client().Submit(map[string]string{"node": "b", "worktype": "cat", paramSubmission: "a/unit0002"})
	if err != nil {
		t.Fatal(err)
	}
	if got := n.doJSON(`{"subcommand":"cancel","receptor_submission":"a/unit0002"}`); got != `{"cancelled":"`+sub.UnitID+`"}` {
		t.Errorf("cancel: %s", got)
	}
	n.wantStatus(sub.UnitID, Canceled, "Canceled")
	for _, want := range []string{sub.UnitID, ""} {
		if got := n.doJSON(`{"subcommand":"release","receptor_submission":"a/unit0002"}`); got != `{"released":"`+want+`"}` {
			t.Errorf("release: %s", got)
		}
	}
	if left := n.left(); len(left) != 0 || n.processes.starts != 0 {
		t.Errorf("left %v, %d starts", left, n.processes.starts)
	}
}

// A unit whose submitter does not come back does not wait for ever.
func TestSubmitterStaysAway(t *testing.T) {
	for _, restart := range []bool{false, true} {
		bubble(t, func(t *testing.T, c *cluster) {
			n := c.node("b")
			sub, _, _ := n.submitAs("a/unit0001", "012", mark("0123456789"))
			unit := sub.UnitID
			if restart {
				n.stop()
				n.start()
			}
			time.Sleep(keyLife - time.Second)
			n.wantStatus(unit, Pending, "Waiting for Input Data")
			client := n.client()
			sub, err := client.Submit(map[string]string{"node": "b", "worktype": "cat", paramSubmission: "a/unit0001", paramStdin: mark("0123456789")})
			if want := map[bool]int64{false: 3, true: 0}[restart]; err != nil || sub.From != want {
				t.Fatalf("submission %+v, %v", sub, err)
			}
			time.Sleep(2 * time.Second) // it is just coming back
			n.wantStatus(unit, Pending, "Waiting for Input Data")
			client.Close()
			time.Sleep(keyLife)
			n.wantStatus(unit, Failed, "its submitter has not sent all of its input, and not come back for 24h0m0s")
			if n.processes.starts != 0 || len(n.m.wakeUp.queue) != 0 {
				t.Errorf("%d starts, %d deadlines", n.processes.starts, len(n.m.wakeUp.queue))
			}
		})
	}
}

// wantOnce lets the units of both nodes come to their end, and wants the unit of
// a to have run once, with its input.
func wantOnce(t *testing.T, a, b *testNode, id, stdin string) {
	t.Helper()
	for range 100 {
		time.Sleep(time.Second)
		synctest.Wait()
		for len(b.processes.started) > 0 {
			p := b.next()
			if got := p.input(); got != stdin {
				t.Fatalf("started with stdin %q", got)
			}
			p.output(stdin)
			p.exit(Succeeded, "exit status 0")
		}
	}
	a.wantStatus(id, Succeeded, "exit status 0")
	a.wantEnd(a.results(id, 0), stdin)
	if b.processes.starts != 1 {
		t.Fatalf("%d starts", b.processes.starts)
	}
	a.do("work release " + id)
	if left := append(a.left(), b.left()...); len(left) != 0 {
		t.Fatalf("left: %v", left)
	}
}

// The connection of a submission breaks after each of its bytes, in either
// direction: the unit runs once, with all its input.
func TestSubmissionBreaks(t *testing.T) {
	const stdin = "0123456789"
	for k := range 4 {
		fromOurs, mute := k%2 == 0, k/2 == 0
		for cut, broke := 0, true; broke; cut++ {
			t.Run(fmt.Sprint(fromOurs, mute, cut), func(t *testing.T) {
				bubble(t, func(t *testing.T, c *cluster) {
					c.mute = mute
					a, b := c.node("a"), c.node("b")
					dials := 0
					c.breakBy(func() (ours, theirs int) {
						dials++
						switch {
						case dials > 1:
							return -1, -1
						case fromOurs:
							return cut, -1
						}
						return -1, cut
					})
					problems := 0
					id, _ := a.submit("b", stdin)
					wantOnce(t, a, b, id, stdin)
					for len(a.events) > 0 {
						if _, ok := (<-a.events).(RemoteProblem); ok {
							problems++
						}
					}
					broke = problems > 0
				})
			})
		}
	}
}

// When no advertisement has come yet, the node is asked.
func TestFeaturesAreAskedFor(t *testing.T) {
	for _, test := range []struct {
		answer string
		keyed  bool
	}{{`{"features":["x","submission"]}`, true}, {`{"features":[]}`, false}, {"ERROR: bad command", false}} {
		t.Run(test.answer, func(t *testing.T) {
			c := newCluster(t)
			c.mute = true
			a := c.node("a")
			accept := c.played("b")
			a.submitLater("b", "input")
			s := accept().greet()
			s.expect(`{"command":"work","subcommand":"features"}`)
			s.send("%s\n", test.answer)
			line, err := s.in.ReadString('\n')
			if err != nil || !strings.Contains(line, `"subcommand":"submit"`) || strings.Contains(line, "receptor_submission") != test.keyed {
				t.Errorf("the submission is %s, %v", line, err)
			}
		})
	}
	c := newCluster(t)
	n := c.node("b")
	if got := n.doJSON(`{"subcommand":"features"}`); got != `{"features":["submission","follow","session"]}` {
		t.Errorf("features: %s", got)
	}
}

// The submitter, or the other node, crashes at that moment.
func TestSubmissionAndRestart(t *testing.T) {
	const stdin = "0123456789"
	for _, restarts := range []string{"a", "b"} {
		for cut := 0; cut < 330; cut++ {
			t.Run(fmt.Sprint(restarts, cut), func(t *testing.T) {
				bubble(t, func(t *testing.T, c *cluster) {
					a, b := c.node("a"), c.node("b")
					c.breakBy(func() (ours, theirs int) { return cut, -1 })
					id, result := a.submitLater("b", stdin)
					synctest.Wait()
					c.breakBy(nil)
					n := c.nodes[restarts]
					n.stop()
					if restarts == "b" && len(b.processes.started) > 0 {
						b.processes.found[b.next().Dir] = nil // the supervisor goes on
					}
					n.start()
					<-result
					wantOnce(t, a, b, id, stdin)
				})
			})
		}
	}
}

// A node that knew keys and does not any more must not run the unit again.
func TestNodeWasReplaced(t *testing.T) {
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprint(named), func(t *testing.T) {
			c := newCluster(t)
			a := c.node("a")
			accept := c.played("b")
			c.plain["b"] = false
			id, _ := a.submitLater("b", "input")
			s := accept().greet()
			s.expect(`"receptor_stdin":"` + mark("input") + `","receptor_submission":"a/` + id + `/`)
			if named {
				s.send("Work unit created with ID remote01. Send stdin data from byte 0 and EOF.\n")
				a.awaitRemoteID(id, "remote01")
			}
			s.conn.abort()
			c.clock.waitTimer(t, retryFirst)
			c.setPlain("b")
			c.clock.advance(retryFirst)
			s = accept().greet()
			if !named {
				if line, err := s.in.ReadString('\n'); err == nil {
					t.Errorf("it was sent %s", line)
				}
				a.await(id, Failed, "it is unknown whether node b has started it")
				return
			}
			// It may know the unit all the same: the directories are alike.
			s = accept().greet()
			s.expect(`"subcommand":"status","unitid":"remote01"`)
			s.send("ERROR: unknown work unit remote01\n")
			a.await(id, Failed, "Remote work unit is gone")
		})
	}
}

// It has been replaced, but is still taken for what it was: its answer tells.
func TestNodeWasReplacedUnnoticed(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	c.plain["b"] = false
	id, _ := a.submitLater("b", "input")
	s := accept().greet()
	s.expect(`"receptor_submission"`)
	s.conn.abort()
	c.clock.waitTimer(t, retryFirst)
	c.clock.advance(retryFirst)
	s = accept().greet()
	s.expect(`"receptor_submission"`)
	s.send("Work unit created with ID remote02. Send stdin data and EOF.\n")
	// Without the end of its stdin it does not start.
	if rest, err := s.in.ReadString('\n'); !errors.Is(err, errCut) || rest != "" {
		t.Errorf("then came %q, %v", rest, err)
	}
	a.await(id, Failed, "it is unknown whether node b has started it")
}
