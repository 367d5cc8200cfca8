package mesh

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh/wire"
)

const (
	// acceptTimeout bounds the wait for the byte that opens a stream.
	acceptTimeout = 60 * time.Second
	// maxAccepting bounds the connections that have not opened their stream.
	maxAccepting = 1024
)

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
