package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"receptor/transport"
)

const (
	// MaxSessions bounds the sessions of one proxy: whoever can send a datagram
	// can begin one. Beyond it, what comes from another address is dropped.
	MaxSessions = 1024
	// SessionIdle is how long nothing may be passed on in a session, either way,
	// before it ends; it may last up to a quarter longer. RFC 4787 has 5 minutes
	// for the same in address translators (REQ-5).
	SessionIdle = 5 * time.Minute
	// sweepsPerIdle is how often a proxy looks for idle sessions in that time.
	sweepsPerIdle = 4
	// maxDatagram is no shorter than any datagram of UDP or of the mesh.
	maxDatagram = 65535
)

// Open makes the target's side of a session: each Write sends one datagram to
// the target, each Read returns one from there. It must not block.
type Open func() (io.ReadWriteCloser, error)

// Datagrams passes the datagrams that arrive on a socket on to a target, and
// answers back. Each source address has a session, with a socket of its own to
// the target, until that is idle for long. A datagram stays one, or is lost as
// a whole. Its methods may be called from any goroutine; NewDatagrams makes one.
type Datagrams struct {
	front net.PacketConn
	open  Open
	opts  Options

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running sync.WaitGroup // sessions

	mu       sync.Mutex
	closed   bool
	full     bool // and that has been reported
	sessions map[string]*session
	sweeper  transport.Timer
}

// session is what belongs to one source address.
type session struct {
	from   net.Addr
	back   io.ReadWriteCloser
	active atomic.Bool // something has been passed on since the last sweep
	heard  time.Time   // something had been by then; the proxy's mu
	lost   atomic.Bool // a datagram, and that has been reported
}

// NewDatagrams makes a proxy, which owns front.
func NewDatagrams(front net.PacketConn, open Open, opts Options) *Datagrams {
	d := &Datagrams{front: front, open: open, opts: opts, sessions: make(map[string]*session)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Serve passes datagrams on until the proxy or its socket is closed. A read
// that fails otherwise is reported, and tried again after a pause.
func (d *Datagrams) Serve() {
	d.armSweep()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := d.front.ReadFrom(buf)
		switch {
		case err == nil:
			d.forward(buf[:n], from)
			continue
		case d.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		}
		d.opts.Problem(fmt.Errorf("read, next try in %v: %w", retryPause, err))
		if !pause(d.ctx, d.opts.Clock, retryPause) {
			return
		}
	}
}

// forward passes one datagram on to the target.
func (d *Datagrams) forward(payload []byte, from net.Addr) {
	s := d.session(from)
	if s == nil {
		return
	}
	if _, err := s.back.Write(payload); err != nil {
		d.lose(s, fmt.Errorf("datagram of %d bytes from %s: %w", len(payload), from, err))
	}
}

// lose reports the first datagram that a session loses.
func (d *Datagrams) lose(s *session, err error) {
	if !s.lost.Swap(true) && d.ctx.Err() == nil {
		d.opts.Problem(err)
	}
}

// session returns that of an address, and begins it if need be; nil if that is
// not possible.
func (d *Datagrams) session(from net.Addr) *session {
	key := from.String()
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sessions[key]; s != nil {
		s.active.Store(true) // under mu: no sweep may end it now
		return s
	}
	switch {
	case d.closed:
		return nil
	case len(d.sessions) >= MaxSessions:
		if !d.full {
			d.opts.Problem(fmt.Errorf("there are %d sessions already: datagrams from %s, and from other new addresses, are dropped", MaxSessions, from))
		}
		d.full = true
		return nil
	}
	back, err := d.open()
	if err != nil {
		d.opts.Problem(fmt.Errorf("session of %s: %w", from, err))
		return nil
	}
	s := &session{from: from, back: back, heard: d.opts.Clock.Now()}
	d.sessions[key] = s
	d.running.Go(func() {
		d.answer(s)
		d.end(key, s)
	})
	return s
}

// answer passes datagrams of the target back until the session ends.
func (d *Datagrams) answer(s *session) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := s.back.Read(buf)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // nobody was there for an earlier datagram; there may be, for the next
		case err != nil:
			return
		}
		s.active.Store(true)
		if _, err := d.front.WriteTo(buf[:n], s.from); err != nil {
			d.lose(s, fmt.Errorf("datagram of %d bytes to %s: %w", n, s.from, err))
		}
	}
}

// end forgets a session; the next datagram from its address begins another.
func (d *Datagrams) end(key string, s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions[key] == s {
		delete(d.sessions, key)
		d.full = false
	}
	s.back.Close()
}

func (d *Datagrams) armSweep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.sweeper = d.opts.Clock.AfterFunc(SessionIdle/sweepsPerIdle, d.sweep)
	}
}

// sweep ends the sessions that have been idle.
func (d *Datagrams) sweep() {
	defer d.armSweep()
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.opts.Clock.Now()
	for key, s := range d.sessions {
		if s.active.Swap(false) {
			s.heard = now
		} else if now.Sub(s.heard) >= SessionIdle {
			delete(d.sessions, key)
			d.full = false
			s.back.Close()
		}
	}
}

// Close closes the socket and all sessions, and returns when their goroutines
// have ended. Closing twice is harmless.
func (d *Datagrams) Close() {
	d.cancel()
	d.front.Close()
	d.mu.Lock()
	d.closed = true
	if d.sweeper != nil {
		d.sweeper.Stop()
	}
	for _, s := range d.sessions {
		s.back.Close()
	}
	d.mu.Unlock()
	d.running.Wait()
}

// Connected makes of a socket one that has to do with one peer only: what comes
// from others is dropped. The addresses of the socket
// must be equal by == if they are the same.
func Connected(socket net.PacketConn, peer net.Addr) io.ReadWriteCloser {
	return &connected{PacketConn: socket, peer: peer}
}

type connected struct {
	net.PacketConn
	peer net.Addr
}

// Read implements io.Reader.
func (c *connected) Read(p []byte) (int, error) {
	for {
		n, from, err := c.ReadFrom(p)
		if err != nil || from == c.peer {
			return n, err
		}
	}
}

// Write implements io.Writer.
func (c *connected) Write(p []byte) (int, error) { return c.WriteTo(p, c.peer) }
