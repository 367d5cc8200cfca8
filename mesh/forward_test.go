package mesh

import (
	"bytes"
	"math/rand/v2"
	"slices"
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

// recordedLink keeps the frames that it is given.
type recordedLink struct {
	sinkLink
	frames *[][]byte
}

func (l recordedLink) Send(frame []byte) bool {
	*l.frames = append(*l.frames, frame)
	return true
}

// The buffer of a control frame is not the node's: what it keeps, and what it
// passes on, it has copied.
func TestControlFramesAreNotKept(t *testing.T) {
	clock := transporttest.NewClock()
	b, err := New(Config{ID: "b", Clock: clock, Rand: rand.NewPCG(1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 0, 1000)
	receive := func(r transport.Receiver, frame []byte) {
		buffer = append(buffer[:0], frame...)
		r.Receive(buffer)
		for i := range buffer {
			buffer[i] = 'X'
		}
	}
	update := func(id, by string, peers map[string]float64) []byte {
		u := wire.RoutingUpdate{NodeID: id, UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: by, Connections: peers}
		return u.Encode()
	}
	ad := wire.ServiceAdvertisement{NodeID: "x", Service: "s", Time: clock.Now()}
	var early, late [][]byte
	c := b.Attach(recordedLink{frames: &early}, LinkOptions{Cost: 1})
	receive(c, update("c", "c", map[string]float64{"b": 1}))
	a := b.Attach(sinkLink{}, LinkOptions{Cost: 1})
	receive(a, update("a", "a", map[string]float64{"b": 1, "x": 1}))
	early = nil
	receive(a, update("x", "a", map[string]float64{"a": 1}))
	receive(a, ad.Encode())
	d := b.Attach(recordedLink{frames: &late}, LinkOptions{Cost: 1})
	late = nil
	receive(d, update("d", "d", map[string]float64{"b": 1}))
	for _, want := range [][]byte{update("x", "b", map[string]float64{"a": 1}), ad.Encode()} {
		for name, frames := range map[string][][]byte{"at once": early, "on a new link": late} {
			if !slices.ContainsFunc(frames, func(f []byte) bool { return bytes.Equal(f, want) }) {
				t.Errorf("%s, %q is not among what was passed on: %q", name, want, frames)
			}
		}
	}
}
