package mesh

import (
	"math/rand/v2"
	"testing"
	"time"

	"receptor/mesh/firewall"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

// sinkLink takes frames and forgets them.
type sinkLink struct{ *transporttest.Link }

func (sinkLink) Send([]byte) bool { return true }

// forwarder returns the receiver of a link of node b, in a mesh a - b - c, and
// a frame from a to c.
func forwarder(t testing.TB, rules ...firewall.Rule) (transport.Receiver, []byte) {
	clock := transporttest.NewClock()
	b, err := New(Config{ID: "b", Clock: clock, Rand: rand.NewPCG(1, 1), Firewall: rules})
	if err != nil {
		t.Fatal(err)
	}
	var receivers []transport.Receiver
	for _, peer := range []string{"a", "c"} {
		r := b.Attach(sinkLink{}, LinkOptions{Cost: 1})
		r.Receive((&wire.RoutingUpdate{NodeID: peer, UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: peer,
			Connections: map[string]float64{"b": 1}}).Encode())
		receivers = append(receivers, r)
	}
	clock.Advance(time.Second)
	if !b.Reachable("c") {
		t.Fatal("b has no route to c")
	}
	frame := wire.AppendData(nil, wire.Header{
		HopsToLive: MaxHops, FromNode: wire.HashNode("a"), ToNode: wire.HashNode("c"), ToService: wire.ServicePing,
	}, make([]byte, 1200))
	return receivers[0], frame
}

func (sinkLink) String() string { return "sink" }
func (sinkLink) Close()         {}

// someRules let the frame of forwarder pass, but look at all of it first.
var someRules = []firewall.Rule{
	{Action: firewall.Drop, FromNode: "x"},
	{Action: firewall.Reject, FromNode: "a", ToNode: "c", ToService: "control"},
	{Action: firewall.Drop, FromNode: "/edge-[0-9]+/", ToService: "/p.*/"},
	{Action: firewall.Accept, ToNode: "/[a-c]/", ToService: "/ping|unreach/"},
	{Action: firewall.Drop},
}

// Forwarding must not allocate: it is the path of all traffic.
func TestForwardAllocatesNothing(t *testing.T) {
	for name, rules := range map[string][]firewall.Rule{"without rules": nil, "with rules": someRules} {
		r, frame := forwarder(t, rules...)
		if allocs := testing.AllocsPerRun(1000, func() {
			wire.SetHops(frame, MaxHops)
			r.Receive(frame)
		}); allocs != 0 {
			t.Errorf("forwarding %s allocates %v times per frame", name, allocs)
		}
		if hops := frame[wire.OffsetHops]; hops != MaxHops-1 {
			t.Errorf("%s the frame has %d hops to live, want %d: it was not forwarded", name, hops, MaxHops-1)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkForward(b) })
	b.Run("names", func(b *testing.B) { benchmarkForward(b, someRules[:2]...) })
	b.Run("expressions", func(b *testing.B) { benchmarkForward(b, someRules...) })
}

func benchmarkForward(b *testing.B, rules ...firewall.Rule) {
	r, frame := forwarder(b, rules...)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		wire.SetHops(frame, MaxHops)
		r.Receive(frame)
	}
}
