package daemon

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"receptor/internal/config"
	"receptor/mesh"
	"receptor/transport/transporttest"
)

func TestScarce(t *testing.T) {
	var s scarce
	now := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	lines := func(n int) (allowed, skipped int) {
		for range n {
			ok, k := s.allow(now)
			if ok {
				allowed++
			}
			skipped += k
		}
		return allowed, skipped
	}
	if allowed, skipped := lines(100); allowed != scarceLines || skipped != 0 {
		t.Errorf("of 100 lines there are %d, and %d are said to be left out before them", allowed, skipped)
	}
	now = now.Add(scarceTime - 1)
	if allowed, _ := lines(1); allowed != 0 {
		t.Error("the minute has not passed, and there is another line")
	}
	now = now.Add(1)
	if allowed, skipped := lines(2); allowed != 2 || skipped != 91 {
		t.Errorf("after a minute there are %d of 2 lines, and %d are said to be left out, want 91", allowed, skipped)
	}
	now = now.Add(-time.Hour) // the clock was set back
	if allowed, _ := lines(3); allowed != 3 {
		t.Errorf("with another clock there are %d of 3 lines", allowed)
	}
}

// One frame, dial or link of another node is one line at most, and not for ever.
func TestPeersDoNotFillTheLog(t *testing.T) {
	for _, e := range []mesh.Event{
		mesh.LinkUp{Peer: "b", Link: "tcp b"},
		mesh.LinkDown{Peer: "b", Link: "tcp b", Err: io.ErrUnexpectedEOF},
		mesh.FrameDropped{Peer: "b", Err: errors.New("no sense")},
		mesh.LinkFailed{Link: "tcp c", Accepted: true, Err: io.EOF},
		mesh.LinkRefused{Link: "tcp c", Accepted: true, Peer: "c", Reason: "it is not in the allowed peers list"},
		mesh.PeerChallenged{Peer: "b", Epoch: 3},
		mesh.NodeForgotten{Node: "b"},
		mesh.Unheeded{Peer: "b"},
		mesh.DuplicateID{ID: "a", OtherEpoch: 3, From: "b"},
		mesh.DuplicateSuspected{Node: "b", Epoch: 1, Suspect: 2},
		mesh.StreamRefused{Local: mesh.Addr{Node: "a", Service: "control"}, Remote: mesh.Addr{Node: "b", Service: "x"}, Err: mesh.ErrTLS},
	} {
		var out strings.Builder
		clock := transporttest.NewClock()
		d := &Daemon{host: Host{Clock: clock}, log: NewLog(&out, clock, config.Info)}
		for range 100 {
			d.meshEvent(e)
		}
		if lines := strings.Count(out.String(), "\n"); lines != scarceLines {
			t.Errorf("%T: %d lines, want %d", e, lines, scarceLines)
		}
		clock.Advance(scarceTime)
		d.meshEvent(e)
		if !strings.HasSuffix(out.String(), "(90 more before, of which the log has nothing)\n") {
			t.Errorf("%T: the log does not say what it left out: %s", e, out.String())
		}
	}
}

// Nor does a peer that fills its part of the log hide others, or many the end of
// what was left out.
func TestScarceBy(t *testing.T) {
	var s scarceBy
	now := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	for range scarceLines + 7 {
		s.of("flaps", now).allow(now)
	}
	for i := range maxNames {
		if ok, _ := s.of(fmt.Sprint("peer", i), now).allow(now); !ok {
			t.Fatalf("there is no line for peer %d", i)
		}
	}
	lines := 0
	for i := range 2 * scarceLines {
		if ok, _ := s.of(fmt.Sprint("more", i), now).allow(now); ok {
			lines++
		}
	}
	if lines != scarceLines-1 { // one of the loop above was one too many
		t.Errorf("peers beyond %d have %d lines, want %d", maxNames, lines, scarceLines-1)
	}
	now = now.Add(scarceTime)
	if ok, skipped := s.of("flaps", now).allow(now); !ok || skipped != 7 {
		t.Errorf("a minute later: %v, and %d were left out", ok, skipped)
	}
	if len(s.names) != 1 {
		t.Errorf("%d names are kept", len(s.names))
	}
}

// A link that this node has dialled is told of each time; but one that is refused only
// when there is something new to say of it.
func TestOwnLinksAreAllTold(t *testing.T) {
	var out strings.Builder
	clock := transporttest.NewClock()
	d := &Daemon{host: Host{Clock: clock}, log: NewLog(&out, clock, config.Info)}
	for range 2 * scarceLines {
		d.meshEvent(mesh.LinkFailed{Link: "tcp c", Err: mesh.ErrNoHandshake})
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2*scarceLines {
		t.Errorf("%d lines, want %d", lines, 2*scarceLines)
	}
	failed := func(link string) { d.meshEvent(mesh.LinkFailed{Link: link, Err: mesh.ErrRejected}) }
	refused := func(reason string) { d.meshEvent(mesh.LinkRefused{Link: "tcp c", Peer: "c", Reason: reason}) }
	for _, c := range []struct {
		what   string
		before func()
		does   func()
	}{
		{"refused by the peer", nil, func() { failed("tcp c") }},
		{"another one, too", nil, func() { failed("tcp d") }},
		{"refused here", nil, func() { refused("cost") }},
		{"for another reason", nil, func() { refused("ID") }},
		{"after it was up", func() { d.meshEvent(mesh.LinkUp{Link: "tcp c", Peer: "c"}) }, func() { refused("ID") }},
		{"after a reload", d.dialAgain, func() { refused("ID") }},
	} {
		if c.before != nil {
			c.before()
		}
		out.Reset()
		for range 100 {
			c.does()
		}
		if lines := strings.Count(out.String(), "\n"); lines != 1 || !strings.Contains(out.String(), "not logged again until something changes") {
			t.Errorf("%s: the log has %d lines, want one: %s", c.what, lines, out.String())
		}
	}
}
