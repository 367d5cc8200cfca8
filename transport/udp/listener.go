package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/transport/v3"

	"receptor/transport"
)

const (
	// MaxSessions bounds the peers of one listener: whoever can send a datagram
	// can begin a session, from any address that it likes to name. Beyond it,
	// what comes from another address is dropped.
	MaxSessions = 4096
	// sweepsPerIdle is how often a listener looks for idle sessions in the time
	// after which they are dropped.
	sweepsPerIdle = 4
	// readPause keeps a listener that cannot read from spinning.
	readPause = 100 * time.Millisecond
)

var errIdle = errors.New("nothing has arrived for too long")

// ListenOptions are what a listener needs. All fields are required.
type ListenOptions struct {
	Net   pion.Net
	Clock transport.Clock
	// Idle is how long nothing may arrive from a peer before its session is
	// dropped; it may last up to a quarter longer.
	Idle time.Duration
	// Warn is told of errors that do not end the listener.
	Warn func(error)
}

// Listener has a link to each peer that sends to its one socket, and tells them
// apart by their source address. It implements transport.Backend.
//
// A session begins with a control frame: data, or a goodbye, from an unknown
// address is what is left of an earlier session. When a link has ended (it was closed, perhaps
// because the peer has begun anew, or nothing arrived), the next control frame
// from that address begins a new session.
type Listener struct {
	addr  string
	opts  ListenOptions
	conn  pion.UDPConn
	links transport.LinkSet
	read  chan struct{} // closed when the reader has ended

	mu       sync.Mutex
	closed   bool
	full     bool // and that has been reported
	sessions map[netip.AddrPort]*session
	sweeper  transport.Timer
}

// NewListener returns a backend that listens on addr, "host:port".
func NewListener(addr string, opts ListenOptions) *Listener {
	return &Listener{addr: addr, opts: opts, sessions: make(map[netip.AddrPort]*session)}
}

// Start implements transport.Backend.
func (l *Listener) Start(accept transport.Acceptor) error {
	local, err := l.opts.Net.ResolveUDPAddr("udp", l.addr)
	if err != nil {
		return fmt.Errorf("udp listener: %w", err)
	}
	conn, err := l.opts.Net.ListenUDP("udp", local)
	if err != nil {
		return fmt.Errorf("udp listener: %w", err)
	}
	_ = conn.SetReadBuffer(socketBuffer) // as much as there is
	l.conn = conn
	l.read = make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armSweep()
	go l.readLoop(accept)
	return nil
}

func (l *Listener) readLoop(accept transport.Acceptor) {
	defer close(l.read)
	buf := make([]byte, transport.MaxFrame)
	for {
		n, addr, err := l.conn.ReadFromUDP(buf)
		switch {
		case err == nil:
			l.receive(addr, slices.Clone(buf[:n]), accept)
		case l.isClosed():
			return
		default:
			l.opts.Warn(fmt.Errorf("%s: %w", l, err))
			time.Sleep(readPause)
		}
	}
}

func (l *Listener) receive(addr *net.UDPAddr, frame []byte, accept transport.Acceptor) {
	s, fresh := l.session(addr, frame)
	if fresh {
		l.links.Run(s, accept, func(transport.Receiver) {})
	}
	if s != nil {
		s.deliver(frame)
	}
}

// session returns the session of an address, and whether a frame has just begun
// it; nil if the frame must be dropped.
func (l *Listener) session(addr *net.UDPAddr, frame []byte) (s *session, fresh bool) {
	from := addr.AddrPort()
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[from]; s != nil {
		return s, false
	}
	if l.closed || len(frame) == 0 || transport.IsData(frame) || isGoodbye(frame) {
		return nil, false
	}
	if len(l.sessions) >= MaxSessions {
		if !l.full {
			l.opts.Warn(fmt.Errorf("%s: there are %d sessions already: datagrams from %v, and from other new peers, are dropped", l, MaxSessions, addr))
		}
		l.full = true
		return nil, false
	}
	s = &session{
		Sender:   transport.NewSender(l.opts.Clock, MaxFrame, func() {}), // no write blocks for long
		listener: l,
		from:     from,
		addr:     addr,
		begun:    make(chan struct{}),
		heard:    l.opts.Clock.Now(),
	}
	l.sessions[from] = s
	return s, true
}

// forget makes the address of a session one that may begin another.
func (l *Listener) forget(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, s.from)
	l.full = false
}

// armSweep requires mu.
func (l *Listener) armSweep() {
	l.sweeper = l.opts.Clock.AfterFunc(l.opts.Idle/sweepsPerIdle, l.sweep)
}

// sweep ends the sessions that have been idle.
func (l *Listener) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := l.opts.Clock.Now()
	for _, s := range l.sessions {
		if s.active.Swap(false) {
			s.heard = now
		} else if now.Sub(s.heard) >= l.opts.Idle {
			s.Fail(errIdle)
		}
	}
	l.armSweep()
}

// Addr returns the address that the started listener listens on.
func (l *Listener) Addr() net.Addr { return l.conn.LocalAddr() }

func (l *Listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Close implements transport.Backend.
func (l *Listener) Close() {
	l.mu.Lock()
	l.closed = true
	if l.sweeper != nil {
		l.sweeper.Stop()
	}
	l.mu.Unlock()
	l.links.Close() // sends what is queued
	if l.conn != nil {
		l.conn.Close()
		<-l.read
	}
}

// String implements transport.Backend.
func (l *Listener) String() string { return "udp listener " + l.addr }

// session is the link to one peer of a listener. The listener's reader delivers
// its frames; the goroutine that runs it sends.
type session struct {
	*transport.Sender
	farewell
	listener *Listener
	from     netip.AddrPort
	addr     *net.UDPAddr

	begun  chan struct{} // closed when there is a receiver
	active atomic.Bool   // something has arrived since the last sweep
	heard  time.Time     // something had arrived by then; the listener's mu

	mu       sync.Mutex // held during a call of the receiver
	receiver transport.Receiver
}

// String implements transport.Link.
func (s *session) String() string { return "udp " + s.addr.String() }

// Run implements transport.Runner.
func (s *session) Run(r transport.Receiver) {
	s.receiver = r
	close(s.begun)
	s.Flush(s.write)
	s.say(s.writeFrame)
	s.listener.forget(s)
	s.mu.Lock()
	s.receiver = nil
	s.mu.Unlock()
	r.Closed(s.Ended())
}

// write sends frames, or loses them as others are lost on the way.
func (s *session) write(frames [][]byte) error {
	for _, frame := range frames {
		s.see(frame)
		s.writeFrame(frame)
	}
	return nil
}

func (s *session) writeFrame(frame []byte) { _, _ = s.listener.conn.WriteTo(frame, s.addr) }

// deliver gives a frame to the receiver, if the session still has one.
func (s *session) deliver(frame []byte) {
	<-s.begun
	s.active.Store(true)
	s.see(frame)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.receiver != nil {
		s.receiver.Receive(frame)
	}
}
