package deployed

import (
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

// A handshake is tried every second, eleven times.
func TestHandshakeIsGivenUp(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	n.advance(time.Minute)
	if len(s.got) != handshakeTries {
		t.Fatalf("%d frames, want %d", len(s.got), handshakeTries)
	}
	for i, r := range s.got {
		if want := time.Duration(i) * time.Second; r.at != want {
			t.Errorf("try %d at %v, want %v", i, r.at, want)
		}
	}
	if !s.over || count[mesh.LinkFailed](n.events["a"]) != 1 {
		t.Errorf("over %v, events %v", s.over, n.events["a"])
	}
}

// Of the update that establishes a link nothing is believed.
func TestFirstUpdateIsNotApplied(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	s.update("s", 1, "a", "x")
	if got := n.deployed("a").Status().KnownConnectionCosts["s"]; len(got) != 1 || got["a"] != 1 {
		t.Errorf("links of s: %v, want only that to a", got)
	}
	if u := count[mesh.UpdateAccepted](n.events["a"]); u != 0 {
		t.Errorf("%d updates were accepted", u)
	}
}

func TestLinkIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		opts mesh.LinkOptions
		say  func(s *script)
	}{
		"own ID":      {mesh.LinkOptions{Cost: 1}, func(s *script) { s.id = "a"; s.update("a", 1) }},
		"not allowed": {mesh.LinkOptions{Cost: 1, AllowedPeers: []string{"x"}}, func(s *script) { s.update("s", 1) }},
		"twice": {mesh.LinkOptions{Cost: 1}, func(s *script) {
			s.n.script("a", "s").up("a")
			s.update("s", 1)
		}},
		"another cost":      {mesh.LinkOptions{Cost: 2}, func(s *script) { s.up("a") }},
		"another node cost": {mesh.LinkOptions{Cost: 1, NodeCost: map[string]float64{"s": 2}}, func(s *script) { s.up("a") }},
		"no longer listed":  {mesh.LinkOptions{Cost: 1}, func(s *script) { s.up("a"); s.update("s", 1) }},
		"another name":      {mesh.LinkOptions{Cost: 1}, func(s *script) { s.up("a"); s.id = "t"; s.update("x", 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "d")
			s := &script{n: n, id: "s"}
			_, s.end = transporttest.Pipe(n.clock, testDelay,
				func(l transport.Link) transport.Receiver { return n.nodes["a"].Attach(l, c.opts) },
				func(transport.Link) transport.Receiver { return recorder{s, n.clock.Now()} })
			c.say(s)
			n.advance(time.Second)
			if s.frames(wire.TypeReject) != 1 || !s.over {
				t.Errorf("%d rejects, over %v", s.frames(wire.TypeReject), s.over)
			}
			if refused := count[mesh.LinkRefused](n.events["a"]); refused != 1 {
				t.Errorf("refused %d links, want 1: %v", refused, n.events["a"])
			}
		})
	}
}

// An update that a peer sent before it had established the link does not list
// this node. That is no reason to reject it.
func TestLateHandshakeUpdateIsIgnored(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	for range 3 {
		s.update("s", 1)
	}
	s.update("s", 1, "a")
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"s": "s"})
	if s.over {
		t.Error("the link is over")
	}
}

func TestRejectEndsTheLink(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	s.up("a")
	s.end.Send(wire.Reject(""))
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{})
	n.wantLinks("a", map[string]float64{})
	if !s.over {
		t.Error("the link is not over")
	}
}

// A silent link is dropped after 21 s, at the next of the looks every 5 s.
func TestIdleLinkIsDropped(t *testing.T) {
	n := newNet(t, "d")
	n.advance(2 * time.Second)
	s := n.script("a", "s")
	s.up("a") // heard at about 2 s
	n.advance(20 * time.Second)
	if s.over {
		t.Fatal("the link is over at 22 s")
	}
	n.advance(4 * time.Second) // past 25 s
	if !s.over {
		t.Error("the link still lives at 26 s")
	}
}

// Deployed nodes read the type of a frame without looking whether it has one.
func TestEmptyFrameKills(t *testing.T) {
	n := newNet(t, "dd")
	n.link("a", "b", 1)
	s := n.script("a", "s")
	n.advance(time.Second)
	n.deployed("a").starting[0].Receive(nil)
	n.advance(time.Second)
	n.wantRoutes("b", map[string]string{})
	if !s.over {
		t.Error("the link is not over")
	}
	done := false
	n.nodes["a"].PingAsync("b", mesh.MaxHops, time.Second, func(_ mesh.PingReply, err error) { done = err == mesh.ErrClosed })
	if !done {
		t.Error("a ping from a dead node did not fail at once")
	}
}

func TestUnreadableFramesAreDropped(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	s.up("a")
	for _, frame := range []string{"\x01{", "\x02[]", "\x07", "\x00short"} {
		s.end.Send([]byte(frame))
	}
	n.advance(time.Second)
	if got := count[mesh.FrameDropped](n.events["a"]); got != 4 || s.over {
		t.Errorf("%d frames were dropped, want 4; over %v", got, s.over)
	}
}
