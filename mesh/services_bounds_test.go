package mesh

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
)

// No peer can give a service of this node a date that it could not exceed when it
// comes to offer the service.
func TestLastDateOfAService(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	_, fromPeer := n.joinDeployed("a", "d")
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	fromPeer.Send((&wire.ServiceAdvertisement{NodeID: "a", Service: "svc", Time: last}).Encode())
	n.advance(time.Second)
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{Tags: map[string]string{"by": "a"}})
	n.advance(time.Second)
	if ad, known := n.nodes["b"].Service("a", "svc"); !known || ad.Tags["by"] != "a" {
		t.Errorf("b knows of %+v (%v), want what a offers", ad, known)
	}
}

// Nor can it give one to a service of another node, which would lose it at all who
// believe that date, for as long as they keep it.
func TestLastDateOfAnothersService(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	_, fromPeer := n.joinDeployed("a", "d")
	n.nodes["b"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	for _, date := range []time.Time{
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), // refused
		n.clock.Now().AddDate(yearsAhead, 0, 0),                    // the last that is not
	} {
		fromPeer.Send((&wire.ServiceAdvertisement{NodeID: "b", Service: "svc", Time: date, Cancel: true}).Encode())
		n.advance(time.Second)
		if _, known := n.nodes["a"].Service("b", "svc"); !known {
			t.Errorf("a cancel of %v stays in force", date)
		}
	}
}

// What is known of a service, but not as long as it was sent, fits in a frame as
// this node writes it.
func TestAgedAdvertisementFitsInAFrame(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, _ := n.link("a", "b", 1)
	_, fromPeer := n.joinDeployed("a", "d")
	// encoding/json writes six bytes for this one.
	tag := strings.Repeat("<", transport.MaxFrame/2)
	frame := (&wire.ServiceAdvertisement{NodeID: "d", Service: "svc", Time: n.clock.Now(), Tags: map[string]string{"k": "v"}, Age: 9}).Encode()
	fromPeer.Send([]byte(strings.Replace(string(frame), `"v"`, `"`+tag+`"`, 1)))
	n.advance(time.Second)
	n.wantServices("a")
	if dropped := last[FrameDropped](t, n.events["a"]); dropped.Err != errLongService {
		t.Errorf("dropped because of %v, want %v", dropped.Err, errLongService)
	}
	for _, frame := range fromA.Sent {
		if len(frame) > transport.MaxFrame {
			t.Errorf("a frame of %d bytes was sent", len(frame))
		}
	}
}

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

// What is sent on each link that comes up is there once, in order, and is no work for
// each service but to queue it.
func TestServicesAreSharedByLinks(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	for _, service := range []string{"x", "z", "y"} {
		n.nodes["b"].advertise(service, wire.ConnStream, Advertise{})
	}
	n.advance(20 * time.Second)
	services, now := &n.nodes["a"].services, n.clock.Now()
	all := func() [][]byte { return services.frames(now, func(*knownService) bool { return true }) }
	first := all()
	for k, service := range []string{"x", "y", "z"} {
		ad, err := wire.ParseAdvertisement(first[k])
		if err != nil || ad.Service != service || ad.Age != 19 {
			t.Errorf("frame %d is of %+v (%v), want %s and an age of 19", k, ad, err, service)
		}
	}
	if allocs := testing.AllocsPerRun(10, func() { all() }); allocs > 3 {
		t.Errorf("%v allocations for three frames that are there", allocs)
	}
}

func (n *testNet) wantServiceCount(at string, want int) {
	n.t.Helper()
	if known := len(n.nodes[at].services.known); known != want {
		n.t.Errorf("%d services are known at %s, want %d", known, at, want)
	}
}
