package mesh

import (
	"math/rand/v2"
	"testing"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

// sinkLink takes frames and forgets them.
type sinkLink struct{ *transporttest.Link }

func (sinkLink) Send([]byte) bool { return true }

// forwarder returns the receiver of a link of node b, in a mesh a - b - c, and
// a frame from a to c.
func forwarder(t testing.TB) (transport.Receiver, []byte) {
	clock := transporttest.NewClock()
	b, err := New(Config{ID: "b", Clock: clock, Rand: rand.NewPCG(1, 1)})
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

// Forwarding must not allocate: it is the path of all traffic.
func TestForwardAllocatesNothing(t *testing.T) {
	r, frame := forwarder(t)
	if allocs := testing.AllocsPerRun(1000, func() {
		wire.SetHops(frame, MaxHops)
		r.Receive(frame)
	}); allocs != 0 {
		t.Errorf("forwarding allocates %v times per frame", allocs)
	}
}

func BenchmarkForward(b *testing.B) {
	r, frame := forwarder(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		wire.SetHops(frame, MaxHops)
		r.Receive(frame)
	}
}
