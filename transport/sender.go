package transport

import (
	"sync"
	"time"
)

const (
	// closeGrace is how long a closed link may take to write what is queued.
	closeGrace = 2 * time.Second
	// writeBatch is how many frames are written at a time, at most.
	writeBatch = 64
)

// Sender is the half of a link that sends, and knows why the link ends. It has
// the methods Send and Close of Link.
type Sender struct {
	clock Clock
	queue *Queue
	abort func()

	end    sync.Once // sets those below
	reason error     // nil: Close was called
	grace  Timer
}

// NewSender returns the sending half of a link that carries frames of at most
// maxFrame bytes. abort ends a write that is in progress; it must not block, and
// may be called by any goroutine.
func NewSender(clock Clock, maxFrame int, abort func()) *Sender {
	s := &Sender{clock: clock, queue: NewQueue(maxFrame), abort: abort}
	s.queue.clock = clock
	return s
}

// Send implements Link.
func (s *Sender) Send(frame []byte) bool {
	err := s.queue.Push(frame)
	if err == ErrControlFull || err == ErrStalled {
		s.Fail(err)
	}
	return err == nil
}

// Close implements Link.
func (s *Sender) Close() {
	s.end.Do(func() {
		s.grace = s.clock.AfterFunc(closeGrace, s.drop)
		s.queue.Close()
	})
}

// Fail ends the link at once, for a reason, unless it is ending already.
func (s *Sender) Fail(reason error) {
	s.end.Do(func() {
		s.reason = reason
		s.drop()
	})
}

func (s *Sender) drop() {
	s.queue.Abandon()
	s.abort()
}

// Flush gives what is queued to write until the link ends. An error of write
// ends it.
func (s *Sender) Flush(write func(frames [][]byte) error) {
	frames := make([][]byte, 0, writeBatch)
	for {
		frames = s.queue.Take(frames[:0], writeBatch)
		if len(frames) == 0 {
			return
		}
		if err := write(frames); err != nil {
			s.Fail(err)
			return
		}
		clear(frames)
	}
}

// Ended returns why the link has ended: nil after Close. It is called once,
// when Flush has returned and nothing is to be aborted any more.
func (s *Sender) Ended() error {
	s.Fail(s.queue.Broken()) // the one end that Send may not have told yet
	if s.grace != nil {
		s.grace.Stop()
	}
	return s.reason
}
