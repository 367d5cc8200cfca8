package work

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"
)

// secretOf returns the secret in the key of a unit's submission.
func (n *testNode) secretOf(unit string) string {
	n.t.Helper()
	r, err := n.m.find(unit)
	if err != nil {
		n.t.Fatal(err)
	}
	return r.base().load().status.Secret
}

// Whoever sees the IDs of units can neither keep one from being started, nor send
// it a stdin, nor end it.
func TestStrangerKnowsTheUnitID(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		a, b := c.node("a"), c.node("b")
		c.setDown("b", errors.New("no route to node b"))
		id, _ := a.submitLater("b", "input")
		guess := "a/" + id
		strange := func() {
			for _, order := range []string{"cancel", "release"} {
				if got := b.doJSON(`{"subcommand":"` + order + `","worktype":"cat","receptor_submission":"` + guess + `"}`); !strings.HasSuffix(got, `:""}`) {
					t.Errorf("%s: %s", order, got)
				}
			}
			if sub, _, err := b.submitAs(guess, "strange", mark("strange")); err == nil {
				t.Errorf("a stranger's submission after its own withdrawal: %+v", sub)
			}
		}
		strange()
		c.breakBy(func() (ours, theirs int) { return -1, 40 }) // the answer is lost
		c.setDown("b", nil)
		a.m.NodeReachable("b")
		time.Sleep(time.Millisecond)
		strange()
		c.breakBy(nil)
		time.Sleep(time.Minute)
		p := b.next()
		if got := p.input(); got != "input" {
			t.Errorf("stdin %q", got)
		}
		strange()
		p.exit(Succeeded, "exit status 0")
		time.Sleep(time.Minute)
		a.wantStatus(id, Succeeded, "exit status 0")
		if b.processes.starts != 1 {
			t.Errorf("%d starts", b.processes.starts)
		}
	})
}

// The secret is kept where the unit is and survives a restart; nobody is shown it,
// not even in an error.
func TestSecretOfSubmission(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	secret := a.secretOf(id)
	if other, _ := a.submit("b", ""); len(secret) != 32 || a.secretOf(other) == secret {
		t.Errorf("secrets %q and %q, want two of 32 digits", secret, a.secretOf(other))
	}
	hidden := func() {
		t.Helper()
		a.wantHidden(secret, id, StatusFile)
		b.wantHidden(secret, path.Base(p.Dir), StatusFile, keysFile)
	}
	hidden()
	if got := b.fs.get(p.Dir + "/" + StatusFile); !strings.Contains(got, `"a/`+id+"/"+secret+`"`) {
		t.Errorf("submission %s", got)
	}
	p.exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "exit status 0")
	hidden()
	a.stop()
	a.start()
	if got := a.secretOf(id); got != secret {
		t.Errorf("the secret was %q, and is %q", secret, got)
	}
	b.do("work release " + path.Base(p.Dir))
	for _, key := range []string{"a/" + id + "/" + secret, "a/" + id + "/" + secret + "\x00"} {
		if _, _, err := b.submitAs(key, "", ""); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("refused with %v", err)
		}
	}
	hidden()
}

// A unit that an earlier version has submitted, by a key without a secret, goes on
// by that.
func TestKeyWithoutSecret(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	first, _, err := b.submitAs("a/unit0001", "in", mark("input"))
	if err == nil {
		t.Fatal("a stdin that was cut short is complete")
	}
	a.stop()
	a.fs.Put("/data/a/unit0001/status", `{"State":0,"Detail":"Starting Worker","StdoutSize":0,"WorkType":"remote","ExtraData":{"RemoteNode":"b",`+
		`"RemoteWorkType":"cat","RemoteParams":{},"RemoteUnitID":"`+first.UnitID+`","SubmitSent":true,"SubmitKeyed":true}}`)
	a.fs.Put("/data/a/unit0001/stdin", "input")
	a.start()
	if got := b.next().input(); got != "input" {
		t.Errorf("stdin %q", got)
	}
}
