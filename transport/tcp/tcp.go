// Package tcp makes mesh links over TCP, with or without TLS.
package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"receptor/transport"
)

const (
	// handshakeTimeout bounds the TLS handshake of an accepted connection.
	handshakeTimeout = 15 * time.Second
	// acceptPause keeps a listener that cannot accept (no file descriptors
	// left) from spinning.
	acceptPause = 100 * time.Millisecond
)

// Net is what connections are made with: the machine, or what stands for it.
type Net struct {
	Listen func(addr string) (net.Listener, error)
	Dial   func(ctx context.Context, addr string) (net.Conn, error)
}

// System is the machine's.
var System = Net{
	Listen: func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) },
	Dial: func(ctx context.Context, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	},
}

// Listener accepts links on a TCP port. It implements transport.Backend.
type Listener struct {
	net   Net
	addr  string
	tls   *tls.Config
	warn  func(error)
	ln    net.Listener
	ctx   context.Context
	end   context.CancelFunc
	links transport.LinkSet

	handshakes handshakes
}

// NewListener returns a backend that listens on addr, "host:port", with TLS
// unless config is nil. warn is told of errors that do not end it.
func NewListener(addr string, config *tls.Config, warn func(error)) *Listener {
	return System.NewListener(addr, config, warn)
}

// NewListener is as the function NewListener.
func (n Net) NewListener(addr string, config *tls.Config, warn func(error)) *Listener {
	ctx, end := context.WithCancel(context.Background())
	return &Listener{net: n, addr: addr, tls: config, warn: warn, ctx: ctx, end: end}
}

// Start implements transport.Backend.
func (l *Listener) Start(accept transport.Acceptor) error {
	ln, err := l.net.Listen(l.addr)
	if err != nil {
		return fmt.Errorf("tcp listener: %w", err)
	}
	l.ln = ln
	l.links.Go(func() { l.acceptLoop(accept) })
	return nil
}

func (l *Listener) acceptLoop(accept transport.Acceptor) {
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
		if l.tls == nil {
			l.run(conn, accept)
			continue
		}
		l.beginHandshake(conn, accept)
	}
}

func (l *Listener) beginHandshake(conn net.Conn, accept transport.Acceptor) {
	ctx, giveUp := context.WithCancelCause(l.ctx)
	s, crowded := l.handshakes.begin(giveUp)
	if crowded {
		l.warn(fmt.Errorf("%s: %d TLS handshakes are under way: the oldest is given up for one with %v, and others for others", l, maxHandshakes, conn.RemoteAddr()))
	}
	run := func() {
		defer giveUp(nil)
		defer l.handshakes.end(s)
		l.secure(ctx, conn, accept)
	}
	if !l.links.Go(run) { // closed
		giveUp(nil)
		conn.Close()
	}
}

// secure does the TLS handshake: no link begins, and no frame is queued, before
// the peer has shown what the configuration wants to see.
func (l *Listener) secure(ctx context.Context, conn net.Conn, accept transport.Acceptor) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secured := tls.Server(conn, l.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		if l.ctx.Err() == nil && context.Cause(ctx) != errCrowded {
			l.warn(fmt.Errorf("%s: TLS handshake with %s: %w", l, conn.RemoteAddr(), err))
		}
		return
	}
	l.run(secured, accept)
}

func (l *Listener) run(conn net.Conn, accept transport.Acceptor) {
	l.links.Run(newLink(conn), accept, func(transport.Receiver) {})
}

// Addr returns the address that the started listener listens on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Close implements transport.Backend.
func (l *Listener) Close() {
	l.end()
	if l.ln != nil {
		l.ln.Close()
	}
	l.links.Close()
}

// String implements transport.Backend.
func (l *Listener) String() string { return "tcp listener " + l.addr }

// Dialer keeps a link to one TCP address up. It implements transport.Backend.
type Dialer struct {
	*transport.Dialer
	addr string
}

// NewDialer returns a backend that dials addr, "host:port", with TLS unless
// config is nil. A config that names no server verifies the host of addr.
func NewDialer(addr string, config *tls.Config, opts transport.DialOptions) *Dialer {
	return System.NewDialer(addr, config, opts)
}

// NewDialer is as the function NewDialer.
func (n Net) NewDialer(addr string, config *tls.Config, opts transport.DialOptions) *Dialer {
	connect := func(ctx context.Context) (transport.Runner, error) {
		conn, err := n.dial(ctx, addr, config)
		if err != nil {
			return nil, err
		}
		return newLink(conn), nil
	}
	return &Dialer{transport.NewDialer("tcp peer "+addr, opts, connect), addr}
}

func (n Net) dial(ctx context.Context, addr string, config *tls.Config) (net.Conn, error) {
	conn, err := n.Dial(ctx, addr)
	if err != nil || config == nil {
		return conn, err
	}
	secured := tls.Client(conn, naming(config, addr))
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// naming returns a configuration that names a server: that of addr, if none is named.
func naming(config *tls.Config, addr string) *tls.Config {
	if config.ServerName != "" {
		return config
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	config = config.Clone()
	config.ServerName = host
	return config
}

// Start implements transport.Backend.
func (d *Dialer) Start(accept transport.Acceptor) error {
	if _, _, err := net.SplitHostPort(d.addr); err != nil {
		return fmt.Errorf("tcp peer: %w: want host:port", err)
	}
	return d.Dialer.Start(accept)
}
