package work

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"
	"testing/synctest"

	"receptor/control"
	"receptor/work/vfs"
)

// apart adds the work type "apart", which keeps stderr apart.
func (n *testNode) apart() *testNode {
	n.stop()
	n.types = []Type{{Name: "apart", Command: "sh", SeparateStderr: true}}
	n.start()
	return n
}

func (n *testNode) stderr(unit string, pos int64) io.Reader {
	n.t.Helper()
	r, err := n.client().Stderr(unit, pos)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// errOutput is what the command writes to stderr.
func (p *testProcess) errOutput(s string) {
	f, err := p.fs.Open(path.Join(p.Dir, StderrFile), vfs.Append)
	if err == nil {
		_, err = f.Write([]byte(s))
	}
	if err != nil {
		panic(err)
	}
	p.watcher.OutputGrew()
}

func TestStderrApart(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a").apart(), c.node("b").apart()
	for _, node := range []string{"a", "b"} {
		sub, err := a.client().Submit(map[string]string{"node": node, "worktype": "apart"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Finish(strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
		p := c.nodes[node].next()
		if !p.SeparateStderr {
			t.Error("the supervisor is not told")
		}
		live, output := a.stderr(sub.UnitID, 0), a.results(sub.UnitID, 0)
		p.errOutput("oops\n")
		p.output("fine\n")
		a.wantOutput(live, "oops\n")
		p.errOutput("again\n")
		a.wantOutput(live, "again\n")
		a.wantOutput(output, "fine\n")
		p.status(Succeeded, "exit status 0")
		p.watcher.Ended(true, "exit status 0")
		a.wantEnd(live, "")
		a.wantEnd(output, "")
		a.wantEnd(a.stderr(sub.UnitID, 7), "ain\n")
		if got := c.nodes[node].do("work list"); !strings.Contains(got, `"StderrSize":11`) {
			t.Errorf("list: %s", got)
		}
		a.do("work release " + sub.UnitID)
		if left := append(a.left(), b.left()...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func TestNoStderrApart(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	for _, node := range []string{"a", "b"} {
		unit, _ := a.submit(node, "")
		c.nodes[node].next()
		_, err := a.client().Stderr(unit, 0)
		var remote *control.RemoteError
		if !errors.As(err, &remote) || !strings.Contains(remote.Text, "keeps no stderr apart: it is part of the output unless the work type has stderr: separate") {
			t.Errorf("stderr on %s: %v", node, err)
		}
	}
	if got, want := a.doJSON(`{"subcommand":"results","unitid":"`+b.id+`","startpos":0,"stream":"x"}`),
		`ERROR: field stream must be "stdout" or "stderr", not "x"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// An old node ignores the field, and would pass its output for stderr.
func TestStderrOnDeployedNode(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, results, _ := follow(t, a, accept)
	results.send("Streaming results for work unit remote01\n")
	failed := make(chan error)
	go func() {
		_, err := a.client().Stderr(id, 0)
		failed <- err
	}()
	s := accept().greet()
	s.expect(`"startpos":0,"stream":"stderr","subcommand":"results","unitid":"remote01"`)
	s.send("Streaming results for work unit remote01\nabc")
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "on node b: the node does not know of a stderr apart from the results") {
		t.Errorf("%v", err)
	}
}

// submitApart submits a unit that keeps stderr apart, and returns its supervisor.
func (n *testNode) submitApart(on *testNode) (unit string, p *testProcess) {
	n.t.Helper()
	sub, err := n.client().Submit(map[string]string{"node": on.id, "worktype": "apart"})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := sub.Finish(strings.NewReader("")); err != nil {
		n.t.Fatal(err)
	}
	return sub.UnitID, on.next()
}

// The stderr of a unit on another node is safe once the unit is shown as complete, and so is
// the name of its file, which comes later than the directory it is in.
func TestStderrIsSafeAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.follow = true
		a, b := c.node("a"), c.node("b").apart()
		id, p := a.submitApart(b)
		p.status(Running, "Running: PID 7")
		live := a.stderr(id, 0)
		p.errOutput("oops")
		a.wantOutput(live, "oops")
		p.exit(Succeeded, "exit status 0")
		a.await(id, Succeeded, "exit status 0")
		a.powerCut()
		a.wantEnd(a.stderr(id, 0), "oops")
	})
}

// stderr of a unit on another node comes with its output, and is here when that
// node is not: live, after breaks and restarts, and after the end.
func TestStderrIsStored(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.follow = true
		a, b := c.node("a"), c.node("b").apart()
		id, p := a.submitApart(b)
		p.status(Running, "Running: PID 7")
		live, output := a.stderr(id, 0), a.results(id, 0)
		p.errOutput("one ")
		p.output("out ")
		a.wantOutput(live, "one ")
		a.wantOutput(output, "out ")
		c.cut()
		p.errOutput("two ")
		a.wantOutput(live, "two ")
		b.processes.found[p.Dir] = nil
		a.stop()
		p.errOutput("three")
		a.start()
		p.output("put")
		p.exit(Succeeded, "exit status 0")
		a.await(id, Succeeded, "exit status 0")
		b.stop()
		a.wantEnd(a.stderr(id, 2), "e two three")
		a.wantEnd(a.results(id, 0), "out put")
		a.stop()
		a.start()
		a.wantEnd(a.stderr(id, 0), "one two three")
		if got := a.do("work status " + id); !strings.Contains(got, `"StdoutSize":7`) || !strings.Contains(got, `"StderrSize":13`) {
			t.Errorf("status %s", got)
		}
		b.start()
		a.do("work release " + id)
		if left := append(a.left(), b.left()...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		b.stop()
	})
}

// A stderr that is not what was sent is no stderr.
func TestStderrIsDamaged(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		a := c.node("a")
		id, s, _ := playedFollow(t, c, a)
		s.expect(`{"unitid":"remote01","errpos":0}`)
		s.send(`{"unitid":"remote01","state":{"state":1,"detail":"Running: PID 7","size":0,"errsize":4}}` + "\n")
		s.send(`{"unitid":"remote01","stream":"stderr","bytes":4}` + "\noops")
		sum := sha256.Sum256(nil)
		s.send(`{"unitid":"remote01","end":{"state":2,"detail":"","size":0,"sha256":"%x","errsize":4,"errsha256":"%x"}}`+"\n", sum, sum)
		a.await(id, Failed, "the stderr is damaged: 4 bytes with SHA-256")
		s.conn.abort()
		a.stop()
	})
}

// A node that follows and does not know of stderr has it all the same, and is asked.
func TestStderrOnOlderNode(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		a := c.node("a")
		id, s, _ := playedFollow(t, c, a)
		s.expect(`{"unitid":"remote01","errpos":0}`)
		live := make(chan io.Reader)
		go func() { live <- a.stderr(id, 0) }()
		s.send(`{"unitid":"remote01","state":{"state":1,"detail":"Running: PID 7","size":0}}` + "\n")
		conn := (<-c.nodes["b"].listener.conns).(*memConn)
		o := (&session{t: t, conn: conn, in: bufio.NewReader(conn)}).greet()
		o.expect(`"startpos":0,"stream":"stderr","subcommand":"results","unitid":"remote01"`)
		o.send("Streaming stderr for work unit remote01\noops")
		r := <-live
		a.wantOutput(r, "oops")
		o.conn.abort()
		s.conn.abort()
		a.stop()
	})
}

// Who does not ask for stderr, as nodes of the version before, is sent none.
func TestStderrIsAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		b := c.node("b").apart()
		id, p := b.submitApart(b)
		p.errOutput("oops")
		p.output("fine")
		none, some := b.pushed(`{"unitid":"`+id+`"}`), b.pushed(`{"unitid":"`+id+`","errpos":2}`)
		none.expect(`"state":{"state":0,"detail":"Starting Worker","size":4}}`)
		none.expect(`{"unitid":"` + id + `","bytes":4}`)
		none.wantBytes("fine")
		some.expect(`"state":{"state":0,"detail":"Starting Worker","size":4,"errsize":4}}`)
		some.expect(`{"unitid":"` + id + `","bytes":4}`)
		some.wantBytes("fine")
		some.expect(`{"unitid":"` + id + `","at":2,"bytes":2,"stream":"stderr"}`)
		some.wantBytes("ps")
		p.exit(Succeeded, "exit status 0")
		out, err := sha256.Sum256([]byte("fine")), sha256.Sum256([]byte("oops"))
		none.expect(fmt.Sprintf(`"end":{"state":2,"detail":"exit status 0","size":4,"sha256":"%x"}}`, out))
		some.expect(fmt.Sprintf(`"end":{"state":2,"detail":"exit status 0","size":4,"errsize":4,"sha256":"%x","errsha256":"%x"}}`, out, err))
		none.conn.abort()
		some.conn.abort()
		b.stop()
	})
}

// A client that waits for the stderr of a unit which has not started yet, and goes,
// is not waited for.
func TestStderrClientGoes(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		a := c.node("a")
		id, _ := a.submit("b", "") // which is not there
		ours, theirs := memConns()
		a.listener.conns <- theirs
		client, _, err := control.NewClient(ours)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = client.Stderr(id, 0) }()
		synctest.Wait()
		ours.abort()
		synctest.Wait()
		if _, err := theirs.Write([]byte("x")); err == nil || errors.Is(err, errCut) {
			t.Errorf("the node holds the connection: %v", err)
		}
	})
}
