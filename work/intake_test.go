package work

import (
	"strings"
	"testing"
)

// Once all of stdin is here, and before the session that has brought it starts the
// command, nobody can change it any more; whoever is first starts the command.
func TestStdinIsComplete(t *testing.T) {
	n := newCluster(t).node("b")
	begun, _, err := n.submitAs("a/unit0001", "012", mark("0123456789"))
	if err == nil {
		t.Fatal("a stdin that was cut short is complete")
	}
	r, err := n.m.find(begun.UnitID)
	if err != nil {
		t.Fatal(err)
	}
	in, err := r.base().beginInput(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := parseStdinMark(mark("0123456789"))
	if err := in.receive(strings.NewReader("3456789"), &whole); err != nil {
		t.Fatal(err)
	}
	again, result, err := n.submitAs("a/unit0001", "another", mark("another"))
	if err != nil || result != "Job Started" || again.UnitID != begun.UnitID || again.From != 7 {
		t.Errorf("submission again %+v: %q, %v", again, result, err)
	}
	in.end()
	p := n.next()
	if got := p.input(); got != "0123456789" {
		t.Errorf("stdin %q", got)
	}
	p.exit(Succeeded, "exit status 0")
	if pending, err := r.inputComplete(t.Context()); pending || err != nil {
		t.Errorf("the session that had brought the stdin is told %v, %v", pending, err)
	}
	if n.processes.starts != 1 {
		t.Errorf("%d starts", n.processes.starts)
	}
}

// A stdin is safe, short or not, when its client is told that the unit is started.
func TestStdinIsSafe(t *testing.T) {
	for _, stdin := range []string{"", "short", strings.Repeat("x", maxShort+1)} {
		n := newCluster(t).node("a")
		if _, result := n.submit("a", stdin); result != "Job Started" {
			t.Fatalf("result %q", result)
		}
		n.next()
		n.powerCut()
		if got := n.next().input(); got != stdin {
			t.Errorf("after a power cut the stdin has %d bytes, want %d", len(got), len(stdin))
		}
	}
}
