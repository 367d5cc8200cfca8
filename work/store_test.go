package work

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A status never accounts for bytes that a crash could take.
func TestOutputIsSafeBeforeItCounts(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "input")
	p := b.next()
	p.output("output")
	p.exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "")
	ops := a.fs.history(a.dir(id))
	if i, j := slices.Index(ops, "write ./stdin"), slices.Index(ops, "sync ./stdin"); i < 0 || j < i {
		t.Errorf("stdin is not synced: %q", ops)
	}
	slices.Reverse(ops)
	status, sync, write := slices.Index(ops, "write ./status"), slices.Index(ops, "sync ./stdout"), slices.Index(ops, "write ./stdout")
	if !(status >= 0 && status < sync && sync < write) {
		t.Errorf("stdout is not synced before the last status: from the end %q", ops)
	}
}

func TestUnitIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[string]bool)
	for range 1000 {
		id := randomUnitID(r)
		if !validUnitID(id) || seen[id] {
			t.Fatalf("unit ID %q", id)
		}
		seen[id] = true
	}
	for _, bad := range []string{"", "short", "toolong12", "../../..", "a/b/c/d/", "unit.new", "unit 001", "ünit001"} {
		if validUnitID(bad) {
			t.Errorf("%q is taken for a unit ID", bad)
		}
	}
}
