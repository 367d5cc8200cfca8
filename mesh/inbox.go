package mesh

import (
	"bytes"
	"sync"
	"time"
)

// maxInbox is how many bytes of control frames may wait for a node that is busy, of one
// link. More of them have its reader wait, and the peer with it.
const maxInbox = 64 << 10

// inbox has the control frames of a link that arrived while others had the lock of the
// node. Where a thousand links come up at once each waits for its turn, for seconds; the
// datagrams behind a control frame must not, as they need no lock. Only the reader of the
// link adds frames.
type inbox struct {
	mu      sync.Mutex
	frames  [][]byte
	bytes   int
	awaited bool // somebody is about to take them
}

// add keeps a copy of a frame, and reports whether there is room for it, and whether
// somebody has to see to it that it is taken.
func (i *inbox) add(frame []byte) (ok, first bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.bytes+len(frame) > maxInbox {
		return false, false
	}
	first = !i.awaited
	i.frames, i.bytes, i.awaited = append(i.frames, bytes.Clone(frame)), i.bytes+len(frame), true
	return true, first
}

// isEmpty reports whether no frame waits.
func (i *inbox) isEmpty() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.frames) == 0
}

// take returns the frames that wait. Whoever adds another one has to see to it.
func (i *inbox) take() [][]byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	frames := i.frames
	i.frames, i.bytes, i.awaited = nil, 0, false
	return frames
}

// receiveSoon takes a control frame: at once if nobody has the lock, as it always is in the
// engines of the simulator; else when it can be had. While the peer is not known there are
// no datagrams to wait for.
func (s *session) receiveSoon(frame []byte) {
	n := s.node
	switch {
	case s.inbox.isEmpty() && n.mu.TryLock():
	case s.known.Load() && s.receiveLater(frame):
		return
	default:
		n.mu.Lock()
	}
	defer n.mu.Unlock()
	s.receiveWaiting()
	s.receiveLocked(n.clock.Now(), frame)
}

// receiveLater takes a control frame when the lock can be had, if there is room for it.
func (s *session) receiveLater(frame []byte) bool {
	ok, first := s.inbox.add(frame)
	if first {
		s.node.clock.AfterFunc(0, func() {
			s.node.mu.Lock()
			defer s.node.mu.Unlock()
			s.receiveWaiting()
		})
	}
	return ok
}

// receiveWaiting takes what waits in the inbox. It requires the node's mutex, which orders
// those who do so.
func (s *session) receiveWaiting() {
	for _, frame := range s.inbox.take() {
		s.receiveLocked(s.node.clock.Now(), frame)
	}
}

// receiveLocked takes a control frame. It requires the node's mutex.
func (s *session) receiveLocked(now time.Time, frame []byte) {
	if s.state == stateClosed {
		return
	}
	if err := s.receiveControl(now, frame); err != nil {
		s.node.emit(FrameDropped{Peer: s.peer, Link: s.link.String(), Err: err})
	}
}
