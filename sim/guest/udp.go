package guest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	pion "github.com/pion/transport/v3"

	"receptor/sim/lane"
)

const (
	// firstDialled is the port of the first socket that a dialer has.
	firstDialled = 40000
	// inboxSize is how many bytes a socket keeps that nobody has read.
	inboxSize = 4 << 20
)

// datagram is a frame on its way over a UDP-like link.
type datagram struct {
	side  int // that has sent it
	from  int // port
	to    int // port; 0: of whoever listens
	frame []byte
}

// udpNet is what the UDP backends of a daemon take their sockets from: those of
// one cable. Only the methods here are used by them.
type udpNet struct {
	pion.Net
	cable *cable
	life  *incarnation
}

// udpSocket is a socket at one end of a cable. Its fields are guarded by the mutex
// of the cable.
type udpSocket struct {
	pion.UDPConn // for methods that nobody calls
	cable        *cable
	side         int
	life         *incarnation
	port         int
	inbox        []datagram
	waiting      int // bytes of inbox
	closed       bool
}

// ResolveUDPAddr implements pion.Net.
func (n udpNet) ResolveUDPAddr(_, address string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", port, err)
	}
	return &net.UDPAddr{IP: net.ParseIP(host), Port: number}, nil
}

// DialUDP implements pion.Net.
func (n udpNet) DialUDP(_ string, _, _ *net.UDPAddr) (pion.UDPConn, error) {
	n.cable.mu.Lock()
	defer n.cable.mu.Unlock()
	n.cable.ports++
	return n.open(dialEnd, firstDialled+n.cable.ports)
}

// ListenUDP implements pion.Net.
func (n udpNet) ListenUDP(_ string, local *net.UDPAddr) (pion.UDPConn, error) {
	n.cable.mu.Lock()
	defer n.cable.mu.Unlock()
	return n.open(listenEnd, local.Port)
}

// open requires the mutex of the cable.
func (n udpNet) open(side, port int) (pion.UDPConn, error) {
	if err := n.life.check(); err != nil {
		return nil, err
	}
	s := &udpSocket{cable: n.cable, side: side, life: n.life, port: port}
	n.cable.sockets = append(n.cable.sockets, s)
	return s, nil
}

// transmit sends a datagram, perhaps twice. It requires the mutex.
func (c *cable) transmit(d datagram) {
	l := &c.lanes[d.side]
	c.launch(d)
	if l.Draws(l.Duplicate) {
		c.launch(d)
	}
}

// launch puts one copy of a datagram on the wire. It requires the mutex.
func (c *cable) launch(d datagram) {
	l := &c.lanes[d.side]
	at, frame, fate := l.Launch(c.now(), d.frame)
	switch {
	case fate == lane.Lost, fate == lane.Crowded:
		return
	case l.Clog > 0:
		d.frame = frame
		c.held = append(c.held, d)
		return
	}
	d.frame = bytes.Clone(frame) // who gets it may change it
	c.deliverIn(at-c.now(), d)
}

func (c *cable) deliverIn(in time.Duration, d datagram) {
	time.AfterFunc(in, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.deliver(d)
	})
}

// deliver gives a datagram to the socket that it is for, if there still is one and
// the wire is up. It requires the mutex.
func (c *cable) deliver(d datagram) {
	l := &c.lanes[d.side]
	switch {
	case l.Down > 0:
		return
	case l.Clog > 0:
		c.held = append(c.held, d)
		return
	}
	for _, s := range c.sockets {
		if s.side != d.side && (d.to == 0 || d.to == s.port) && s.waiting+len(d.frame) <= inboxSize {
			s.inbox = append(s.inbox, d)
			s.waiting += len(d.frame)
			c.changed.Broadcast()
			return
		}
	}
}

// releaseHeld delivers what a clogged lane has held back, in any order. It requires
// the mutex.
func (c *cable) releaseHeld(side int) {
	l := &c.lanes[side]
	if l.Clog > 0 {
		return
	}
	var released []datagram
	c.held = slices.DeleteFunc(c.held, func(d datagram) bool {
		if d.side == side {
			released = append(released, d)
			return true
		}
		return false
	})
	l.Shuffle(len(released), func(i, j int) { released[i], released[j] = released[j], released[i] })
	for _, d := range released {
		c.deliverIn(l.Travel(), d)
	}
}

// receive waits for a datagram.
func (s *udpSocket) receive(p []byte) (n, from int, err error) {
	s.cable.mu.Lock()
	defer s.cable.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, 0, net.ErrClosed
		case len(s.inbox) > 0 && !s.life.machine.paused():
			d := s.inbox[0]
			s.inbox = s.inbox[1:]
			s.waiting -= len(d.frame)
			s.cable.arrived(s.side, d.frame)
			return copy(p, d.frame), d.from, nil
		}
		s.cable.changed.Wait()
	}
}

// Read implements pion.UDPConn.
func (s *udpSocket) Read(p []byte) (int, error) {
	n, _, err := s.receive(p)
	return n, err
}

// ReadFromUDP implements pion.UDPConn.
func (s *udpSocket) ReadFromUDP(p []byte) (int, *net.UDPAddr, error) {
	n, from, err := s.receive(p)
	if err != nil {
		return 0, nil, err
	}
	return n, loopback(from), nil
}

func loopback(port int) *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

// Write implements pion.UDPConn.
func (s *udpSocket) Write(p []byte) (int, error) { return s.write(p, 0) }

// WriteTo implements pion.UDPConn.
func (s *udpSocket) WriteTo(p []byte, to net.Addr) (int, error) {
	return s.write(p, to.(*net.UDPAddr).Port)
}

func (s *udpSocket) write(p []byte, to int) (int, error) {
	s.cable.mu.Lock()
	defer s.cable.mu.Unlock()
	_ = s.cable.await(context.Background(), func() bool { return s.closed || !s.life.machine.paused() })
	if s.closed {
		return 0, net.ErrClosed
	}
	s.cable.transmit(datagram{side: s.side, from: s.port, to: to, frame: bytes.Clone(p)})
	return len(p), nil
}

// Close implements pion.UDPConn.
func (s *udpSocket) Close() error {
	s.cable.mu.Lock()
	defer s.cable.mu.Unlock()
	s.closed = true
	s.cable.sockets = slices.DeleteFunc(s.cable.sockets, func(o *udpSocket) bool { return o == s })
	s.cable.changed.Broadcast()
	return nil
}

// SetReadBuffer implements pion.UDPConn: there is one of a fixed size.
func (*udpSocket) SetReadBuffer(int) error { return nil }

// RemoteAddr implements pion.UDPConn.
func (s *udpSocket) RemoteAddr() net.Addr { return loopback(0) }

// LocalAddr implements pion.UDPConn.
func (s *udpSocket) LocalAddr() net.Addr { return loopback(s.port) }
