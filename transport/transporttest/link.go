package transporttest

import (
	"io"
	"slices"
	"time"

	"receptor/transport"
)

// Pipe connects two ends by a link whose frames take delay on the clock. The
// acceptors are called at once, a's first.
func Pipe(clock *Clock, delay time.Duration, a, b transport.Acceptor) (*Link, *Link) {
	la := &Link{clock: clock, delay: delay, name: "pipe a"}
	lb := &Link{clock: clock, delay: delay, name: "pipe b"}
	la.peer, lb.peer = lb, la
	la.receiver = a(la)
	lb.receiver = b(lb)
	return la, lb
}

// Link is one end of a Pipe. Frames are delivered by Clock.Advance, so it is
// for tests with one thread.
type Link struct {
	clock    *Clock
	delay    time.Duration
	name     string
	peer     *Link
	receiver transport.Receiver
	closed   bool
	cut      bool

	// Drop, if set, sees each frame sent from this end, and drops those for
	// which it returns true.
	Drop func(frame []byte) bool
	// Sent are the frames sent from this end, also those dropped.
	Sent [][]byte
}

// Send implements transport.Link.
func (l *Link) Send(frame []byte) bool {
	if l.closed || len(frame) == 0 || len(frame) > transport.MaxFrame {
		return false
	}
	l.Sent = append(l.Sent, frame)
	if !l.cut && (l.Drop == nil || !l.Drop(frame)) {
		copied := slices.Clone(frame)
		l.clock.AfterFunc(l.delay, func() { l.peer.deliver(copied) })
	}
	return true
}

func (l *Link) deliver(frame []byte) {
	if !l.closed {
		l.receiver.Receive(frame)
	}
}

// Close implements transport.Link.
func (l *Link) Close() {
	if l.closed {
		return
	}
	l.closed = true
	l.clock.AfterFunc(0, func() { l.receiver.Closed(nil) })
	if !l.cut {
		l.clock.AfterFunc(l.delay, func() { l.peer.hangUp() })
	}
}

func (l *Link) hangUp() {
	if !l.closed {
		l.closed = true
		l.receiver.Closed(io.EOF)
	}
}

// Cut lets nothing more leave this end, also not the news that it is closed.
func (l *Link) Cut() { l.cut = true }

// Inject delivers a frame to this end as if the peer had sent it.
func (l *Link) Inject(frame []byte) { l.deliver(frame) }

// String implements transport.Link.
func (l *Link) String() string { return l.name }

// Discard is a receiver that ignores everything.
var Discard transport.Receiver = discard{}

type discard struct{}

func (discard) Receive([]byte) {}
func (discard) Closed(error)   {}
