package deployed

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// After the handshake an update follows in 100 ms, and then one every 10 s.
func TestUpdatesEveryTenSeconds(t *testing.T) {
	n := newNet(t, "d")
	n.advance(3 * time.Second)
	s := n.script("a", "s")
	s.up("a")
	for range 4 {
		n.advance(9 * time.Second)
		s.update("s", 1, "a")
	}
	var at []time.Duration
	for _, r := range s.got[1:] {
		at = append(at, r.at)
	}
	// That s became known, by its second update, is told by the same one.
	first := testDelay + updateDelay
	want := []time.Duration{first, first + updateInterval, first + 2*updateInterval, first + 3*updateInterval}
	if !slices.Equal(at, want) {
		t.Errorf("updates after the handshake at %v, want %v", at, want)
	}
}

func TestFloodsAnewWhenANodeBecomesKnown(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	s.up("a")
	n.advance(time.Second)
	s.updates()
	s.update("x", 1, "s")
	n.advance(time.Second)
	if got := s.updates(); len(got) != 1 || got[0].NodeID != "a" {
		t.Errorf("after it heard of x: %v, want one update of a", got)
	}
	s.update("x", 1, "s")
	n.advance(time.Second)
	if got := s.updates(); len(got) != 0 {
		t.Errorf("after it heard of x again: %v, want none", got)
	}
}

// What is passed on has the fields that deployed nodes know, and goes to all but
// the peer from which it came.
func TestPassesOnWithoutFeatures(t *testing.T) {
	n := newNet(t, "d")
	from, to := n.script("a", "s"), n.script("a", "t")
	from.up("a")
	to.up("a")
	n.advance(time.Second)
	from.got, to.got = nil, nil
	from.send(&wire.RoutingUpdate{
		NodeID: "x", UpdateID: "once", UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: "s",
		Connections: map[string]float64{"s": 2.5}, Features: []string{wire.FeatureExchange},
	})
	want := (&wire.RoutingUpdate{
		NodeID: "x", UpdateID: "once", UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: "a",
		Connections: map[string]float64{"s": 2.5},
	}).Encode()
	if len(to.got) != 1 || !bytes.Equal(to.got[0].frame, want) {
		t.Errorf("passed on as %+v, want %s", to.got, want)
	}
	if len(from.got) != 0 {
		t.Errorf("back to where it came from: %+v", from.got)
	}
}

// An update ID is remembered for an hour, whatever the update says; and what is
// not newer is dropped.
func TestUpdatesThatAreNoNews(t *testing.T) {
	n := newNet(t, "d")
	from, to := n.script("a", "s"), n.script("a", "t")
	from.up("a")
	to.up("a")
	passedOn := func(u wire.RoutingUpdate) bool {
		u.NodeID, u.ForwardingNode, u.Connections = "x", "s", map[string]float64{"s": 1}
		to.updates()
		from.send(&u)
		got := to.updates()
		return len(got) == 1 && got[0].NodeID == "x"
	}
	for _, c := range []struct {
		name string
		u    wire.RoutingUpdate
		want bool
	}{
		{"the first", wire.RoutingUpdate{UpdateID: "one", UpdateEpoch: 5, UpdateSequence: 5}, true},
		{"the same", wire.RoutingUpdate{UpdateID: "one", UpdateEpoch: 5, UpdateSequence: 5}, false},
		{"a newer one with its ID", wire.RoutingUpdate{UpdateID: "one", UpdateEpoch: 5, UpdateSequence: 6}, false},
		{"the same number", wire.RoutingUpdate{UpdateID: "two", UpdateEpoch: 5, UpdateSequence: 5}, false},
		{"an older epoch", wire.RoutingUpdate{UpdateID: "three", UpdateEpoch: 4, UpdateSequence: 9}, false},
		{"a newer epoch", wire.RoutingUpdate{UpdateID: "four", UpdateEpoch: 6, UpdateSequence: 1}, true},
	} {
		n.advance(time.Second)
		if got := passedOn(c.u); got != c.want {
			t.Errorf("%s: passed on %v, want %v", c.name, got, c.want)
		}
	}
	for range 2 * seenLife / updateInterval {
		from.update("s", 1, "a")
		to.update("t", 1, "a")
		n.advance(updateInterval)
	}
	if !passedOn(wire.RoutingUpdate{UpdateID: "one", UpdateEpoch: 6, UpdateSequence: 2}) {
		t.Error("an update ID is still remembered after two hours")
	}
	if len(n.deployed("a").seen) > 2*720 {
		t.Errorf("%d update IDs are remembered", len(n.deployed("a").seen))
	}
}

// An update removes the connections that it does not list from the records of
// their other ends, even if those are right; their next update restores them.
func TestUpdateEditsRecordsOfOthers(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	s.up("a")
	s.update("x", 1, "s", "y")
	s.update("y", 1, "x")
	s.update("s", 1, "a", "x")
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"s": "s", "x": "s", "y": "s"})
	s.update("x", 1, "s")
	n.wantLinks("y", map[string]float64{})
	s.update("x", 1, "s", "y")
	n.advance(time.Second)
	n.wantLinks("x", map[string]float64{"s": 1, "y": 1})
	n.wantLinks("y", map[string]float64{}) // although x lists it again
	s.update("y", 1, "x")
	n.wantLinks("y", map[string]float64{"x": 1})
}

// Two pairs that know each other are parted and joined again. Nobody is new, so
// nobody floods anew: what has changed behind the link that came back is known
// with the next round. (The convergence bound has that round.)
func TestRejoinWaitsForTheNextRound(t *testing.T) {
	n := newNet(t, "dddd")
	ab, _ := n.link("a", "b", 1)
	bc, _ := n.link("b", "c", 1)
	n.link("c", "d", 1)
	n.advance(time.Second)
	bc.Close()
	ab.Close()
	n.advance(time.Second)
	n.link("a", "b", 2)
	n.advance(time.Second)
	n.link("b", "c", 1)
	n.advance(time.Second)
	n.wantRoutes("d", map[string]string{"a": "c", "b": "c", "c": "c"})
	if got := n.deployed("d").costs["a"]["b"]; got != 1 {
		t.Errorf("d knows already that a-b costs %v", got)
	}
	n.advance(updateInterval)
	n.wantLinks("a", map[string]float64{"b": 2})
}

// The message by which the newer of two duplicates leaves is obeyed whoever
// sends it, and passed on by all, who then believe the sender.
func TestSuspicion(t *testing.T) {
	n := newNet(t, "ddd")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	s := n.script("c", "s")
	s.up("c")
	n.advance(time.Hour)
	a := n.deployed("a")
	s = n.script("c", "s")
	s.up("c")
	s.send(&wire.RoutingUpdate{
		NodeID: "a", UpdateID: "forged", UpdateEpoch: 7, UpdateSequence: 9, ForwardingNode: "s", SuspectedDuplicate: a.epoch,
	})
	n.advance(time.Second)
	if got := n.deployed("c").versions["a"]; got != (version{7, 9}) {
		t.Errorf("c takes the newest update of a for %v, want that of the forgery", got)
	}
	if left := n.events["a"][len(n.events["a"])-1]; left != (mesh.DuplicateID{ID: "a", OtherEpoch: 7, From: "b", Leaving: true}) {
		t.Errorf("the last that a tells is %T%+v", left, left)
	}
	n.wantRoutes("c", map[string]string{"b": "b", "s": "s"})
}
