package mesh

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"receptor/mesh/wire"
)

// To forget many nodes with their services is no more work for each of them than to
// forget one: what it would have to look at shows in what it allocates.
func TestForgettingManyServices(t *testing.T) {
	const nodes = 2000
	n := newNet(t, "a")
	_, fromPeer := n.joinDeployed("a", "liar")
	for i := range nodes {
		node := fmt.Sprint("x", i)
		fromPeer.Send((&wire.RoutingUpdate{NodeID: node, UpdateEpoch: 1, ForwardingNode: "liar"}).Encode())
		fromPeer.Send((&wire.ServiceAdvertisement{NodeID: node, Service: "svc", Time: n.clock.Now()}).Encode())
	}
	n.advance(time.Second)
	if known := len(n.nodes["a"].services.known); known != nodes {
		t.Fatalf("%d services are known, want %d", known, nodes)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n.advance(2 * time.Minute)
	runtime.ReadMemStats(&after)
	if forgotten := count[NodeForgotten](n.events["a"]); forgotten < nodes {
		t.Fatalf("%d nodes are forgotten, want %d", forgotten, nodes)
	}
	n.wantServices("a")
	if each := (after.TotalAlloc - before.TotalAlloc) / nodes; each > 4096 {
		t.Errorf("to forget a node takes %d bytes", each)
	}
}

// Services that fall silent one after the other are looked for now and then, and not
// all of them for each that is to be forgotten. A peer that says that they are old
// already makes no difference.
func TestExpiryIsGathered(t *testing.T) {
	for _, age := range []int{0, maxAge - 20} {
		n := newNet(t, "a")
		_, fromPeer := n.joinDeployed("a", "liar")
		begin, fired := n.clock.Now(), n.nodes["a"].timers
		for i := range 1000 {
			fromPeer.Send((&wire.ServiceAdvertisement{NodeID: fmt.Sprint("x", i), Service: "svc", Time: n.clock.Now(), Age: age}).Encode())
			n.advance(10 * time.Millisecond)
		}
		n.wantServiceCount("a", 1000)
		n.advance(begin.Add(advertisementLife + 15*time.Second).Sub(n.clock.Now()))
		n.wantServiceCount("a", 0)
		// That of the link, and of updates that are repeated, fires five times in 10 s.
		if fired = n.nodes["a"].timers - fired; fired > 300 {
			t.Errorf("age %d: the timer was set %d times while 1000 services came and went", age, fired)
		}
	}
}

func (n *testNet) wantServiceCount(at string, want int) {
	n.t.Helper()
	if known := len(n.nodes[at].services.known); known != want {
		n.t.Errorf("%d services are known at %s, want %d", known, at, want)
	}
}
