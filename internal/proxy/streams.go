package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// MaxConnections bounds the connections of one proxy, unless its options do.
	// Those beyond it are broken off at once.
	MaxConnections = 4096
	// connectTimeout bounds all that comes before the first byte is copied: a
	// TLS handshake with the client, and the dial to the target.
	connectTimeout = 15 * time.Second
)

var errConnectTimeout = fmt.Errorf("not connected after %v", connectTimeout)

// Dial connects to the target of a proxy. It must return once ctx ends, and
// the connection must outlive ctx. It may have methods of a [net.TCPConn] or of
// a stream of the mesh that make it end one way only, or in an error.
type Dial func(ctx context.Context) (io.ReadWriteCloser, error)

// Streams connects every connection to a listener with one of its own to a
// target, and copies both ways. Connections are broken off, not closed, if the
// target cannot be reached. Its methods may be called from any goroutine;
// NewStreams makes one.
type Streams struct {
	listener net.Listener
	dial     Dial
	opts     Options

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running sync.WaitGroup // connections

	mu     sync.Mutex
	closed bool
	full   bool // and that has been reported
	open   int  // connections
}

// NewStreams makes a proxy, which owns l.
func NewStreams(l net.Listener, dial Dial, opts Options) *Streams {
	if opts.MaxConnections == 0 {
		opts.MaxConnections = MaxConnections
	}
	s := &Streams{listener: l, dial: dial, opts: opts}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve accepts connections until the proxy or the listener is closed. An
// accept that fails otherwise is reported, and tried again after a pause.
func (s *Streams) Serve() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			s.start(conn)
			continue
		case s.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		}
		s.opts.Problem(fmt.Errorf("accept, next try in %v: %w", retryPause, err))
		if !pause(s.ctx, s.opts.Clock, retryPause) {
			return
		}
	}
}

// start carries a new connection on a goroutine of its own.
func (s *Streams) start(client net.Conn) {
	if !s.admit(client) {
		abort(client, "too many connections")
		return
	}
	go func() {
		defer s.leave()
		s.carry(client)
	}()
}

// admit counts a new connection in, unless there is no room for it.
func (s *Streams) admit(client net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return false
	case s.open >= s.opts.MaxConnections:
		if !s.full {
			s.opts.Problem(fmt.Errorf("there are %d connections already: the one from %s, and further ones, are refused", s.open, client.RemoteAddr()))
		}
		s.full = true
		return false
	}
	s.open++
	s.running.Add(1)
	return true
}

func (s *Streams) leave() {
	s.mu.Lock()
	s.open--
	s.full = false
	s.mu.Unlock()
	s.running.Done()
}

// carry connects a client with the target until both have ended.
func (s *Streams) carry(client net.Conn) {
	defer context.AfterFunc(s.ctx, func() { abort(client, "proxy closed") })()
	target, err := s.connect(client)
	if err != nil {
		if s.ctx.Err() == nil {
			s.opts.Problem(fmt.Errorf("connection from %s: %w", client.RemoteAddr(), err))
		}
		abort(client, "the target of the proxy cannot be reached")
		return
	}
	defer context.AfterFunc(s.ctx, func() { abort(target, "proxy closed") })()
	join(client, target)
}

// connect dials the target, once the client has shown that it may.
func (s *Streams) connect(client net.Conn) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	timer := s.opts.Clock.AfterFunc(connectTimeout, func() { cancel(errConnectTimeout) })
	defer timer.Stop()
	target, err := s.handshakeAndDial(ctx, client)
	if err != nil && errors.Is(context.Cause(ctx), errConnectTimeout) {
		return nil, errConnectTimeout // what the context made of it says less
	}
	return target, err
}

func (s *Streams) handshakeAndDial(ctx context.Context, client net.Conn) (io.ReadWriteCloser, error) {
	if tls, ok := client.(interface{ HandshakeContext(context.Context) error }); ok {
		if err := tls.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
	}
	return s.dial(ctx)
}

// Close closes the listener, breaks all connections off, and returns when their
// goroutines have ended. Closing twice is harmless.
func (s *Streams) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.listener.Close()
	s.running.Wait()
}
