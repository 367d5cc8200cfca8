package probe

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
)

func TestEventsReachTheirProbes(t *testing.T) {
	t.Parallel()
	idle := fmt.Errorf("%w for 21s", mesh.ErrIdle)
	for _, c := range []struct {
		event mesh.Event
		want  []Probe
	}{
		{mesh.DuplicateID{}, []Probe{DuplicateIDSeen}},
		{mesh.DuplicateID{Leaving: true}, []Probe{DuplicateIDSeen, NodeShutDown}},
		{mesh.DuplicateSuspected{}, []Probe{DuplicateSuspected}},
		{mesh.PeerChallenged{}, []Probe{ChallengeSent}},
		{mesh.LinkRefused{}, []Probe{LinkRefused}},
		{mesh.LinkDown{Err: mesh.ErrUnanswered}, []Probe{ChallengeUnanswered}},
		{mesh.LinkDown{Err: mesh.ErrReplaced}, []Probe{LinkReplaced}},
		{mesh.LinkDown{Err: mesh.ErrRejected}, []Probe{RejectReceived}},
		{mesh.LinkFailed{Err: mesh.ErrRejected}, []Probe{RejectReceived}},
		{mesh.LinkFailed{Err: mesh.ErrNoHandshake}, []Probe{HandshakeGaveUp}},
		{mesh.LinkFailed{Err: mesh.ErrTooMany}, []Probe{TooManyHandshakes}},
		{mesh.LinkDown{Err: idle}, []Probe{IdleLinkDropped}},
		{mesh.LinkDown{Err: transport.ErrControlFull}, []Probe{ControlQueueFull}},
		{mesh.LinkDown{Err: io.EOF}, nil},
		{mesh.LinkDown{}, nil},
		{mesh.NodeForgotten{}, []Probe{NodeForgotten}},
		{mesh.ServiceChanged{}, nil},
		{mesh.ServiceChanged{Withdrawn: true}, []Probe{ServiceWithdrawn}},
		{mesh.DatagramDropped{Reason: mesh.DropNoRoute}, []Probe{NoRoute}},
		{mesh.DatagramDropped{Reason: mesh.DropExpired}, []Probe{HopLimitReached}},
		{mesh.DatagramDropped{Reason: mesh.DropQueueFull}, []Probe{DataQueueFull}},
		{mesh.DatagramDropped{Reason: mesh.DropServiceUnknown}, []Probe{ServiceUnknown}},
		{mesh.DatagramDropped{Reason: mesh.DropUnknownSource}, []Probe{SourceUnknown}},
		{mesh.UnreachReceived{}, []Probe{UnreachableReceived}},
		{mesh.FrameDropped{Err: errors.New("x")}, []Probe{FrameUnusable}},
		{mesh.Differed{Repaired: true}, []Probe{SummaryRepaired}},
		{mesh.Differed{}, []Probe{SummaryAgreed}},
		{mesh.LinkUp{}, nil},
		{mesh.RoutesChanged{}, nil},
	} {
		var got, want Counts
		got.Observe(c.event)
		for _, p := range c.want {
			want[p]++
		}
		if got != want {
			t.Errorf("%T%+v reaches %v, want %v", c.event, c.event, got, want)
		}
	}
}

func TestFramesReachTheirProbes(t *testing.T) {
	t.Parallel()
	var c Counts
	c.Sent(wire.Header{ToService: wire.ServicePing})
	c.Sent(wire.Header{ToService: wire.ServiceUnreach})
	c.Arrived(5, 9, 5, 9)
	c.Arrived(5, 10, 5, 9)
	c.Arrived(6, 1, 5, 9)
	c.Arrived(5, 8, 5, 9)
	c.Arrived(4, 10, 5, 9)
	want := Counts{UnreachableSent: 1, UpdateOlderThanKnown: 1, EpochRollbackSeen: 1}
	if c != want {
		t.Errorf("reached %v, want %v", c, want)
	}
	c.Add(c)
	if want := (Counts{UnreachableSent: 2, UpdateOlderThanKnown: 2, EpochRollbackSeen: 2}); c != want {
		t.Errorf("twice that is %v, want %v", c, want)
	}
}

func TestNamesAreDistinct(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, p := range All() {
		if name := p.String(); name == "" || seen[name] {
			t.Errorf("probe %d has no name of its own, but %q", int(p), name)
		} else {
			seen[name] = true
		}
	}
}
