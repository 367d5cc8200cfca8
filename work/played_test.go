package work

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"receptor/sim/disk"
)

// session is one connection to a node that a test plays.
type session struct {
	t    *testing.T
	conn *memConn
	in   *bufio.Reader
}

// played adds a node that the test plays, one that advertises no features: it
// takes the connections as they come.
func (c *cluster) played(id string) func() *session {
	c.plain[id] = true
	n := &testNode{t: c.t, c: c, id: id, listener: newMemListener()}
	c.nodes[id] = n
	return func() *session {
		c.t.Helper()
		conn := (<-n.listener.conns).(*memConn)
		return &session{t: c.t, conn: conn, in: bufio.NewReader(conn)}
	}
}

func (s *session) send(format string, args ...any) {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.conn, format, args...); err != nil {
		s.t.Errorf("send %s: %v", format, err)
	}
}

// expect reads a line that contains a text.
func (s *session) expect(text string) {
	s.t.Helper()
	line, err := s.in.ReadString('\n')
	if err != nil || !strings.Contains(line, text) {
		s.t.Fatalf("got %q, %v; want %q", line, err, text)
	}
}

// greet opens the session.
func (s *session) greet() *session {
	s.t.Helper()
	s.send("Receptor Control, node b\n")
	return s
}

// create answers a submission, and takes the stdin.
func (s *session) create(stdin string) {
	s.t.Helper()
	s.expect(`"tlsclient":""`)
	s.send("Work unit created with ID remote01. Send stdin data and EOF.\n")
	got, err := io.ReadAll(s.in)
	if err != nil || string(got) != stdin {
		s.t.Fatalf("stdin %q, %v; want %q", got, err, stdin)
	}
}

// submitLater submits a unit and returns its ID at once.
func (n *testNode) submitLater(node, stdin string) (id string, result chan string) {
	n.t.Helper()
	sub, err := n.client().Submit(map[string]string{"node": node, "worktype": "cat"})
	if err != nil {
		n.t.Fatal(err)
	}
	result = make(chan string, 1)
	go func() {
		text, err := sub.Finish(strings.NewReader(stdin))
		if err != nil {
			text = err.Error()
		}
		result <- text
	}()
	return sub.UnitID, result
}

// The connection breaks before the node has named the unit: nobody knows.
func TestSubmissionUnknown(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "")
	s := accept().greet()
	s.expect(`"subcommand":"submit"`)
	s.conn.abort()
	a.await(id, Failed, "it is unknown whether it was started there")
	if got := <-result; !strings.Contains(got, "unknown whether") {
		t.Errorf("result %q", got)
	}
	c.clock.advance(time.Hour)
	if c.dialled() != 1 {
		t.Errorf("%d connections, want just that one", c.dialled())
	}
}

// The same after a crash of the submitting node: the status file must say so
// before the command leaves.
func TestSubmissionUnknownAfterCrash(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, _ := a.submitLater("b", "")
	s := accept().greet()
	s.expect(`"subcommand":"submit"`)
	a.stop()
	a.start()
	a.await(id, Failed, "it is unknown whether it was started there")
	if c.dialled() != 1 {
		t.Errorf("%d connections, want just that one", c.dialled())
	}
}

// The answer is lost, but the unit is known: it is asked for, not submitted
// again.
func TestSubmissionAnswerLost(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "input")
	s := accept().greet()
	s.create("input")
	s.conn.abort()
	if got := <-result; got != "Job Submitted" {
		t.Errorf("result %q", got)
	}
	c.clock.waitTimer(t, time.Second)
	c.clock.advance(time.Second)
	s = accept().greet()
	s.expect(`"subcommand":"status"`)
	s.send(`{"State":1,"StateName":"Running","Detail":"Running: PID 7","StdoutSize":0,"WorkType":"cat","ExtraData":null}` + "\n")
	s = accept().greet()
	s.expect(`"subcommand":"results"`)
	a.await(id, Running, "Running: PID 7")
}

func TestInputCut(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", strings.Repeat("input ", 100_000))
	s := accept().greet()
	s.expect(`"subcommand":"submit"`)
	s.send("Work unit created with ID remote01. Send stdin data and EOF.\n")
	io.ReadFull(s.in, make([]byte, 100))
	s.conn.abort()
	a.await(id, Failed, "broke before it had all input")
	<-result
	s = accept().greet()
	s.expect(`"subcommand":"cancel","unitid":"remote01"`)
	s.send(`{"cancelled":"remote01"}` + "\n")
	a.m.exchanges.Wait()
}

func TestWrongGreeting(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "")
	accept().send("Receptor Control, node bb\n")
	if got := <-result; got != "Job Submitted" {
		t.Errorf("result %q", got)
	}
	a.await(id, Pending, "the greeting is that of node bb")
}

func TestNoGreeting(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, _ := a.submitLater("b", "")
	accept()
	c.clock.waitTimer(t, greetTime)
	c.clock.advance(greetTime)
	a.await(id, Pending, "no greeting within 5s")
}

// follow submits a unit to a played node and returns the sessions for its
// results and its status.
func follow(t *testing.T, a *testNode, accept func() *session) (id string, results, status *session) {
	t.Helper()
	id, result := a.submitLater("b", "")
	s := accept().greet()
	s.create("")
	s.send(`{"result":"Job Started","unitid":"remote01"}` + "\n")
	if got := <-result; got != "Job Started" {
		t.Fatalf("result %q", got)
	}
	for range 2 {
		s := accept().greet()
		line, err := s.in.ReadString('\n')
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(line, `"startpos":0,"subcommand":"results","unitid":"remote01"`):
			results = s
		case strings.Contains(line, `"subcommand":"status","unitid":"remote01"`):
			status = s
		default:
			t.Fatalf("unexpected command %s", line)
		}
	}
	return id, results, status
}

