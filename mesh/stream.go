package mesh

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh/wire"
)

// Parameters of streams, PROTOCOL section 3.
const (
	streamALPN = "netceptor"
	// readEndALPN is streamALPN between nodes of ours; see closing.go.
	readEndALPN = "netceptor-read-end"
	// sharedALPN is readEndALPN for several streams; see carrier.go.
	sharedALPN          = "netceptor-streams"
	streamIdleTimeout   = 30 * time.Second
	streamKeepAlive     = 15 * time.Second
	streamHandshakeIdle = 15 * time.Second
)

// streamProtocols are offered in order of preference, sharedProtocols by DialShared,
// and accepted by all listeners. Callers do not change them.
var (
	streamProtocols = []string{readEndALPN, streamALPN}
	sharedProtocols = []string{sharedALPN, readEndALPN, streamALPN}
)

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
	conn, err := n.dial(ctx, remote, tlsConfig, streamProtocols)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", remote, err)
	}
	return conn, nil
}

// dial makes a connection by the first of the protocols that the peer knows.
func (n *Node) dial(ctx context.Context, remote Addr, tlsConfig *tls.Config, protocols []string) (*Conn, error) {
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
	}
	tlsConfig.NextProtos = protocols
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
	local := pc.LocalAddr().(Addr)
	if shares(qc) {
		return n.newCarrier(qc, local, remote, true).add(stream), nil
	}
	return newConn(n, qc, stream, local, remote), nil
}
