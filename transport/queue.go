package transport

import (
	"errors"
	"sync"
)

// Bounds of a link's send queue, in bytes of frames.
const (
	// MaxQueuedData bounds data frames. Beyond it the newest is dropped: a
	// congestion controller above sees the loss and slows down.
	MaxQueuedData = 4 << 20
	// MaxQueuedControl bounds control frames. They are never dropped one by
	// one, since the peer would miss an update: beyond it the link is broken,
	// and the database is exchanged anew on the next one.
	MaxQueuedControl = 16 << 20
)

// Errors of Queue.Push.
var (
	ErrLinkClosed   = errors.New("link is closed")
	ErrDataFull     = errors.New("send queue is full, data frame dropped")
	ErrControlFull  = errors.New("peer does not take control frames: send queue is full")
	ErrFrameTooLong = errors.New("frame is longer than the link carries")
	errFrameEmpty   = errors.New("frame is empty")
)

// Queue is the send queue of a link: frames of two classes, of which control
// frames leave first. Push never blocks; Take is for the link's one writer.
type Queue struct {
	maxFrame int

	mu      sync.Mutex
	ready   sync.Cond
	control fifo
	data    fifo
	closed  bool // no more pushes
}

// NewQueue returns a queue for a link that carries frames of at most maxFrame
// bytes.
func NewQueue(maxFrame int) *Queue {
	q := &Queue{maxFrame: maxFrame}
	q.ready.L = &q.mu
	return q
}

// Push adds a frame, or says why not. After ErrControlFull the queue is closed
// as by Abandon, and the caller must end the link.
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
	if IsData(frame) {
		if q.data.bytes+len(frame) > MaxQueuedData {
			return ErrDataFull
		}
		q.data.push(frame)
	} else {
		if q.control.bytes+len(frame) > MaxQueuedControl {
			q.abandon()
			return ErrControlFull
		}
		q.control.push(frame)
	}
	q.ready.Signal()
	return nil
}

// Take waits for frames and appends up to max of them to buf, control frames
// first. It returns nothing once the queue is closed and empty.
func (q *Queue) Take(buf [][]byte, max int) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.control.empty() && q.data.empty() && !q.closed {
		q.ready.Wait()
	}
	for ; max > 0 && !q.control.empty(); max-- {
		buf = append(buf, q.control.pop())
	}
	for ; max > 0 && !q.data.empty(); max-- {
		buf = append(buf, q.data.pop())
	}
	return buf
}

// Close refuses further frames and forgets queued data; control frames remain
// to be taken, so that a reject arrives.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.data = fifo{}
	q.ready.Broadcast()
}

// Abandon refuses further frames and forgets all.
func (q *Queue) Abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.abandon()
}

func (q *Queue) abandon() {
	q.closed = true
	q.control, q.data = fifo{}, fifo{}
	q.ready.Broadcast()
}

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

func (f *fifo) pop() []byte {
	frame := f.ring[f.head]
	f.ring[f.head] = nil
	f.head = (f.head + 1) % len(f.ring)
	f.n--
	f.bytes -= len(frame)
	return frame
}
