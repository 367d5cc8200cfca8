package transporttest

import (
	"sync"

	"receptor/transport"
)

// Recorder is a receiver that keeps what a link delivers for a test to wait
// for. A test that waits in vain ends at go test's timeout.
type Recorder struct {
	// Link is the link that is recorded.
	Link transport.Link

	mu     sync.Mutex
	more   sync.Cond
	frames [][]byte
	ended  bool
	err    error
}

// Record returns an acceptor that records each link, and gives the recorder to
// links, which must have room for it.
func Record(links chan<- *Recorder) transport.Acceptor {
	return func(l transport.Link) transport.Receiver {
		r := &Recorder{Link: l}
		r.more.L = &r.mu
		links <- r
		return r
	}
}

// Receive implements transport.Receiver.
func (r *Recorder) Receive(frame []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, frame)
	r.more.Broadcast()
}

// Closed implements transport.Receiver.
func (r *Recorder) Closed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.err = true, err
	r.more.Broadcast()
}

// Next waits for the next frame. It reports false if the link has ended and
// there is none.
func (r *Recorder) Next() ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.frames) == 0 && !r.ended {
		r.more.Wait()
	}
	return r.pop()
}

// Arrived returns the next frame if there is one already.
func (r *Recorder) Arrived() ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pop()
}

// pop requires mu.
func (r *Recorder) pop() ([]byte, bool) {
	if len(r.frames) == 0 {
		return nil, false
	}
	frame := r.frames[0]
	r.frames = r.frames[1:]
	return frame, true
}

// End waits until the link has ended, and returns why.
func (r *Recorder) End() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.ended {
		r.more.Wait()
	}
	return r.err
}
