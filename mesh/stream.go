package mesh

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh/wire"
)

// Parameters of streams, PROTOCOL section 3.
const (
	streamALPN = "netceptor"
	// readEndALPN is streamALPN between nodes of ours; see closing.go.
	readEndALPN         = "netceptor-read-end"
	streamIdleTimeout   = 30 * time.Second
	streamKeepAlive     = 15 * time.Second
	streamHandshakeIdle = 15 * time.Second
	// acceptTimeout bounds the wait for the byte that opens a stream.
	acceptTimeout = 60 * time.Second
	// maxAccepting bounds the connections that have not opened their stream.
	maxAccepting = 1024
)

// streamProtocols are offered, and accepted, in order of preference. Callers do
// not change it.
var streamProtocols = []string{readEndALPN, streamALPN}

const (
	codeNormal quic.ApplicationErrorCode = 0
	codeError  quic.ApplicationErrorCode = 500
	textNormal                           = "normal close"
)

func (n *Node) quicConfig(keepAlive time.Duration) *quic.Config {
	c := &quic.Config{
		HandshakeIdleTimeout:    streamHandshakeIdle,
		MaxIdleTimeout:          streamIdleTimeout,
		InitialPacketSize:       shortPacket,
		KeepAlivePeriod:         keepAlive,
		DisablePathMTUDiscovery: true,
	}
	if n.qlog != nil {
		c.Tracer = n.traceQUIC
	}
	return c
}

// lossyConn is what QUIC sees of a PacketConn: a datagram for which there is
// no route at the moment is lost, as on the way, and not an error that would
// end the connection.
type lossyConn struct{ *PacketConn }

func (c lossyConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	n, err := c.writeTo(p, addr, packetFlags(p))
	if errors.Is(err, ErrNoRoute) {
		return len(p), nil
	}
	return n, err
}

// longAgo is before anything that a clock shows, and yet a deadline: the only one
// for QUIC, which goes by the machine's clock, not the node's.
var longAgo = time.Time{}.Add(1)

// SetReadDeadline is how QUIC ends a read at once, which is all that it has
// deadlines for: it says now, by the machine's clock, and the node's may be behind.
func (c lossyConn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		t = longAgo
	}
	return c.PacketConn.SetReadDeadline(t)
}

func newQUICTransport(c *PacketConn) (*quic.Transport, error) {
	var key quic.StatelessResetKey
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	return &quic.Transport{Conn: lossyConn{c}, StatelessResetKey: &key}, nil
}

// Dial opens a stream to a service: a QUIC connection with one stream. With a
// nil tlsConfig the listener is not authenticated. The error is ErrNoRoute,
// ErrTLS or an *UnreachableError where those are the reason.
func (n *Node) Dial(ctx context.Context, node, service string, tlsConfig *tls.Config) (*Conn, error) {
	remote := Addr{Node: n.nodeID(node), Service: service}
	conn, err := n.dial(ctx, remote, tlsConfig)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", remote, err)
	}
	return conn, nil
}

func (n *Node) dial(ctx context.Context, remote Addr, tlsConfig *tls.Config) (*Conn, error) {
	if _, _, err := n.resolve(remote); err != nil {
		return nil, err
	}
	if !n.Reachable(remote.Node) {
		return nil, ErrNoRoute
	}
	if tlsConfig == nil {
		tlsConfig = insecureClientTLS(n.id)
	} else {
		tlsConfig = tlsConfig.Clone()
		tlsConfig.NextProtos = streamProtocols
	}
	// gone is cancelled by a report that the service cannot be reached; ctx is
	// the caller's, and ends with the dial.
	gone, cancel := context.WithCancelCause(context.Background())
	ctx, cancelDial := context.WithCancelCause(ctx)
	defer cancelDial(nil)
	defer context.AfterFunc(gone, func() { cancelDial(context.Cause(gone)) })()
	var dialed atomic.Pointer[quic.Conn]
	pc, err := n.listenPacket("", func(u wire.Unreach, by string) {
		if u.ToNode != remote.Node || u.ToService != remote.Service {
			return
		}
		switch u.Problem {
		case wire.ProblemExpired:
		case wire.ProblemTooLong:
			if qc := dialed.Load(); qc != nil {
				qc.PacketTooLong()
			}
		default:
			cancel(&UnreachableError{Problem: u.Problem, ReportedBy: by})
		}
	})
	if err != nil {
		return nil, err
	}
	conn, err := n.dialQUIC(ctx, pc, remote, tlsConfig)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, asTLS(err)
	}
	n.watchRefusal(conn.qc, conn.local, remote)
	dialed.Store(conn.qc)
	sendLong(conn.qc)
	// From here on a report that the service is gone ends the connection.
	stop := context.AfterFunc(gone, func() { conn.qc.CloseWithError(codeError, context.Cause(gone).Error()) })
	context.AfterFunc(conn.qc.Context(), func() { stop() })
	return conn, nil
}

// dialQUIC makes the connection on pc, which is closed with it.
func (n *Node) dialQUIC(ctx context.Context, pc *PacketConn, remote Addr, tlsConfig *tls.Config) (*Conn, error) {
	tr, err := newQUICTransport(pc)
	if err != nil {
		pc.Close()
		return nil, err
	}
	closeAll := func() {
		tr.Close()
		pc.Close()
	}
	qc, err := tr.Dial(ctx, remote, tlsConfig, n.quicConfig(streamKeepAlive))
	if err != nil {
		closeAll()
		return nil, err
	}
	context.AfterFunc(qc.Context(), closeAll)
	stream, err := qc.OpenStreamSync(ctx)
	if err == nil {
		_, err = stream.Write([]byte{0}) // makes the listener see the stream
	}
	if err != nil {
		qc.CloseWithError(codeError, err.Error())
		return nil, err
	}
	return newConn(n, qc, stream, pc.LocalAddr().(Addr), remote), nil
}

