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

// A frame that is to stay whole goes only over links that carry it so, to nodes
// that know what it asks for. Otherwise its sender is told.
func TestWholeFrames(t *testing.T) {
	for name, link := range map[string]func(n *testNet){
		"whole": func(n *testNet) { n.link("b", "c", 1) },
		"pieces": func(n *testNet) {
			n.join(n.nodes["b"], n.nodes["c"], LinkOptions{Cost: 1, Pieces: true}, LinkOptions{Cost: 1})
		},
		"deployed": func(n *testNet) { n.deployedPeer("b", "c") },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b", "c")
			n.link("a", "b", 1)
			link(n)
			n.advance(time.Second)
			arrived, reports := 0, 0
			if _, _, err := n.nodes["c"].open("svc", &endpoint{datagram: func(Addr, []byte) { arrived++ }}); err != nil {
				t.Fatal(err)
			}
			from, _, err := n.nodes["a"].open("me", &endpoint{unreachable: func(u wire.Unreach, by string) {
				if u.Problem == wire.ProblemTooLong && by == "b" && u.ToService == "svc" {
					reports++
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			h := wire.Header{FromService: from, HopsToLive: MaxHops, Flags: wire.FlagWhole}
			if err := n.nodes["a"].sendTo(Addr{"c", "svc"}, make([]byte, wire.MaxPayload), h); err != nil {
				t.Fatal(err)
			}
			n.advance(time.Second)
			want := map[bool][2]int{true: {1, 0}, false: {0, 1}}[name == "whole"]
			if got := [2]int{arrived, reports}; got != want {
				t.Errorf("%d arrived, %d reports that it is too long: want %v", arrived, reports, want)
			}
		})
	}
}
