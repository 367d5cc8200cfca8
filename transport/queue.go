package transport

import (
	"errors"
	"sync"
	"time"
)

// Bounds of a link's send queue, in bytes of frames.
const (
	// MaxQueuedData bounds data frames, and each flow may have as much as is free
	// for others. Beyond that the newest is dropped: a congestion controller above
	// sees the loss and slows down.
	MaxQueuedData = 4 << 20
	// MaxQueuedControl bounds control frames. They are never dropped one by
	// one, since the peer would miss an update: beyond it the link is broken,
	// and the database is exchanged anew on the next one.
	MaxQueuedControl = 16 << 20
)

// A peer that reads nothing has its link broken, too, long before that is reached:
// who can make a link can make a thousand. It has this long to take the frames that
// the writer has in its hands, and longer if these are many: no link of use is slower.
const (
	stallTime   = 20 * time.Second
	slowestLink = 1 << 10 // bytes a second
	// maxBatch is how many bytes the writer takes at a time, at most, if that is more
	// than one frame.
	maxBatch = 256 << 10
)

// What control frames may have of a link where data waits, too: all of it for some
// bytes, so that news are not held up, and beyond that so many times what data has. A
// peer that has nodes to tell of without end, or a mesh that is large for a link that
// is slow, would else keep all data from it.
const (
	controlBurst = 64 << 10
	controlShare = 3
)

// shortFrame is the longest frame, in bytes, that its sender may write.
const shortFrame = 512

// minPause is how long nothing has been sent if the next frame is not to wait
// for the writer. A stream at full speed has shorter ones.
const minPause = 50 * time.Microsecond

// Errors of Queue.Push.
var (
	ErrLinkClosed   = errors.New("link is closed")
	ErrDataFull     = errors.New("send queue is full, data frame dropped")
	ErrControlFull  = errors.New("peer does not take control frames: send queue is full")
	ErrFrameTooLong = errors.New("frame is longer than the link carries")
	ErrStalled      = errors.New("peer takes nothing: control frames have waited for too long")
	errFrameEmpty   = errors.New("frame is empty")
)

// Queue is the send queue of a link: frames of two classes, of which control frames
// leave first, but not for ever (see controlBurst). Data frames between the same two
// services leave in order, and such flows by turns. Push never blocks; Take is for the link's one writer.
type Queue struct {
	maxFrame int
	try      func(frame []byte) bool // see TryWriter, or nil
	clock    Clock                   // nil: nobody looks at how long frames wait

	mu      sync.Mutex
	ready   sync.Cond
	control fifo
	data    flows
	ahead   int       // bytes of control frames that have left before data, as long as they wait
	waiting bool      // the writer has nothing to do
	sent    time.Time // about when something was sent last
	batches uint64    // how often the writer has taken something
	inHand  int       // bytes that it has in its hands
	stuck   stuck     // what control frames wait for
	closed  bool      // no more pushes
	broken  error     // why, if the peer takes too little
}

// stuck is a wait of control frames, as those see it who push one: the writer, which is
// busy, reads no clock for it.
type stuck struct {
	batch uint64    // what the writer has had in its hands
	since time.Time // when that was seen first
}

// NewQueue returns a queue for a link that carries frames of at most maxFrame
// bytes.
func NewQueue(maxFrame int) *Queue {
	q := &Queue{maxFrame: maxFrame}
	q.ready.L = &q.mu
	return q
}

// Push adds a frame, or says why not. After ErrControlFull and ErrStalled the queue is
// closed as by Abandon, and the caller must end the link.
func (q *Queue) Push(frame []byte) error {
	switch {
	case len(frame) == 0:
		return errFrameEmpty
	case len(frame) > q.maxFrame:
		return ErrFrameTooLong
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrLinkClosed
	}
	if q.direct(frame) {
		if q.try(frame) {
			return nil
		}
		q.control.push(frame) // nothing may go before what remains of it
	} else if IsData(frame) {
		if !q.data.push(frame) {
			return ErrDataFull
		}
	} else {
		if q.broken = q.overdue(len(frame)); q.broken != nil {
			q.abandon()
			return q.broken
		}
		q.control.push(frame)
	}
	q.ready.Signal()
	return nil
}