// Listener accepts the streams to a service. It implements net.Listener.
type Listener struct {
	node  *Node
	pc    *PacketConn
	tr    *quic.Transport
	ql    *quic.EarlyListener
	ready chan *Conn
	done  chan struct{}
	close sync.Once

	mu    sync.Mutex
	conns map[Addr]*quic.Conn // by the dialer's address
}

// Listen opens a stream service. With a nil tlsConfig it uses a self-signed
// certificate that authenticates nobody. If ad is not nil, the service is
// advertised to the mesh until the listener closes.
func (n *Node) Listen(service string, tlsConfig *tls.Config, ad *Advertise) (*Listener, error) {
	connType := wire.ConnStream
	if tlsConfig == nil {
		var err error
		if tlsConfig, err = insecureServerTLS(); err != nil {
			return nil, fmt.Errorf("listen on service %q: %w", service, err)
		}
	} else {
		connType = wire.ConnStreamTLS
		tlsConfig = forStreams(tlsConfig)
	}
	l := &Listener{
		node:  n,
		ready: make(chan *Conn),
		done:  make(chan struct{}),
		conns: make(map[Addr]*quic.Conn),
	}
	pc, err := n.listenPacket(service, l.unreachable)
	if err != nil {
		return nil, err
	}
	l.pc = pc
	if l.tr, err = newQUICTransport(pc); err == nil {
		// Early: before the dialer has been believed, so that its refusal is seen.
		l.ql, err = l.tr.ListenEarly(tlsConfig, n.quicConfig(0))
	}
	if err != nil {
		pc.Close()
		return nil, fmt.Errorf("listen on service %q: %w", service, err)
	}
	go l.acceptLoop()
	if ad != nil {
		n.advertise(l.addr().Service, connType, *ad)
	}
	return l, nil
}

// forStreams returns a listener's configuration, and those that it makes for
// each client, with the protocol of streams.
func forStreams(tlsConfig *tls.Config) *tls.Config {
	c := tlsConfig.Clone()
	c.NextProtos = streamProtocols
	if forClient := c.GetConfigForClient; forClient != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			own, err := forClient(hello)
			if own != nil {
				own = forStreams(own)
			}
			return own, err
		}
	}
	return c
}

func (l *Listener) acceptLoop() {
	slots := make(chan struct{}, maxAccepting)
	for {
		qc, err := l.ql.Accept(context.Background())
		if err != nil {
			l.Close()
			return
		}
		select {
		case slots <- struct{}{}:
			go func() {
				defer func() { <-slots }()
				l.accept(qc)
			}()
		default:
			qc.CloseWithError(codeError, "too many connections without a stream")
		}
	}
}

// accept waits for the stream of a connection and hands it over.
func (l *Listener) accept(qc *quic.Conn) {
	remote, ok := qc.RemoteAddr().(Addr)
	if !ok {
		qc.CloseWithError(codeError, "not a mesh address")
		return
	}
	l.track(remote, qc)
	l.node.watchRefusal(qc, l.addr(), remote)
	ctx, cancel := context.WithTimeout(qc.Context(), acceptTimeout)
	defer cancel()
	stream, err := qc.AcceptStream(ctx)
	if err != nil {
		qc.CloseWithError(codeError, "no stream was opened")
		return
	}
	var first [1]byte
	// Not by a deadline, see longAgo.
	inTime := context.AfterFunc(ctx, func() { stream.CancelRead(0) })
	if _, err := io.ReadFull(stream, first[:]); !inTime() || err != nil || first[0] != 0 {
		qc.CloseWithError(codeError, "a stream begins with one zero byte")
		return
	}
	sendLong(qc)
	select {
	case l.ready <- newConn(l.node, qc, stream, l.addr(), remote):
	case <-l.done:
		qc.CloseWithError(codeError, "listener closed")
	}
}

func (l *Listener) track(remote Addr, qc *quic.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[remote] = qc
	context.AfterFunc(qc.Context(), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.conns[remote] == qc {
			delete(l.conns, remote)
		}
	})
}

// unreachable ends the connection whose dialer is gone.
func (l *Listener) unreachable(u wire.Unreach, by string) {
	l.mu.Lock()
	qc := l.conns[Addr{Node: u.ToNode, Service: u.ToService}]
	l.mu.Unlock()
	switch {
	case qc == nil:
	case u.Problem == wire.ProblemTooLong:
		qc.PacketTooLong()
	case u.Problem == wire.ProblemServiceUnknown:
		go qc.CloseWithError(codeError, "dialer is gone")
	}
}

// Accept implements net.Listener; the connection is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, fmt.Errorf("accept on %s: %w", l.addr(), net.ErrClosed)
	}
}

// Close implements net.Listener: the service is withdrawn and its connections
// end.
func (l *Listener) Close() error {
	l.close.Do(func() {
		close(l.done)
		l.node.withdraw(l.addr().Service)
		l.ql.Close()
		l.tr.Close()
		l.pc.Close()
	})
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return l.addr() }

func (l *Listener) addr() Addr { return l.pc.LocalAddr().(Addr) }
