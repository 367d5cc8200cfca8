package mesh

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

// ownUpdates counts the updates that a node has sent about itself on a link.
func ownUpdates(id string, link *transporttest.Link) (count int) {
	for _, frame := range link.Sent {
		if wire.Type(frame[0]) != wire.TypeRouting {
			continue
		}
		if u, err := wire.ParseRouting(frame); err == nil && u.NodeID == id && u.ForwardingNode == id {
			count++
		}
	}
	return count
}

// Updates are repeated every ten seconds to deployed peers: they keep the link up.
func TestUpdatesAreRepeated(t *testing.T) {
	n := newNet(t, "a")
	fromA, fromPeer := n.joinDeployed("a", "old")
	n.advance(5 * time.Second)
	before := ownUpdates("a", fromA)
	for range 6 {
		n.advance(10 * time.Second)
		fromPeer.Send((&wire.RoutingUpdate{NodeID: "old", UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: "old", Connections: map[string]float64{"a": 1}}).Encode())
	}
	if got := ownUpdates("a", fromA) - before; got != 6 {
		t.Errorf("%d updates in a minute, want 6", got)
	}
}

// What not every link carries is not taken: one side of the mesh would know it, and repair
// the other for ever. A peer that has too many links is one all the same.
func TestUpdateThatCannotBePassedOnIsDropped(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, _ := n.link("a", "b", 1)
	_, fromHub := n.joinDeployed("a", "hub")
	u := wire.RoutingUpdate{NodeID: "hub", UpdateEpoch: 1, UpdateSequence: 5, ForwardingNode: "hub", Connections: map[string]float64{"a": 1}}
	update := func(relay int) []byte {
		for i := 0; ; i++ {
			if r := u.Relay(); r.Len() > relay-250 {
				u.UpdateSequence++
				break
			}
			for k := range 5 {
				u.Connections[fmt.Sprintf("leaf%d.%d.of.the.hub", i, k)] = 1
			}
		}
		r := u.Relay()
		u.Connections[strings.Repeat("x", relay-r.Len()-len(`,"":1`))] = 1
		return u.Encode()
	}
	long := update(maxUpdate + 1)
	fromHub.Send(long)
	n.advance(time.Second)
	var dropped *longUpdate
	if err := last[FrameDropped](t, n.events["a"]).Err; !errors.As(err, &dropped) || dropped.node != "hub" {
		t.Errorf("dropped: %v, want the update that is too long", err)
	}
	n.wantRoutes("a", map[string]string{"b": "b", "hub": "hub"})
	n.wantRoutes("b", map[string]string{"a": "a", "hub": "a"})
	if got := n.nodes["a"].Status().KnownConnectionCosts["hub"]; len(got) != 1 {
		t.Errorf("the hub has %d links, want those that it had", len(got))
	}
	clear(u.Connections)
	u.Connections["a"] = 1
	fromHub.Send(update(maxUpdate))
	n.advance(time.Second)
	if got := len(n.nodes["b"].Status().KnownConnectionCosts["hub"]); got < 1000 {
		t.Errorf("b knows %d links of the hub, want all of an update that can be passed on", got)
	}
	if frame := fromA.Sent[len(fromA.Sent)-1]; len(frame) > transport.CommonFrame {
		t.Errorf("a frame of %d bytes was passed on", len(frame))
	}
}

// When a node of ours joins, only the two ends of its link flood. (In a mesh of
// deployed nodes every node does.)
func TestNobodyElseFloodsWhenANodeJoins(t *testing.T) {
	n := newNet(t, "a", "b", "c", "d", "new")
	ends := map[string]*transporttest.Link{}
	ends["b"], _ = n.link("b", "a", 1)
	ends["c"], _ = n.link("c", "b", 1)
	ends["d"], _ = n.link("d", "c", 1)
	n.advance(5 * time.Second)
	before := map[string]int{}
	for id, end := range ends {
		before[id] = ownUpdates(id, end)
	}
	n.link("new", "a", 1)
	n.advance(2 * time.Second) // long before updates are repeated
	n.wantRoutes("new", map[string]string{"a": "a", "b": "a", "c": "a", "d": "a"})
	n.wantRoutes("d", map[string]string{"a": "c", "b": "c", "c": "c", "new": "c"})
	for id, end := range ends {
		if got := ownUpdates(id, end) - before[id]; got != 0 {
			t.Errorf("%s sent %d updates about itself", id, got)
		}
	}
}

// When a node is heard of by way of a deployed one, which does not tell it of us,
// we tell it at once.
func TestFloodsForNodesBehindDeployedPeers(t *testing.T) {
	n := newNet(t, "a")
	toPeer := n.deployedPeer("a", "old")
	n.advance(time.Second)
	for i := range 3 {
		id := fmt.Sprint("behind", i)
		before := ownUpdates("a", toPeer)
		u := wire.RoutingUpdate{
			NodeID: id, UpdateID: id, UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: "old", Connections: map[string]float64{"old": 1},
		}
		toPeer.Inject(u.Encode())
		n.advance(2 * coalesce)
		if got := ownUpdates("a", toPeer) - before; got != 1 {
			t.Errorf("%d updates when %s was heard of, want 1", got, id)
		}
	}
}

// An update for which there is no room is told of; what is known stays.
func TestFullDatabase(t *testing.T) {
	n := newNet(t, "a")
	_, fromPeer := n.joinDeployed("a", "d")
	const each = 4096 // more would not fit in a frame
	for i := range linkstate.MaxNodes / each {
		names := make(map[string]float64)
		for j := range each {
			names[fmt.Sprintf("%x", i*each+j)] = 1
		}
		fromPeer.Send((&wire.RoutingUpdate{
			NodeID: fmt.Sprint("x", i), UpdateEpoch: 1, ForwardingNode: "d", Connections: names,
		}).Encode())
	}
	n.advance(time.Second)
	if dropped := last[FrameDropped](t, n.events["a"]); dropped.Peer != "d" || dropped.Err != tooManyNodes("x15") {
		t.Errorf("dropped %+v, want what d sent of x15", dropped)
	}
	n.wantRoutes("a", map[string]string{"d": "d"})
}
