package udp

import "sync/atomic"

// goodbye is what a peer is sent last: a reject (PROTOCOL section 2), after which
// nodes of all versions close the link. UDP has no word of its own for it, and
// by silence a peer would learn only after the idle time.
var goodbye = []byte{rejectType, '[', ']'}

const rejectType = 3

func isGoodbye(frame []byte) bool { return len(frame) > 0 && frame[0] == rejectType }

// farewell remembers whether either end of a link has said goodbye. One is
// enough: the answer to it could only begin another session.
type farewell struct{ said atomic.Bool }

// see takes a frame that was sent or has arrived.
func (f *farewell) see(frame []byte) {
	if isGoodbye(frame) {
		f.said.Store(true)
	}
}

// say sends a goodbye, unless one was said. If it is lost, the peer waits for the
// idle time.
func (f *farewell) say(write func([]byte)) {
	if !f.said.Swap(true) {
		write(goodbye)
	}
}
