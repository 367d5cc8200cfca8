package mesh

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

func TestLinkRefusals(t *testing.T) {
	tests := []struct {
		name   string
		a, b   string
		oa, ob LinkOptions
		reason string // at a
	}{
		{"own ID", "a", "a", LinkOptions{Cost: 1}, LinkOptions{Cost: 1}, "it uses this node's own ID: give one of them another ID"},
		{"not allowed", "a", "b", LinkOptions{Cost: 1, AllowedPeers: []string{"c"}}, LinkOptions{Cost: 1},
			"it is not in the allowed peers list: name it in allowedpeers if it is to be let in"},
		{"cost", "a", "b", LinkOptions{Cost: 1}, LinkOptions{Cost: 2}, "it says that the link costs 2, here it costs 1: want one cost at both ends"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := newNet(t)
			a := n.start(test.a)
			b := n.start(test.b)
			fromA, _ := n.join(a, b, test.oa, test.ob)
			n.advance(5 * time.Second)
			refused := last[LinkRefused](t, n.events[test.a])
			if refused.Reason != test.reason {
				t.Errorf("refused because %q, want %q", refused.Reason, test.reason)
			}
			if got := fromA.Sent[len(fromA.Sent)-1]; wire.Type(got[0]) != wire.TypeReject {
				t.Errorf("the last frame is of type %d, want a reject", got[0])
			}
			if up := a.Status().Connections; len(up) != 0 {
				t.Errorf("a still has links %v", up)
			}
		})
	}
}

func TestNodeCostOverridesCost(t *testing.T) {
	n := newNet(t, "a", "b")
	n.join(n.nodes["a"], n.nodes["b"], LinkOptions{Cost: 1, NodeCost: map[string]float64{"b": 2.5}}, LinkOptions{Cost: 2.5})
	n.advance(time.Second)
	if got := n.nodes["a"].Status().Connections; len(got) != 1 || got[0].Cost != 2.5 {
		t.Errorf("links of a: %v, want one of cost 2.5", got)
	}
}

// The handshake is repeated each second, and given up after eleven.
func TestHandshakeIsGivenUp(t *testing.T) {
	n := newNet(t, "a")
	fromA, _ := transporttest.Pipe(n.clock, testDelay,
		func(l transport.Link) transport.Receiver { return n.nodes["a"].Attach(l, LinkOptions{Cost: 1}) },
		func(transport.Link) transport.Receiver { return transporttest.Discard })
	n.advance(9500 * time.Millisecond)
	if got := len(fromA.Sent); got != 10 {
		t.Errorf("%d handshake updates in 9.5 s, want 10", got)
	}
	n.advance(2 * time.Second)
	if failed := last[LinkFailed](t, n.events["a"]); failed.Err != ErrNoHandshake {
		t.Errorf("failed with %v, want %v", failed.Err, ErrNoHandshake)
	}
	if got := len(fromA.Sent); got != handshakeTries {
		t.Errorf("%d handshake updates, want %d", got, handshakeTries)
	}
}

// Links that say nothing do not keep others out.
func TestSilentLinksGiveWay(t *testing.T) {
	n := newNet(t, "a", "b")
	silent := func() {
		transporttest.Pipe(n.clock, testDelay,
			func(l transport.Link) transport.Receiver { return n.nodes["a"].Attach(l, LinkOptions{Cost: 1}) },
			func(transport.Link) transport.Receiver { return transporttest.Discard })
	}
	for range maxStarting + 10 {
		silent()
	}
	if got := len(n.nodes["a"].starting); got != maxStarting {
		t.Errorf("%d links wait for their handshake, want %d", got, maxStarting)
	}
	if got := count[LinkFailed](n.events["a"]); got != 10 || last[LinkFailed](t, n.events["a"]).Err != ErrTooMany {
		t.Errorf("%d links gave way, want 10", got)
	}
	n.link("a", "b", 1)
	for range maxStarting / 2 {
		silent()
	}
	n.advance(time.Second)
	n.wantRoutes("b", map[string]string{"a": "a"})
}

// A link on which the first frames are lost is established by the next ones.
func TestHandshakeSurvivesLoss(t *testing.T) {
	n := newNet(t, "a", "b")
	lost := 0
	lossy := func(id string) transport.Acceptor {
		return func(l transport.Link) transport.Receiver {
			l.(*transporttest.Link).Drop = func([]byte) bool { lost++; return lost <= 7 }
			return n.nodes[id].Attach(l, LinkOptions{Cost: 1})
		}
	}
	transporttest.Pipe(n.clock, testDelay, lossy("a"), lossy("b"))
	n.advance(2500 * time.Millisecond)
	n.wantRoutes("a", map[string]string{})
	n.advance(10 * time.Second)
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.wantRoutes("b", map[string]string{"a": "a"})
}

// A peer that has lost a link which we still hold comes back on a new one at
// once, not when the old one has idled out.
func TestReturningPeerReplacesItsLink(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, fromB := n.link("a", "b", 1)
	n.advance(5 * time.Second)
	fromA.Cut()
	fromB.Cut() // a learns nothing of what happens to b's end
	fromB.Close()
	n.advance(time.Second)
	n.link("a", "b", 1)
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.wantRoutes("b", map[string]string{"a": "a"})
}

// A peer that has restarted while we still hold its old link gets in as soon as
// that link has failed to answer.
func TestRestartedPeerGetsIn(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, fromB := n.link("a", "b", 1)
	n.advance(5 * time.Second)
	fromA.Cut()
	fromB.Cut()
	n.nodes["b"].Close()
	n.nodes["b"] = n.start("b")
	n.link("a", "b", 1)
	n.advance(challengeTimeout + time.Second)
	if down := last[LinkDown](t, n.events["a"]); down.Err != ErrUnanswered {
		t.Errorf("the old link ended with %v, want %v", down.Err, ErrUnanswered)
	}
	n.link("a", "b", 1)
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.wantRoutes("b", map[string]string{"a": "a"})
}

