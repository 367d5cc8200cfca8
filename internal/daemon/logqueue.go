package daemon

import (
	"fmt"
	"io"
	"sync"
	"time"

	"receptor/transport"
)

// maxQueuedLog is how much of the log waits to be written, in bytes: minutes of a
// busy node at log level Debug.
const maxQueuedLog = 1 << 20

// LogQueue is a place for a Log to write to, which never waits. What it leads to may:
// a terminal in which somebody marks text, a pipe whose reader hangs. The node, which
// logs in the middle of what it does, must not stop with that. Lines for which there
// is no room are left out, and a line says how many.
type LogQueue struct {
	out   io.Writer
	clock transport.Clock
	ended chan struct{}

	mu      sync.Mutex
	changed sync.Cond // something waits, or closed
	waiting []byte
	missing int
	closed  bool
}

// NewLogQueue returns a queue that leads to out, which only the queue writes to from
// then on, on a goroutine of its own.
func NewLogQueue(out io.Writer, clock transport.Clock) *LogQueue {
	q := &LogQueue{out: out, clock: clock, ended: make(chan struct{})}
	q.changed.L = &q.mu
	go q.run()
	return q
}

// Write takes whole lines. It never fails, and may be called from any goroutine.
func (q *LogQueue) Write(lines []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.missing > 0 || len(q.waiting)+len(lines) > maxQueuedLog {
		q.missing++ // and those that come next, or the gap would be in several places
		return len(lines), nil
	}
	q.waiting = append(q.waiting, lines...)
	q.changed.Signal()
	return len(lines), nil
}

// Close takes no more lines, and returns once those that wait have been written, or
// after the given time.
func (q *LogQueue) Close(wait time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	late := make(chan struct{})
	timer := q.clock.AfterFunc(wait, func() { close(late) })
	defer timer.Stop()
	select {
	case <-q.ended:
	case <-late:
	}
}

func (q *LogQueue) run() {
	defer close(q.ended)
	var lines []byte
	for {
		q.mu.Lock()
		for len(q.waiting) == 0 && !q.closed {
			q.changed.Wait()
		}
		q.waiting, lines = lines[:0], q.waiting
		if q.missing > 0 {
			lines = append(lines, logLine(q.clock, "WARNING", fmt.Sprintf("%d lines of the log are missing here: what it goes to did not take them in time", q.missing))...)
			q.missing = 0
		}
		q.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		_, _ = q.out.Write(lines) // there is no other place to say that it failed
	}
}