// The results of a cancelled unit never end on a deployed node.
func TestResultsThatNeverEnd(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, results, status := follow(t, a, accept)
	results.send("Streaming results for work unit remote01\nabc")
	status.send(`{"State":1,"StateName":"Running","Detail":"Running: PID 7","StdoutSize":3,"WorkType":"cat","ExtraData":null}` + "\n")
	live := a.results(id, 0)
	a.wantOutput(live, "abc")
	a.await(id, Running, "Running: PID 7")
	c.clock.waitTimer(t, askFirst)
	c.clock.advance(askFirst)
	status.expect(`"subcommand":"status"`)
	status.send(`{"State":4,"StateName":"Canceled","Detail":"Canceled","StdoutSize":3,"WorkType":"cat","ExtraData":null}` + "\n")
	a.wantEnd(live, "")
	a.wantStatus(id, Canceled, "Canceled")
	// Both sessions are given up.
	if _, err := results.in.ReadByte(); err == nil {
		t.Error("the results are still open")
	}
	if _, err := status.in.ReadByte(); err == nil {
		t.Error("the status session is still open")
	}
}

// Results that end before the unit does, or before all output is there, go on
// from the byte that is missing.
func TestResultsEndEarly(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, results, status := follow(t, a, accept)
	results.send("Streaming results for work unit remote01\nabc")
	status.send(`{"State":1,"StateName":"Running","Detail":"Running: PID 7","StdoutSize":0,"WorkType":"cat","ExtraData":null}` + "\n")
	a.await(id, Running, "")
	results.conn.Close()
	status.expect(`"subcommand":"status"`)
	status.send(`{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":5,"WorkType":"cat","ExtraData":null}` + "\n")
	results = accept().greet()
	results.expect(`"startpos":3,"subcommand":"results"`)
	results.send("Streaming results for work unit remote01\nde")
	a.await(id, Succeeded, "exit status 0")
	a.wantEnd(a.results(id, 0), "abcde")
}

// A node that is too busy is tried again.
func TestRemoteIsBusy(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "")
	s := accept().greet()
	s.expect(`"subcommand":"submit"`)
	s.send("ERROR: too many control sessions: this node serves 1 at a time\n")
	if got := <-result; got != "Job Submitted" {
		t.Errorf("result %q", got)
	}
	a.await(id, Pending, "too many control sessions")
	c.clock.waitTimer(t, time.Second)
	c.clock.advance(time.Second)
	accept().greet().create("")
}

// breakStatus has no status reach the disk any more.
func (n *testNode) breakStatus() {
	n.fs.setBroken(func(op disk.Op, name string) error {
		if op == "sync" && strings.HasSuffix(name, "/status") {
			return errDisk
		}
		return nil
	})
}

// What cannot be put on record must not be sent: after a crash it would be
// sent again.
func TestSubmissionIsRecordedFirst(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "")
	accept().conn.Close()
	if got := <-result; got != "Job Submitted" {
		t.Errorf("result %q", got)
	}
	c.clock.waitTimer(t, time.Second)
	c.clock.advance(time.Second)
	s := accept()
	a.breakStatus()
	s.greet()
	if line, err := s.in.ReadString('\n'); err == nil {
		t.Errorf("it was sent all the same: %s", line)
	}
	a.await(id, Pending, "the disk is broken")
	a.fs.setBroken(nil)
	c.clock.waitTimer(t, 1500*time.Millisecond)
	c.clock.advance(1500 * time.Millisecond)
	accept().greet().create("")
}

// A client is not told that its unit is safe when the disk does not have it.
func TestPendingIsRecordedFirst(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "")
	s := accept()
	a.breakStatus()
	s.conn.Close()
	if got := <-result; !strings.Contains(got, "the disk is broken") {
		t.Errorf("result %q", got)
	}
	a.await(id, Pending, "; its end cannot be written down: write the status of a unit: ")
	a.fs.setBroken(nil)
	c.clock.waitTimer(t, retryPause)
	c.clock.advance(retryPause)
	a.await(id, Failed, "Error starting worker: write the status of a unit: ")
}

// The remote node restarts and is back: the sessions from before are dead
// without a sign, also the one that was kept for questions, and none of them
// is waited for.
func TestRemoteNodeIsBack(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "input")
	s := accept().greet()
	s.create("input")
	s.send(`{"unitid":"remote01","result":"Job Started"}` + "\n")
	<-result
	answered := 0
	for range 2 { // in either order
		s := accept().greet()
		line, err := s.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `"subcommand":"status"`) {
			answered++
			s.send(`{"State":1,"StateName":"Running","Detail":"Running: PID 7","StdoutSize":0,"WorkType":"cat","ExtraData":null}` + "\n")
		}
	}
	if answered != 1 {
		t.Fatalf("the status was asked for %d times", answered)
	}
	a.await(id, Running, "Running: PID 7")

	a.m.NodeReachable("b")
	for range 2 {
		s := accept().greet()
		line, err := s.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(line, `"subcommand":"status"`):
			s.send(`{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":3,"WorkType":"cat","ExtraData":null}` + "\n")
		case strings.Contains(line, `"subcommand":"results"`):
			s.send("Streaming results for work unit remote01\nend")
			s.conn.CloseWrite()
		default:
			t.Errorf("unexpected command %s", line)
		}
	}
	a.await(id, Succeeded, "exit status 0")
}

// wantBytes reads what follows a line.
func (s *session) wantBytes(want string) {
	s.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(s.in, got); err != nil || string(got) != want {
		s.t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}