// While a link is up and the peer still lists us, a second link is refused.
func TestSecondLinkIsRefused(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.advance(5 * time.Second)
	second, _ := n.link("a", "b", 1)
	n.advance(5 * time.Second)
	if got := count[LinkUp](n.events["a"]); got != 1 {
		t.Errorf("a established %d links, want 1", got)
	}
	if second.Send([]byte{1}) {
		t.Error("the second link is still open")
	}
	n.wantRoutes("a", map[string]string{"b": "b"})
}

// A peer that is linked is rejected when its updates come in another name, and
// when they list this node no more.
func TestLinkIsRejectedLater(t *testing.T) {
	for _, test := range []struct {
		update wire.RoutingUpdate
		reason string
	}{
		{wire.RoutingUpdate{ForwardingNode: "b", Connections: map[string]float64{"a": 1}}, ""},
		{wire.RoutingUpdate{ForwardingNode: "x", Connections: map[string]float64{"a": 1}}, `its node ID changed from "b" to "x"`},
		{wire.RoutingUpdate{ForwardingNode: "b"}, "it no longer lists this node as a connection"},
		{wire.RoutingUpdate{ForwardingNode: "b", Connections: map[string]float64{"a": 2}}, "it says that the link costs 2, here it costs 1: want one cost at both ends"},
	} {
		n := newNet(t, "a")
		toPeer := n.deployedPeer("a", "b")
		u := test.update
		u.NodeID, u.UpdateID, u.UpdateEpoch, u.UpdateSequence = "b", "later000", 1, 100
		toPeer.Inject(u.Encode())
		n.advance(time.Second)
		links := len(n.nodes["a"].Status().Connections)
		if test.reason == "" {
			if links != 1 {
				t.Error("an update as before ends the link")
			}
			continue
		}
		if got := last[LinkRefused](t, n.events["a"]).Reason; got != test.reason || links != 0 {
			t.Errorf("refused because %q, with %d links left, want %q and none", got, links, test.reason)
		}
		if got := toPeer.Sent[len(toPeer.Sent)-1]; string(got) != string(wire.Reject(test.reason)) {
			t.Errorf("the last frame is %q, want a reject", got)
		}
	}
}

// A frame of no bytes is dropped in every state of a link, which goes on. (It
// ends a deployed node, also before the handshake.)
func TestEmptyFrameIsDropped(t *testing.T) {
	n := newNet(t, "a", "b")
	toA, toB := n.link("a", "b", 1)
	empty := func() { toA.Inject(nil); toB.Inject([]byte{}) }
	empty()
	n.advance(testDelay) // the first updates have arrived
	empty()
	n.advance(time.Second)
	empty()
	if got := count[FrameDropped](n.events["a"]); got != 3 {
		t.Errorf("a dropped %d frames, want 3", got)
	}
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.wantRoutes("b", map[string]string{"a": "a"})
}

// A node takes no more links than its update can list: every update is whole,
// and fits in a frame. (Deployed nodes cut it, and are heard no more.)
func TestUpdateFitsInAFrame(t *testing.T) {
	n := newNet(t, "hub")
	var toPeers []*transporttest.Link
	for i := range 400 {
		peer := fmt.Sprintf("%03d%s", i, strings.Repeat("x", wire.MaxNodeID-3))
		fromHub, fromPeer := transporttest.Pipe(n.clock, testDelay,
			func(l transport.Link) transport.Receiver { return n.nodes["hub"].Attach(l, LinkOptions{Cost: 1}) },
			func(transport.Link) transport.Receiver { return transporttest.Discard })
		u := wire.RoutingUpdate{NodeID: peer, UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: peer, Connections: map[string]float64{"hub": 1}}
		fromPeer.Send(u.Encode())
		toPeers = append(toPeers, fromHub)
	}
	n.advance(5 * time.Second)
	links, refused := count[LinkUp](n.events["hub"]), count[LinkRefused](n.events["hub"])
	if links < 200 || links+refused != len(toPeers) || count[LinkDown](n.events["hub"]) != 0 {
		t.Errorf("%d links are up and %d refused, of %d", links, refused, len(toPeers))
	}
	if got, want := last[LinkRefused](t, n.events["hub"]).Reason, "this node has as many links as fit in a routing update"; got != want {
		t.Errorf("refused because %q, want %q", got, want)
	}
	var listed int
	for _, frame := range toPeers[0].Sent {
		if u, err := wire.ParseRouting(frame); err == nil && u.NodeID == "hub" {
			listed = len(u.Connections)
		}
	}
	if listed != links {
		t.Errorf("the last update lists %d links, want all %d", listed, links)
	}
}

// Frames of any content are dropped with an event; the link and the mesh stay.
func TestHostileFrames(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	toA, _ := n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	rnd := rand.New(rand.NewPCG(1, 2))
	toA.Inject(nil)
	for i := range 20000 {
		frame := make([]byte, rnd.IntN(80))
		for j := range frame {
			frame[j] = byte(rnd.Uint32())
		}
		if len(frame) > 0 {
			frame[0] = byte(i % 5)
			if frame[0] == byte(wire.TypeReject) {
				continue // that one is well-formed, and ends the link
			}
		}
		toA.Inject(frame)
	}
	if count[FrameDropped](n.events["a"]) == 0 {
		t.Error("no frame was dropped")
	}
	n.advance(time.Second)
	if r, err := n.ping("a", "c", MaxHops); err != nil {
		t.Errorf("ping after hostile frames: %v, %v", r, err)
	}
}
