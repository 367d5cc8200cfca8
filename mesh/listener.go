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

	beginning beginnings

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
		l.tr.ConnContext = withTrust(tlsConfig.VerifyConnection)
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

func (l *Listener) acceptLoop() {
	for {
		qc, err := l.ql.Accept(context.Background())
		if err != nil {
			l.Close()
			return
		}
		end := l.beginning.add(func() { qc.CloseWithError(codeError, "too many newer connections have no stream yet") })
		go func() {
			defer end()
			l.accept(qc)
		}()
	}
}

// accept waits for the first stream of a connection and hands it over.
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
	if !begins(ctx, stream) {
		qc.CloseWithError(codeError, "a stream begins with one zero byte")
		return
	}
	sendLong(qc)
	if !shares(qc) {
		l.hand(newConn(l.node, qc, stream, l.addr(), remote))
		return
	}
	k := l.node.newCarrier(qc, l.addr(), remote, false)
	conn := k.add(stream)
	go l.acceptMore(k)
	l.hand(conn)
}

// acceptMore accepts the further streams of a connection.
func (l *Listener) acceptMore(k *carrier) {
	for {
		stream, err := k.qc.AcceptStream(k.qc.Context())
		if err != nil {
			return
		}
		conn := k.add(stream)
		end := l.beginning.add(func() { conn.Abort("too many newer streams have not begun yet") })
		go func() {
			defer end()
			l.acceptOne(conn)
		}()
	}
}

// acceptOne waits for the beginning of a further stream, and hands it over if its
// dialer would be believed if it came now.
func (l *Listener) acceptOne(conn *Conn) {
	ctx, cancel := context.WithTimeout(conn.ctx, acceptTimeout)
	defer cancel()
	if !begins(ctx, conn.stream) || !stillBelieved(conn.qc) {
		conn.Abort("not a stream of a dialer that is believed")
		return
	}
	l.hand(conn)
}

// begins waits for the byte that a stream begins with.
func begins(ctx context.Context, stream *quic.Stream) bool {
	var first [1]byte
	// Not by a deadline, see longAgo.
	inTime := context.AfterFunc(ctx, func() { stream.CancelRead(0) })
	_, err := io.ReadFull(stream, first[:])
	return inTime() && err == nil && first[0] == 0
}

// hand gives a stream to whoever accepts it.
func (l *Listener) hand(conn *Conn) {
	select {
	case l.ready <- conn:
	case <-conn.ctx.Done():
	case <-l.done:
		conn.qc.CloseWithError(codeError, "listener closed")
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
