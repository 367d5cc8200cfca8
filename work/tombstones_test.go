package work

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// One node that floods another with keys cannot push out those of others.
func TestTombstonesAreSharedOut(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	ts := newTombstones(1000)
	add := func(from string, n int) {
		for i := range n {
			key := fmt.Sprintf("%s/%d", from, i)
			if _, ok := ts.find(key, now); !ok {
				ts.add(tombstone{Key: key, From: from, Over: now}, now)
			}
		}
		now = now.Add(time.Minute)
	}
	count := func(from string) (n int) {
		for _, list := range ts.all() {
			if list.From == from {
				n++
			}
		}
		return n
	}
	add("a", 100)
	add("", 200)
	add("flood", 5000)
	if a, own, flood := count("a"), count(""), count("flood"); a != 100 || own != 200 || flood < 600 || flood > 700 {
		t.Errorf("kept %d of a, %d without a node and %d of the flood", a, own, flood)
	}
	if _, ok := ts.find("flood/4999", now); !ok {
		t.Error("the latest of the flood is given up, not its oldest")
	}
	// Many floods share what is left.
	for i := range 9 {
		add(fmt.Sprintf("flood%d", i), 1000)
	}
	if a := count("a"); a < 80 {
		t.Errorf("kept %d of a", a)
	}
	now = now.Add(keyLife)
	add("b", 1000)
	if all := ts.all(); len(all) < 980 || len(all) > 1000 || count("b") != len(all) || len(ts.over) != len(all) {
		t.Errorf("a day later %d are kept, %d of b", len(all), count("b"))
	}
}

// Nodes that somebody has invented, of which each has made one: it is the oldest ones
// that go, and that takes no longer than a look at all of them now and then.
func TestTombstonesOfManyNodes(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	ts := newTombstones(maxTombstones)
	add := func(i int) {
		now = now.Add(time.Millisecond)
		ts.add(tombstone{Key: fmt.Sprint(i), From: fmt.Sprint("node", i), Over: now}, now)
	}
	for i := range maxTombstones + 1 {
		add(i)
	}
	const room = maxTombstones / 100
	for i := range maxTombstones + 1 {
		if _, ok := ts.find(fmt.Sprint(i), now); ok != (i > room) {
			t.Fatalf("tombstone %d of %d is kept: %v", i, maxTombstones+1, ok)
		}
	}
}

// A clock that is set back does not make a later tombstone go with an earlier one.
func TestTombstoneOfTheSameKey(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	ts := newTombstones(10)
	ts.add(tombstone{Key: "ahead", Over: now.Add(time.Hour)}, now)
	ts.add(tombstone{Key: "k", Over: now}, now)
	later := now.Add(keyLife)
	ts.add(tombstone{Key: "k", Over: later}, later)
	ts.expire(later.Add(time.Hour))
	if _, ok := ts.find("k", later.Add(time.Hour)); !ok {
		t.Error("it is forgotten")
	}
}

// The node of a key is kept with it, over a restart.
func TestTombstonesKeepTheirNode(t *testing.T) {
	c := newCluster(t)
	n := c.node("b")
	if _, err := n.m.keys.withdraw("a/unit0001/x", "a", c.clock.Now(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	n.stop()
	n.start()
	if all := n.m.keys.over.all(); len(all) != 1 || all[0].From != "a" || all[0].Key != "a/unit0001/x" {
		t.Errorf("tombstones %+v", all)
	}
}

// Where orders are signed, so are withdrawals: as the submission would be.
func TestWithdrawalIsSigned(t *testing.T) {
	n := newCluster(t).node("b")
	n.signed(&signatures{})
	withdraw := func(more string) string {
		return n.doJSON(`{"subcommand":"cancel","receptor_submission":"a/unit0001/x"` + more + `}`)
	}
	for _, more := range []string{``, `,"worktype":"signed"`, `,"worktype":"nonesuch"`, `,"worktype":"signed","signature":"x"`} {
		if got := withdraw(more); !strings.HasPrefix(got, "ERROR: could not verify signature: ") {
			t.Errorf("withdrawal with %s: %s", more, got)
		}
	}
	sub, err := n.client().Submit(map[string]string{"node": "b", "worktype": "signed", "signature": "b/", paramSubmission: "a/unit0001/x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := withdraw(`,"worktype":"cat"`); !strings.HasPrefix(got, "ERROR: could not verify signature: ") {
		t.Errorf("withdrawal of a unit: %s", got)
	}
	if got := withdraw(`,"worktype":"signed","signature":"b/"`); got != `{"cancelled":"`+sub.UnitID+`"}` {
		t.Errorf("signed: %s", got)
	}
	if got := n.doJSON(`{"subcommand":"cancel","receptor_submission":"a/unit0002/x","worktype":"signed","signature":"b/"}`); got != `{"cancelled":""}` {
		t.Errorf("signed, and there is none: %s", got)
	}
	// The owner, and who submits what nobody signs.
	if got := n.doJSON(`{"subcommand":"cancel","receptor_submission":"a/unit0003/x","worktype":"cat"}`); got != `{"cancelled":""}` {
		t.Errorf("a type without signatures: %s", got)
	}
	if got, err := n.owner().DoJSON(map[string]any{"command": "work", "subcommand": "release", paramSubmission: "a/unit0004/x"}); err != nil || string(got) != `{"released":""}` {
		t.Errorf("the owner: %s, %v", got, err)
	}
}
