package mesh

import (
	"fmt"
	"math"
	"testing"
	"time"

	"receptor/mesh/wire"
)

// Two nodes with one ID at two ends of a mesh: the newer one leaves, the older
// one keeps its place.
func TestNewerDuplicateLeaves(t *testing.T) {
	n := newNet(t, "hub", "far", "x")
	n.link("hub", "far", 1)
	n.link("hub", "x", 1)
	n.advance(2 * time.Second)
	newer := n.start("x")
	n.join(n.nodes["far"], newer, LinkOptions{Cost: 1}, LinkOptions{Cost: 1})
	n.advance(2 * time.Second)
	if !last[DuplicateID](t, n.events["x"]).Leaving {
		t.Error("neither of the two has left")
	}
	if up := n.nodes["x"].Status().Connections; len(up) != 1 {
		t.Errorf("the older one has links %v, want that to hub", up)
	}
	if up := newer.Status().Connections; len(up) != 0 {
		t.Errorf("the newer one has links %v", up)
	}
	n.wantRoutes("far", map[string]string{"hub": "hub", "x": "hub"})
	if r, err := n.ping("far", "x", MaxHops); err != nil || r.From != "x" {
		t.Errorf("ping of the older one: %v, %v", r, err)
	}
}

// The same at one and the same node: the link of the older one stays up, and
// the newcomer is told why it is refused.
func TestDuplicateAtOneNode(t *testing.T) {
	n := newNet(t, "hub", "x")
	n.link("hub", "x", 1)
	n.advance(5 * time.Second)
	newcomer := n.start("x")
	for range 3 { // it dials again and again
		n.join(n.nodes["hub"], newcomer, LinkOptions{Cost: 1}, LinkOptions{Cost: 1})
		n.advance(time.Second)
	}
	if !last[DuplicateID](t, n.events["x"]).Leaving {
		t.Error("the newcomer has not left")
	}
	if down := count[LinkDown](n.events["hub"]); down != 0 {
		t.Errorf("the hub lost %d links, want none", down)
	}
	n.wantRoutes("hub", map[string]string{"x": "x"})
	if up := n.nodes["x"].Status().Connections; len(up) != 1 {
		t.Errorf("the older one has links %v, want that to the hub", up)
	}
}

// A node that has long been up obeys no message that it is a duplicate: such a
// message is forged. Those who believed it hear of the node again at once.
func TestForgedSuspicionIsIgnored(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	_, atC := n.link("b", "c", 1)
	n.advance(2 * joinWindow)
	forged := &wire.RoutingUpdate{
		NodeID: "a", UpdateID: "forged00", UpdateEpoch: 1, UpdateSequence: 1 << 40,
		ForwardingNode: "c", SuspectedDuplicate: n.nodes["a"].epoch,
	}
	atC.Send(forged.Encode())
	n.advance(time.Second)
	if e := last[DuplicateID](t, n.events["a"]); e.Leaving {
		t.Error("a has left the mesh")
	}
	n.wantRoutes("c", map[string]string{"a": "b", "b": "b"})
	n.advance(30 * time.Second)
	if v := count[DuplicateSuspected](n.events["b"]); v != 2 {
		t.Errorf("b heard %d suspicions, want the forged one and the answer to it", v)
	}
	if n.nodes["b"].db.Record("a") == nil {
		t.Error("b has forgotten a")
	}
}

// Whatever a peer forges in the name of a, the mesh hears a again at once: of
// what a says later (here, of a new link) nobody takes the forgery for newer.
func TestForgedUpdatesAreOutdated(t *testing.T) {
	const most = math.MaxUint64
	tests := []struct {
		name    string
		forgery func(epoch uint64) []wire.RoutingUpdate
	}{
		{"same epoch, later sequence", func(epoch uint64) []wire.RoutingUpdate {
			return []wire.RoutingUpdate{{UpdateEpoch: epoch, UpdateSequence: most}}
		}},
		{"later epoch", func(uint64) []wire.RoutingUpdate {
			return []wire.RoutingUpdate{{UpdateEpoch: most - 1, UpdateSequence: most}}
		}},
		{"later epochs, at one time", func(epoch uint64) []wire.RoutingUpdate {
			return []wire.RoutingUpdate{{UpdateEpoch: epoch + 1<<30}, {UpdateEpoch: most}}
		}},
		{"suspicion of a later epoch", func(epoch uint64) []wire.RoutingUpdate {
			return []wire.RoutingUpdate{{UpdateEpoch: most, UpdateSequence: most, SuspectedDuplicate: epoch}}
		}},
		{"suspicion of the same epoch", func(epoch uint64) []wire.RoutingUpdate {
			return []wire.RoutingUpdate{{UpdateEpoch: epoch, UpdateSequence: most, SuspectedDuplicate: epoch}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := newNet(t, "a", "b", "c", "d")
			n.link("a", "b", 1)
			_, atC := n.link("b", "c", 1)
			n.advance(2 * joinWindow)
			for i, forged := range test.forgery(n.nodes["a"].epoch) {
				forged.NodeID, forged.UpdateID, forged.ForwardingNode = "a", fmt.Sprint("forged0", i), "c"
				atC.Send(forged.Encode())
			}
			n.advance(time.Second)
			n.link("a", "d", 1)
			n.advance(2 * time.Second)
			n.wantRoutes("c", map[string]string{"a": "b", "b": "b", "d": "b"})
			n.wantRoutes("d", map[string]string{"a": "a", "b": "a", "c": "a"})
		})
	}
}

// A node whose clock was set back before it restarted is heard again at once:
// the mesh tells it of its former epoch.
func TestClockSetBack(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(2 * time.Second)
	n.nodes["a"].Close()
	n.advance(2 * time.Second)
	restarted := n.start("a")
	restarted.epoch -= 3600 << 24
	n.nodes["a"] = restarted
	n.link("a", "b", 1)
	n.advance(2 * time.Second)
	n.wantRoutes("c", map[string]string{"a": "b", "b": "b"})
	n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
}
