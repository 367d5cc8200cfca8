package mesh

import (
	"errors"
	"testing"
	"time"

	"receptor/mesh/wire"
)

// While a node is busy, datagrams pass through it, also behind control frames; these are
// taken afterwards, in order, and before it is told that the link has ended.
func TestDatagramsDoNotWaitForABusyNode(t *testing.T) {
	n := newNet(t, "a", "b")
	toB, _ := n.link("a", "b", 1)
	fromA, fromOld := n.joinDeployed("a", "old")
	n.advance(time.Second)
	update := func(sequence uint64, links map[string]float64) []byte {
		return (&wire.RoutingUpdate{NodeID: "far", UpdateEpoch: 1, UpdateSequence: sequence, ForwardingNode: "old", Connections: links}).Encode()
	}
	a := n.nodes["a"]
	datagrams, accepted := sent(wire.TypeData, toB), count[UpdateAccepted](n.events["a"])
	a.mu.Lock()
	fromA.Inject(update(1, map[string]float64{"old": 1}))
	fromA.Inject(update(2, map[string]float64{"old": 1, "x": 1}))
	fromA.Inject(wire.AppendData(nil, wire.Header{HopsToLive: 3, FromNode: wire.HashNode("old"), ToNode: wire.HashNode("b")}, []byte("x")))
	fromA.Inject(wire.Reject("enough"))
	a.mu.Unlock()
	if got := sent(wire.TypeData, toB) - datagrams; got != 1 {
		t.Errorf("%d datagrams were passed on while the node was busy, want 1", got)
	}
	if got := count[UpdateAccepted](n.events["a"]); got != accepted {
		t.Errorf("%d updates were taken while the node was busy", got-accepted)
	}
	fromOld.Close()
	n.advance(time.Second)
	n.nodes["a"].Inspect(func(v View) {
		if r := v.Record("far"); r == nil || r.UpdateSequence != 2 {
			t.Errorf("the record of far is %+v, want its second update", r)
		}
	})
	if down := last[LinkDown](t, n.events["a"]); !errors.Is(down.Err, ErrEnded) {
		t.Errorf("the link ended because of %v, want what the peer said", down.Err)
	}
}

// More than an inbox takes has the reader wait for its turn, and comes after what is there.
func TestInboxIsBounded(t *testing.T) {
	var i inbox
	frame := make([]byte, maxInbox/4)
	for k := range 5 {
		if ok, first := i.add(frame); ok != (k < 4) || first != (k == 0) {
			t.Errorf("frame %d: there is room: %v, it is the first: %v", k, ok, first)
		}
	}
	if got := len(i.take()); got != 4 || !i.isEmpty() {
		t.Errorf("%d frames were there, want 4, and none afterwards", got)
	}
	if ok, first := i.add(frame); !ok || !first {
		t.Error("once taken, nobody would see to the next")
	}
}
