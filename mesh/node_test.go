package mesh

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"receptor/mesh/firewall"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

const testDelay = time.Millisecond

// testNet is a mesh on a virtual clock, for tests that read as scripts.
type testNet struct {
	t      *testing.T
	clock  *transporttest.Clock
	nodes  map[string]*Node
	events map[string][]Event
	seed   uint64
}

func newNet(t *testing.T, ids ...string) *testNet {
	n := &testNet{t: t, clock: transporttest.NewClock(), nodes: map[string]*Node{}, events: map[string][]Event{}}
	for _, id := range ids {
		n.nodes[id] = n.start(id)
	}
	return n
}

// start makes one more node, which may have the ID of another.
func (n *testNet) start(id string, rules ...firewall.Rule) *Node {
	n.t.Helper()
	n.seed++
	node, err := New(Config{
		ID: id, Clock: n.clock, Rand: rand.NewPCG(n.seed, 0), Firewall: rules,
		Events: func(e Event) { n.events[id] = append(n.events[id], e) },
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return node
}

func (n *testNet) link(a, b string, cost float64) (*transporttest.Link, *transporttest.Link) {
	return n.join(n.nodes[a], n.nodes[b], LinkOptions{Cost: cost}, LinkOptions{Cost: cost})
}

func (n *testNet) join(a, b *Node, oa, ob LinkOptions) (*transporttest.Link, *transporttest.Link) {
	return transporttest.Pipe(n.clock, testDelay,
		func(l transport.Link) transport.Receiver { return a.Attach(l, oa) },
		func(l transport.Link) transport.Receiver { return b.Attach(l, ob) })
}

// deployedPeer links a node to one that speaks as deployed nodes do, without
// our extensions, and says nothing but that it is there. It returns the node's
// end of the link.
func (n *testNet) deployedPeer(id, peer string) *transporttest.Link {
	fromNode, _ := n.joinDeployed(id, peer)
	return fromNode
}

// joinDeployed is deployedPeer, and returns both ends.
func (n *testNet) joinDeployed(id, peer string) (fromNode, fromPeer *transporttest.Link) {
	fromNode, fromPeer = transporttest.Pipe(n.clock, testDelay,
		func(l transport.Link) transport.Receiver { return n.nodes[id].Attach(l, LinkOptions{Cost: 1}) },
		func(transport.Link) transport.Receiver { return transporttest.Discard })
	for sequence, links := range []map[string]float64{{}, {id: 1}} {
		fromPeer.Send((&wire.RoutingUpdate{
			NodeID: peer, UpdateEpoch: 1, UpdateSequence: uint64(sequence), ForwardingNode: peer, Connections: links,
		}).Encode())
	}
	n.advance(time.Second)
	return fromNode, fromPeer
}

func (n *testNet) advance(d time.Duration) { n.clock.Advance(d) }

func (n *testNet) wantRoutes(from string, want map[string]string) {
	n.t.Helper()
	if got := n.nodes[from].Status().RoutingTable; !maps.Equal(got, want) {
		n.t.Errorf("routes of %s: %v, want %v", from, got, want)
	}
}

// ping returns what a ping answered within ten seconds.
func (n *testNet) ping(from, to string, hops byte) (reply PingReply, err error) {
	n.t.Helper()
	answered := false
	n.nodes[from].PingAsync(to, hops, 10*time.Second, func(r PingReply, e error) {
		if answered {
			n.t.Errorf("ping %s -> %s was answered twice", from, to)
		}
		answered, reply, err = true, r, e
	})
	n.advance(11 * time.Second)
	if !answered {
		n.t.Fatalf("ping %s -> %s: done was never called", from, to)
	}
	return reply, err
}

func count[E Event](events []Event) int {
	return len(slices.DeleteFunc(slices.Clone(events), func(e Event) bool { _, ok := e.(E); return !ok }))
}

// last returns the last event of a type.
func last[E Event](t *testing.T, events []Event) E {
	t.Helper()
	for _, e := range slices.Backward(events) {
		if e, ok := e.(E); ok {
			return e
		}
	}
	var none E
	t.Fatalf("no %T in %v", none, events)
	return none
}

func TestLeastCostRoutes(t *testing.T) {
	n := newNet(t, "a", "b", "c", "d")
	n.link("a", "b", 1)
	n.link("b", "d", 1)
	n.link("a", "c", 1)
	n.link("c", "d", 0.5)
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b", "c": "c", "d": "c"})
	n.wantRoutes("d", map[string]string{"a": "c", "b": "b", "c": "c"})
}

// Of two paths of equal cost all nodes take the one by the smaller node ID,
// whatever the order in which they hear of them.
func TestTieByNodeID(t *testing.T) {
	for _, order := range [][]string{{"b", "c"}, {"c", "b"}} {
		n := newNet(t, "a", "b", "c", "d")
		for _, via := range order {
			n.link("a", via, 1)
			n.link(via, "d", 1)
			n.advance(3 * time.Second)
		}
		n.wantRoutes("a", map[string]string{"b": "b", "c": "c", "d": "b"})
	}
}

func TestLinkLossReroutes(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	direct, _ := n.link("a", "c", 1)
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b", "c": "c"})
	direct.Close()
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
	n.wantRoutes("c", map[string]string{"a": "b", "b": "b"})
}

// A node that has departed leaves routes at once and the tables in time.
func TestDepartedNodeIsForgotten(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	n.nodes["c"].Close()
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b"})
	if _, known := n.nodes["a"].Status().KnownConnectionCosts["c"]; !known {
		t.Error("a forgot c before its time: a healed partition would find nothing")
	}
	n.advance(2 * time.Minute)
	want := map[string]map[string]float64{"a": {"b": 1}, "b": {"a": 1}}
	if got := n.nodes["a"].Status().KnownConnectionCosts; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("a still knows %v, want %v", got, want)
	}
}

// A node that was lost leaves everything that status tells, its services too.
// (Deployed nodes keep it for ever.)
func TestLostNodeLeavesTheStatus(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	fromB, fromC := n.link("b", "c", 1)
	n.nodes["c"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
	n.wantServices("a", "c:svc")
	fromB.Drop = func([]byte) bool { return true }
	fromC.Drop = fromB.Drop
	n.advance(advertisementLife + advertiseInterval)
	status := n.nodes["a"].Status()
	if got, want := fmt.Sprint(status.KnownConnectionCosts), "map[a:map[b:1] b:map[a:1]]"; got != want {
		t.Errorf("a still knows %v, want %v", got, want)
	}
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.wantServices("a")
	if n.nodes["a"].db.Record("c") != nil {
		t.Error("a still has a record of c")
	}
}

// A link of which one direction has died is dropped after the idle time.
func TestIdleLinkIsDropped(t *testing.T) {
	n := newNet(t, "a", "b")
	_, fromB := n.link("a", "b", 1)
	n.advance(time.Second)
	fromB.Drop = func([]byte) bool { return true }
	n.advance(20 * time.Second)
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.advance(12 * time.Second)
	n.wantRoutes("a", map[string]string{})
	n.wantRoutes("b", map[string]string{})
}

func TestPing(t *testing.T) {
	n := newNet(t, "a", "b", "c", "x")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	for _, to := range []string{"a", "localhost", "LocalHost"} {
		if r, err := n.ping("a", to, MaxHops); err != nil || r.From != "a" {
			t.Errorf("ping %s: %v, %v", to, r, err)
		}
	}
	r, err := n.ping("a", "c", MaxHops)
	if err != nil || r.From != "c" || r.RTT != 4*testDelay {
		t.Errorf("ping c: %v, %v, want an answer from c after %v", r, err, 4*testDelay)
	}
	if _, err := n.ping("a", "x", MaxHops); err != ErrNoRoute {
		t.Errorf("ping of a node that cannot be reached: %v, want %v", err, ErrNoRoute)
	}
}

// A traceroute: who reports the expiry at each number of hops to live.
func TestHopLimit(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	for hops, want := range []string{"a", "b", "c"} {
		r, err := n.ping("a", "c", byte(hops))
		if r.From != want {
			t.Errorf("%d hops to live: %v, %v, want it to end at %s", hops, r, err, want)
		}
		if expired, ok := err.(*UnreachableError); want != "c" && (!ok || expired.Problem != wire.ProblemExpired) {
			t.Errorf("%d hops to live: error %v, want %q", hops, err, wire.ProblemExpired)
		}
	}
}

func TestDatagramToUnknownService(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.advance(time.Second)
	if err := n.nodes["a"].SendDatagram("me", Addr{"b", "nobody"}, []byte("x"), MaxHops); err != nil {
		t.Fatal(err)
	}
	n.advance(time.Second)
	got := last[UnreachReceived](t, n.events["a"])
	want := UnreachReceived{ReportedBy: "b", Unreach: wire.Unreach{
		FromNode: "a", ToNode: "b", FromService: "me", ToService: "nobody", Problem: wire.ProblemServiceUnknown,
	}}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// A report never causes another one.
	if n := count[UnreachReceived](n.events["b"]); n != 0 {
		t.Errorf("b received %d reports", n)
	}
}

// A datagram from or to a node that nobody has heard of goes nowhere.
func TestUnknownHash(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	toB, _ := n.link("b", "a", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	frame := func(from, to string) []byte {
		h := wire.Header{HopsToLive: 9, FromNode: wire.HashNode(from), ToNode: wire.HashNode(to), ToService: wire.ServicePing}
		return wire.AppendData(nil, h, nil)
	}
	for _, test := range []struct {
		from, to string
		want     DropReason
	}{{"a", "x", DropNoRoute}, {"x", "b", DropUnknownSource}} {
		toB.Inject(frame(test.from, test.to))
		n.advance(time.Second)
		if got := last[DatagramDropped](t, n.events["b"]).Reason; got != test.want {
			t.Errorf("%s to %s was dropped because %q, want %q", test.from, test.to, got, test.want)
		}
	}
	if got := count[UnreachReceived](n.events["a"]); got != 0 {
		t.Errorf("a has %d reports, want none", got)
	}
}

func TestLongestDatagram(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.advance(time.Second)
	length := -1
	if _, err := n.nodes["b"].HandleDatagrams("svc", nil, func(_ Addr, p []byte) { length = len(p) }); err != nil {
		t.Fatal(err)
	}
	if err := n.nodes["a"].SendDatagram("me", Addr{"b", "svc"}, make([]byte, 16384), MaxHops); err != nil {
		t.Error(err)
	}
	n.advance(time.Second)
	if length != 16384 {
		t.Errorf("%d bytes arrived, want 16384", length)
	}
	if err := n.nodes["a"].SendDatagram("me", Addr{"b", "svc"}, make([]byte, 16385), MaxHops); err == nil {
		t.Error("a longer datagram was taken")
	}
}

func TestDatagramDelivery(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	var got []string
	stop, err := n.nodes["c"].HandleDatagrams("svc", nil, func(from Addr, p []byte) {
		got = append(got, from.String()+" "+string(p))
	})
	if err != nil {
		t.Fatal(err)
	}
	n.nodes["a"].SendDatagram("me", Addr{"c", "svc"}, []byte("hello"), MaxHops)
	n.advance(time.Second)
	if want := []string{"a:me hello"}; !slices.Equal(got, want) {
		t.Errorf("delivered %q, want %q", got, want)
	}
	stop()
	n.nodes["a"].SendDatagram("me", Addr{"c", "svc"}, []byte("again"), MaxHops)
	n.advance(time.Second)
	if len(got) != 1 {
		t.Errorf("delivered to a service that has ended: %q", got)
	}
}