// overdue tells why the peer cannot be sent one more control frame of some bytes: too
// much waits, or for too long. It requires mu.
func (q *Queue) overdue(more int) error {
	if q.control.bytes+more > MaxQueuedControl {
		return ErrControlFull
	}
	if q.clock == nil {
		return nil
	}
	now := q.clock.Now()
	if q.control.empty() || q.stuck.batch != q.batches {
		q.stuck = stuck{q.batches, now}
		return nil
	}
	if now.Sub(q.stuck.since) > stallTime+time.Duration(q.inHand)*time.Second/slowestLink {
		return ErrStalled
	}
	return nil
}

// direct reports whether a frame is to be written by whoever sends it, without
// waiting for the writer to wake up: a short data frame that comes after a pause.
// In a train of frames the writer needs fewer system calls; control frames are
// sent under the lock of a node. It requires mu.
func (q *Queue) direct(frame []byte) bool {
	if q.try == nil || !q.waiting || !q.empty() || len(frame) > shortFrame || !IsData(frame) {
		return false
	}
	now := q.clock.Now()
	pause := now.Sub(q.sent)
	q.sent = now
	return pause >= minPause
}

func (q *Queue) empty() bool { return q.control.empty() && q.data.empty() }

// Take waits for frames and appends up to max of them to buf. It returns nothing once
// the queue is closed and empty.
func (q *Queue) Take(buf [][]byte, max int) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inHand = 0
	if q.empty() && q.try != nil {
		q.sent = q.clock.Now()
	}
	for q.empty() && !q.closed {
		q.waiting = true
		q.ready.Wait()
	}
	q.waiting = false
	for ; max > 0 && !q.empty() && q.inHand < maxBatch; max-- {
		frame := q.pop()
		buf = append(buf, frame)
		q.inHand += len(frame)
	}
	q.batches++
	return buf
}

// pop takes the next frame; there must be one. It requires mu.
func (q *Queue) pop() (frame []byte) {
	if q.control.empty() || q.ahead >= controlBurst && !q.data.empty() {
		frame = q.data.pop()
		q.ahead = max(0, q.ahead-controlShare*len(frame))
	} else {
		frame = q.control.pop()
		q.ahead += len(frame)
	}
	if q.data.empty() {
		q.ahead = 0 // none of it waits
	}
	return frame
}

// Close refuses further frames and forgets queued data; control frames remain
// to be taken, so that a reject arrives.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.data = flows{}
	q.ready.Broadcast()
}

// Broken returns the ErrControlFull or ErrStalled that Push has returned, or nil.
func (q *Queue) Broken() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.broken
}

// Abandon refuses further frames and forgets all.
func (q *Queue) Abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.abandon()
}

func (q *Queue) abandon() {
	q.closed = true
	q.control, q.data = fifo{}, flows{}
	q.ready.Broadcast()
}

// maxIdleRing is how many places an empty fifo keeps.
const maxIdleRing = 1024

// fifo is a ring of frames that knows its size in bytes.
type fifo struct {
	ring  [][]byte
	head  int
	n     int
	bytes int
}

func (f *fifo) empty() bool { return f.n == 0 }

func (f *fifo) push(frame []byte) {
	if f.n == len(f.ring) {
		grown := make([][]byte, max(16, 2*len(f.ring)))
		k := copy(grown, f.ring[f.head:])
		copy(grown[k:], f.ring[:f.head])
		f.ring, f.head = grown, 0
	}
	f.ring[(f.head+f.n)%len(f.ring)] = frame
	f.n++
	f.bytes += len(frame)
}

// peek returns the next frame; there must be one.
func (f *fifo) peek() []byte { return f.ring[f.head] }

func (f *fifo) pop() []byte {
	frame := f.ring[f.head]
	f.ring[f.head] = nil
	f.head = (f.head + 1) % len(f.ring)
	f.n--
	f.bytes -= len(frame)
	if f.n == 0 && len(f.ring) > maxIdleRing {
		f.ring, f.head = nil, 0 // the next one may not come before tomorrow
	}
	return frame
}
