// Package tcp makes mesh links over TCP.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"receptor/transport"
)

const (
	dialTimeout = 15 * time.Second
	// acceptPause keeps a listener that cannot accept (no file descriptors
	// left) from spinning.
	acceptPause = 100 * time.Millisecond
)

// Listener accepts links on a TCP port. It implements transport.Backend.
type Listener struct {
	addr string
	warn func(error)
	ln   net.Listener
	set  linkSet
}

// NewListener returns a backend that listens on addr, "host:port". warn is told
// of errors that do not end it.
func NewListener(addr string, warn func(error)) *Listener {
	return &Listener{addr: addr, warn: warn}
}

// Start implements transport.Backend.
func (l *Listener) Start(accept transport.Acceptor) error {
	ln, err := net.Listen("tcp", l.addr)
	if err != nil {
		return fmt.Errorf("tcp listener: %w", err)
	}
	l.ln = ln
	if l.set.begin() {
		go l.acceptLoop(accept)
	}
	return nil
}

func (l *Listener) acceptLoop(accept transport.Acceptor) {
	defer l.set.wait.Done()
	for {
		conn, err := l.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.warn(fmt.Errorf("%s: accept: %w", l, err))
			time.Sleep(acceptPause)
			continue
		}
		l.set.start(conn, accept, func() {})
	}
}

// Addr returns the address that the started listener listens on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Close implements transport.Backend.
func (l *Listener) Close() {
	if l.ln != nil {
		l.ln.Close()
	}
	l.set.close()
}

// String implements transport.Backend.
func (l *Listener) String() string { return "tcp listener " + l.addr }

// Dialer keeps a link to one TCP address up. It implements transport.Backend.
type Dialer struct {
	addr     string
	warn     func(error)
	accept   transport.Acceptor
	redialer *transport.Redialer
	cancel   context.CancelFunc
	set      linkSet
}

// NewDialer returns a backend that dials addr, "host:port", and redials when
// the link ends unless redial is false. clock and rand set the pauses between;
// warn is told of dials that fail.
func NewDialer(addr string, redial bool, clock transport.Clock, rand *rand.Rand, warn func(error)) *Dialer {
	d := &Dialer{addr: addr, warn: warn}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.redialer = transport.NewRedialer(clock, rand, func(ended func(bool)) {
		if !redial {
			ended = func(bool) {}
		}
		d.dial(ctx, ended)
	})
	return d
}

// Start implements transport.Backend.
func (d *Dialer) Start(accept transport.Acceptor) error {
	if _, _, err := net.SplitHostPort(d.addr); err != nil {
		return fmt.Errorf("tcp peer: %w: want host:port", err)
	}
	d.accept = accept
	d.redialer.Start()
	return nil
}

func (d *Dialer) dial(ctx context.Context, ended func(connected bool)) {
	if !d.set.begin() {
		return
	}
	go func() {
		defer d.set.wait.Done()
		dialer := net.Dialer{Timeout: dialTimeout}
		conn, err := dialer.DialContext(ctx, "tcp", d.addr)
		if err != nil {
			if ctx.Err() == nil {
				d.warn(fmt.Errorf("tcp peer: %w", err))
				ended(false)
			}
			return
		}
		d.set.start(conn, d.accept, func() { ended(true) })
	}()
}

// Close implements transport.Backend.
func (d *Dialer) Close() {
	d.redialer.Close()
	d.cancel()
	d.set.close()
}

// String implements transport.Backend.
func (d *Dialer) String() string { return "tcp peer " + d.addr }

// linkSet holds the links of a backend, so that closing it ends them.
type linkSet struct {
	wait sync.WaitGroup // the backend's goroutines

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
}

// begin counts a goroutine that calls wait.Done at its end. It reports false
// when the backend is closed and none may start.
func (s *linkSet) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wait.Add(1)
	}
	return !s.closed
}

// start runs a link on conn in a goroutine of its own, and calls ended after it.
func (s *linkSet) start(conn net.Conn, accept transport.Acceptor, ended func()) {
	l := newLink(conn)
	if !s.add(l) {
		conn.Close()
		return
	}
	go func() {
		defer s.wait.Done()
		l.run(accept(l))
		s.remove(l)
		ended()
	}()
}

func (s *linkSet) add(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.links == nil {
		s.links = make(map[*link]struct{})
	}
	s.links[l] = struct{}{}
	s.wait.Add(1)
	return true
}

func (s *linkSet) remove(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l)
}

func (s *linkSet) close() {
	s.mu.Lock()
	s.closed = true
	for l := range s.links {
		l.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}
