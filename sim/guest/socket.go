package guest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socketBuffer is how many bytes a socket holds of what its peer has written.
const socketBuffer = 64 << 10

// socket is one end of a connection between two processes of a machine, as TCP
// and Unix sockets are: halves close on their own, and who closes with something
// unread, or without lingering, resets the connection.
type socket struct {
	line    *line
	side    int
	name    endpoint
	release func() // takes it off the books; nil: there are none
	abrupt  bool   // it does not linger
}

// line is what the two ends of a connection share.
type line struct {
	mu      sync.Mutex
	changed sync.Cond
	flows   [2]flow // by the side that writes
	closed  [2]bool
}

// flow is one direction.
type flow struct {
	data  []byte
	ended bool  // nothing more is written
	deaf  bool  // nothing more is read
	reset error // what a read ends with, before all else
}

// endpoint is the address of a socket.
type endpoint struct{ network, address string }

// Network implements net.Addr.
func (e endpoint) Network() string { return e.network }

// String implements net.Addr.
func (e endpoint) String() string { return e.address }

func newLine(name endpoint) (near, far *socket) {
	l := new(line)
	l.changed.L = &l.mu
	return &socket{line: l, side: 0, name: name}, &socket{line: l, side: 1, name: name}
}

func (s *socket) in() *flow  { return &s.line.flows[1-s.side] }
func (s *socket) out() *flow { return &s.line.flows[s.side] }

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	for in := s.in(); ; s.line.changed.Wait() {
		switch {
		case s.line.closed[s.side]:
			return 0, net.ErrClosed
		case in.reset != nil:
			return 0, in.reset
		case in.deaf:
			return 0, io.EOF
		case len(in.data) > 0:
			n := copy(p, in.data)
			in.data = in.data[n:]
			s.line.changed.Broadcast()
			return n, nil
		case in.ended:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
	}
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (n int, err error) {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	for out := s.out(); ; {
		switch {
		case s.line.closed[s.side]:
			return n, net.ErrClosed
		case s.in().reset != nil:
			return n, s.in().reset
		case out.ended, out.deaf, s.line.closed[1-s.side]:
			return n, syscall.EPIPE
		case n == len(p):
			return n, nil
		}
		if room := socketBuffer - len(out.data); room > 0 {
			piece := p[n:min(n+room, len(p))]
			out.data = append(out.data, piece...)
			n += len(piece)
			s.line.changed.Broadcast()
		} else {
			s.line.changed.Wait()
		}
	}
}

// CloseWrite ends what the peer reads.
func (s *socket) CloseWrite() error {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.out().ended = true
	s.line.changed.Broadcast()
	return nil
}

// CloseRead ends what this end reads.
func (s *socket) CloseRead() error {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.in().deaf = true
	s.line.changed.Broadcast()
	return nil
}

// SetLinger with 0 makes Close a reset.
func (s *socket) SetLinger(sec int) error {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.abrupt = sec == 0
	return nil
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	if s.line.closed[s.side] {
		return net.ErrClosed
	}
	s.line.closed[s.side] = true
	s.out().ended = true
	if s.abrupt || len(s.in().data) > 0 && !s.in().deaf {
		s.out().reset = syscall.ECONNRESET
	}
	s.in().data = nil
	if s.release != nil {
		s.release()
	}
	s.line.changed.Broadcast()
	return nil
}

// LocalAddr implements net.Conn.
func (s *socket) LocalAddr() net.Addr { return s.name }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return s.name }

// Deadlines are not what sockets have here: the daemon has clocks.
func (*socket) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (*socket) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (*socket) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// sockets are those that a machine's processes listen on, by address.
type sockets struct {
	mu      sync.Mutex
	changed sync.Cond
	byName  map[endpoint]*socketListener
}

func newSockets() *sockets {
	s := &sockets{byName: make(map[endpoint]*socketListener)}
	s.changed.L = &s.mu
	return s
}

// socketListener is a socket that somebody listens on.
type socketListener struct {
	sockets *sockets
	name    endpoint
	life    *incarnation // whose it is; nil: of a process that is no daemon
	release func()       // takes it off the books; nil: there are none
	waiting []*socket
	closed  bool
}

var errInUse = errors.New("address already in use")

// listen begins to listen. life, unless nil, owns what comes of it.
func (s *sockets) listen(network, address string, life *incarnation) (*socketListener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := endpoint{network, address}
	if s.byName[name] != nil {
		return nil, fmt.Errorf("listen %s %s: %w", network, address, errInUse)
	}
	l := &socketListener{sockets: s, name: name, life: life}
	s.byName[name] = l
	if life != nil {
		life.holdings.ownListener(l)
	}
	return l, nil
}

// dial connects a process to another one. life, unless nil, owns the near end.
func (s *sockets) dial(network, address string, life *incarnation) (*socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byName[endpoint{network, address}]
	if l == nil {
		return nil, fmt.Errorf("dial %s %s: %w", network, address, syscall.ECONNREFUSED)
	}
	near, far := newLine(l.name)
	if life != nil {
		life.holdings.ownSocket(near)
	}
	if l.life != nil {
		l.life.holdings.ownSocket(far)
	}
	l.waiting = append(l.waiting, far)
	s.changed.Broadcast()
	return near, nil
}

// Accept implements net.Listener.
func (l *socketListener) Accept() (net.Conn, error) {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	for !l.closed && len(l.waiting) == 0 {
		l.sockets.changed.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	s := l.waiting[0]
	l.waiting = l.waiting[1:]
	return s, nil
}

// Close implements net.Listener.
func (l *socketListener) Close() error {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	delete(l.sockets.byName, l.name)
	for _, s := range l.waiting {
		s.SetLinger(0)
		s.Close()
	}
	if l.release != nil {
		l.release()
	}
	l.sockets.changed.Broadcast()
	return nil
}

// Addr implements net.Listener.
func (l *socketListener) Addr() net.Addr { return l.name }
