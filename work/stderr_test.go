package work

import (
	"errors"
	"io"
	"path"
	"strings"
	"testing"

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
