// Package transport defines what a mesh node stands on (clocks, links and the
// backends that make links) and holds what real backends share: the bounded
// send queue, the dialer and the set of links. The backends themselves are in
// tcp/, udp/, ws/.
package transport

import "time"

// Limits of a frame, PROTOCOL section 1.
const (
	// MaxFrame is the longest frame that any backend carries, in bytes: the
	// TCP framing has a 16-bit length.
	MaxFrame = 65535
	// CommonFrame is the longest frame that every backend carries, in bytes: what a
	// datagram over IPv4 holds.
	CommonFrame = 65507
)

// Clock is the only source of time for the code above this package. The
// machine's clock is System; the simulator supplies a virtual one.
type Clock interface {
	// Now returns the current time. It may be called at any moment.
	Now() time.Time
	// AfterFunc calls f once, d from now, without any lock held, unless the
	// returned timer is stopped before.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one pending call of AfterFunc.
type Timer interface {
	// Stop prevents the call. It reports false when the call has already
	// happened, is happening now, or was stopped before.
	Stop() bool
}

// Link carries whole frames to one peer, best effort. Control frames arrive in
// order, and so do data frames between the same two services.
//
// All methods may be called from any goroutine, and none of them calls the
// link's Receiver before it has returned: a node may use them under its lock.
type Link interface {
	// Send queues a frame, or writes it at once, and never blocks. The frame belongs to the link from
	// then on and is never changed again, so one frame may be given to many
	// links. It reports false when the frame was not taken: because it is
	// empty or longer than the link carries, the link is closed, or the queue
	// is full (see Queue for who is dropped then).
	Send(frame []byte) bool
	// Close ends the link after the control frames queued so far have been
	// written, or could not be within a short time. Closing twice is harmless.
	Close()
	// String names the link for a person: its kind and remote address.
	String() string
}

// Receiver gets what a link delivers. Calls for one link never overlap; Closed
// comes last and exactly once, also after Link.Close.
type Receiver interface {
	// Receive takes a frame from the peer, of any length and content. The
	// buffer of a data frame belongs to the receiver; that of a control frame
	// may be shared, and is good until Receive returns.
	Receive(frame []byte)
	// Closed tells that the link has ended, and why: nil after Link.Close,
	// io.EOF when the peer closed it.
	Closed(err error)
}

// Acceptor is told of each new link and answers who receives its frames. It is
// called before the first frame of that link is read.
type Acceptor func(Link) Receiver

// Backend makes links: a listener, or a dialer that redials.
type Backend interface {
	// Start begins to make links. An error means that it never will: a port
	// in use, an address that cannot be parsed.
	Start(Acceptor) error
	// Close stops making links, closes those it made, and returns once all of
	// them have ended.
	Close()
	// String names the backend for a person.
	String() string
}

// IsData tells the class of a frame: data frames (type 0, PROTOCOL section 2)
// may be dropped where control frames may not.
func IsData(frame []byte) bool { return len(frame) > 0 && frame[0] == 0 }

// System is the machine's clock.
var System Clock = systemClock{}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
