package udp

import (
	"errors"
	"sync"
	"time"

	"receptor/transport"
)

const (
	// MaxFrame is the longest frame, in bytes: what a datagram over IPv4 holds
	// (PROTOCOL section 1).
	MaxFrame = 65507
	// closeGrace is how long a closed link may take to write what is queued.
	closeGrace = 2 * time.Second
	// writeBatch is how many frames are taken from the queue at a time.
	writeBatch = 64
)

// sender is the half of a link that sends, and knows why the link ends.
type sender struct {
	clock transport.Clock
	queue *transport.Queue

	end    sync.Once // sets those below
	reason error     // nil: Close was called
	grace  transport.Timer
}

func newSender(clock transport.Clock) *sender {
	return &sender{clock: clock, queue: transport.NewQueue(MaxFrame)}
}

// Send implements transport.Link.
func (s *sender) Send(frame []byte) bool {
	err := s.queue.Push(frame)
	if errors.Is(err, transport.ErrControlFull) {
		s.fail(err)
	}
	return err == nil
}

// Close implements transport.Link. The peer is not told: there is no frame for
// it, and a datagram without one would stop a deployed node.
func (s *sender) Close() {
	s.end.Do(func() {
		s.grace = s.clock.AfterFunc(closeGrace, s.queue.Abandon)
		s.queue.Close()
	})
}

// fail ends the link for a reason, unless it is ending already.
func (s *sender) fail(reason error) {
	s.end.Do(func() {
		s.reason = reason
		s.queue.Abandon()
	})
}

// flush gives what is queued to write until the link ends, and returns the
// reason. write returns an error only if that is the end of the link.
func (s *sender) flush(write func(frame []byte) error) error {
	frames := make([][]byte, 0, writeBatch)
	for {
		frames = s.queue.Take(frames[:0], writeBatch)
		if len(frames) == 0 {
			break
		}
		for _, frame := range frames {
			if err := write(frame); err != nil {
				s.fail(err)
				break
			}
		}
		clear(frames)
	}
	s.fail(transport.ErrControlFull) // the one end that Send may not have told yet
	if s.grace != nil {
		s.grace.Stop()
	}
	return s.reason
}
