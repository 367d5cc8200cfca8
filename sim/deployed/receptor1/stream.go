package receptor1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/deployed"
)

// Parameters of streams, PROTOCOL section 3.
const (
	streamALPN          = "netceptor"
	streamIdleTimeout   = 30 * time.Second
	streamKeepAlive     = streamIdleTimeout / 2
	streamHandshakeIdle = 15 * time.Second
	acceptTimeout       = 60 * time.Second
)

// What connections are closed with.
const (
	codeNormal quic.ApplicationErrorCode = 0
	codeError  quic.ApplicationErrorCode = 500
)

func quicConfig(keepAlive time.Duration) *quic.Config {
	return &quic.Config{HandshakeIdleTimeout: streamHandshakeIdle, MaxIdleTimeout: streamIdleTimeout, KeepAlivePeriod: keepAlive}
}

// newTransport has QUIC use a service. It draws the key of its resets itself.
func newTransport(pc *packetConn) *quic.Transport { return &quic.Transport{Conn: pc} }

// Conn is a stream: a QUIC connection with one stream. It implements net.Conn.
type Conn struct {
	qc *quic.Conn
	*quic.Stream
	local mesh.Addr
}

// conn returns a stream of the daemon. A Write that waits on one that is closed waits
// for ever, whatever becomes of the connection: it ends with the process.
func (d *Daemon) conn(qc *quic.Conn, s *quic.Stream, local net.Addr) *Conn {
	context.AfterFunc(d.ctx, func() { s.SetWriteDeadline(time.Unix(1, 0)) })
	return &Conn{qc: qc, Stream: s, local: local.(mesh.Addr)}
}

// Close ends what is written, and nothing else: the peer reads on to an end of data,
// whatever came before that.
func (c *Conn) Close() error { return c.Stream.Close() }

// CloseConnection ends the connection, in both directions, and forgets what is under
// way.
func (c *Conn) CloseConnection() error { return c.qc.CloseWithError(codeNormal, "normal close") }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.qc.RemoteAddr() }

// Dial opens a stream to a service. No path to it is an error at once.
func (d *Daemon) Dial(ctx context.Context, node, service string) (*Conn, error) {
	pc, err := openPackets(d.node, "", nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pc.watch(func(u wire.Unreach) {
		if u.Problem == wire.ProblemServiceUnknown && u.ToNode == node && u.ToService == service {
			cancel(errors.New(u.Problem))
		}
	})
	tr := newTransport(pc)
	qc, err := tr.Dial(ctx, mesh.Addr{Node: node, Service: service}, clientTLS(d.id), quicConfig(streamKeepAlive))
	if err != nil {
		pc.Close()
		return nil, err
	}
	context.AfterFunc(qc.Context(), func() { pc.Close() })
	s, err := qc.OpenStreamSync(ctx)
	if err == nil {
		_, err = s.Write([]byte{0}) // so that the listener sees the stream
	}
	if err != nil {
		qc.CloseWithError(codeError, err.Error())
		return nil, err
	}
	return d.conn(qc, s, pc.LocalAddr()), nil
}

// Serve has streams to a service handled, each by a goroutine, until the daemon ends.
// The mesh is told of it, as of a stream service.
func (d *Daemon) Serve(service string, ad deployed.Ad, handle func(*Conn)) error {
	ad.ConnType = wire.ConnStream
	pc, err := openPackets(d.node, service, &ad)
	if err != nil {
		return err
	}
	cfg, err := serverTLS()
	if err != nil {
		return err
	}
	tr := newTransport(pc)
	l, err := tr.Listen(cfg, quicConfig(0))
	if err != nil {
		return err
	}
	s := &streamService{d: d, pc: pc, conns: make(map[mesh.Addr]*Conn)}
	pc.watch(s.unreachable)
	go func() {
		for {
			qc, err := l.Accept(d.ctx)
			if err != nil {
				return
			}
			go func() {
				if c := s.accept(qc); c != nil {
					handle(c)
				}
			}()
		}
	}()
	return nil
}

// streamService is a service that streams go to.
type streamService struct {
	d  *Daemon
	pc *packetConn

	mu    sync.Mutex
	conns map[mesh.Addr]*Conn
}

// accept waits for the stream of a connection. It returns nil if none comes.
func (s *streamService) accept(qc *quic.Conn) *Conn {
	ctx, cancel := context.WithCancel(qc.Context())
	defer cancel()
	defer s.d.clock.AfterFunc(acceptTimeout, cancel).Stop()
	stream, err := qc.AcceptStream(ctx)
	if err != nil {
		qc.CloseWithError(codeError, fmt.Sprintf("AcceptStream Error: %v", err))
		return nil
	}
	first := make([]byte, 1)
	if n, err := stream.Read(first); err != nil || n != 1 || first[0] != 0 {
		qc.CloseWithError(codeError, "Read Data Error")
		return nil
	}
	c := s.d.conn(qc, stream, s.pc.LocalAddr())
	remote, _ := qc.RemoteAddr().(mesh.Addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[remote] = c
	context.AfterFunc(qc.Context(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.conns[remote] == c {
			delete(s.conns, remote)
		}
	})
	return c
}

// unreachable ends what is written to a dialer that is gone, and leaves it at that.
func (s *streamService) unreachable(u wire.Unreach) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[mesh.Addr{Node: u.ToNode, Service: u.ToService}]; c != nil && u.Problem == wire.ProblemServiceUnknown {
		go c.Close()
	}
}

// clientTLS is that of who has no TLS configuration.
func clientTLS(id string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, VerifyPeerCertificate: verifyInsecure, NextProtos: []string{streamALPN}, ServerName: id,
		CurvePreferences: curves,
	}
}
