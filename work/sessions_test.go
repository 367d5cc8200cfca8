package work

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// runOne has a give b a unit, which it runs to its end, and release it.
func runOne(a, b *testNode, stdin string) {
	a.t.Helper()
	id, result := a.submit("b", stdin)
	if result != "Job Started" {
		a.t.Fatalf("result %q", result)
	}
	p := b.next()
	p.output("out")
	p.exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "exit status 0")
	if got := a.do("work release " + id); !strings.Contains(got, `"released"`) {
		a.t.Fatalf("release: %s", got)
	}
}

// One session carries submissions and orders, one after the other, and ends when
// it has been of no use for a while.
func TestSessionIsKept(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		for _, stdin := range []string{"first", "", "third"} {
			runOne(a, b, stdin)
		}
		if got := c.dialled(); got != 2 {
			t.Errorf("%d connections, want one for commands and one for news", got)
		}
		time.Sleep(pullIdle + time.Second) // virtual
		synctest.Wait()
		if n := len(a.m.sessions.idle); n != 0 {
			t.Errorf("there are still sessions with %d nodes", n)
		}
		runOne(a, b, "again")
		if got := c.dialled(); got != 4 {
			t.Errorf("%d connections, want two more", got)
		}
		a.m.NodeReachable("b")
		if n := len(a.m.sessions.idle); n != 0 {
			t.Error("a session is kept with a node that has been away")
		}
		if left := append(a.left(), b.left()...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// A session whose node would not be believed any more is of no use for another command.
func TestKeptSessionIsChecked(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		runOne(a, b, "first")
		c.distrusted.Store(true)
		runOne(a, b, "second")
		if got := c.dialled(); got != 4 { // the second unit's order could not have the new session, either
			t.Errorf("%d connections, want one for news and a new one for each command since", got)
		}
	})
}

// The other node drops the sessions that wait: the next command needs no pause,
// and is carried out once.
func TestKeptSessionIsDropped(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		began := time.Now()
		runOne(a, b, "first")
		c.cut()
		synctest.Wait()
		runOne(a, b, "second")
		id, _ := a.submit("b", "third")
		b.next().exit(Succeeded, "exit status 0")
		a.await(id, Succeeded, "exit status 0")
		c.cut()
		synctest.Wait()
		if got := a.do("work release " + id); !strings.Contains(got, `"released"`) {
			t.Errorf("release: %s", got)
		}
		if took := time.Since(began); took >= retryFirst {
			t.Errorf("it took %v of waiting", took)
		}
		if n := len(b.processes.started); n != 0 {
			t.Errorf("%d supervisors too many", n)
		}
	})
}

// What follows the stdin whose length was told is another command.
func TestStdinAndAnotherCommand(t *testing.T) {
	c := newCluster(t)
	b := c.node("b")
	ours, theirs := memConns()
	b.listener.conns <- theirs
	s := &session{t: t, conn: ours, in: bufio.NewReader(ours)}
	s.want("Receptor Control, node b")
	from := 0
	submit := func(key, sum string) {
		s.send(`{"command":"work","subcommand":"submit","node":"b","worktype":"cat","receptor_submission":%q,"receptor_stdin":"5:%s","receptor_session":"keep"}`+"\n", key, sum)
		s.want(fmt.Sprintf("Send stdin data from byte %d to byte 5 and a newline.", from))
	}
	submit("a/1", fmt.Sprintf("%x", sha256.Sum256([]byte("input"))))
	s.send("input\n" + `{"command":"work","subcommand":"features"}` + "\n")
	s.want("Job Started")
	s.want(`"features"`)
	b.next()
	s.send(`{"command":"work","subcommand":"submit","node":"b","worktype":"cat","receptor_session":"keep"}` + "\n")
	s.want("ERROR: field receptor_session needs field receptor_stdin")
	from = 5
	submit("a/1", fmt.Sprintf("%x", sha256.Sum256([]byte("input")))) // again: there is only the end to send
	s.send("\n")
	s.want("Job Started")
	from = 0
	submit("a/2", strings.Repeat("0", 64))
	s.send("input\n")
	s.want("ERROR: ")
	s.send("work list\n")
	s.want("Waiting for Input Data")
	submit("a/2", strings.Repeat("0", 64))
	s.send("inputs\n")
	s.want("ERROR: receive the stdin of unit")
	if line, err := s.in.ReadString('\n'); err == nil {
		t.Errorf("what follows no end of stdin is answered by %q", line)
	}
}

// want reads a line that contains a text.
func (s *session) want(text string) {
	s.t.Helper()
	if line, err := s.in.ReadString('\n'); err != nil || !strings.Contains(line, text) {
		s.t.Fatalf("got %q, %v; want %q", line, err, text)
	}
}
