package mesh

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// Conn is a stream between two services. It implements net.Conn. It has a connection
// of QUIC for itself, or shares one with others (carrier.go).
type Conn struct {
	node          *Node
	qc            *quic.Conn
	stream        *quic.Stream
	local, remote Addr
	ctx           context.Context // ends with the stream

	// These are for one of several streams on a connection; see carrier.go.
	carrier *carrier // nil for others
	over    context.CancelFunc
	heard   chan struct{} // closed once the peer needs nothing more
	spoken  atomic.Bool   // the peer has said something

	reading    sync.Mutex // held by the Read that is under way
	writeEnded atomic.Bool
	closed     atomic.Bool

	// See closing.go.
	answered atomic.Bool
	allRead  sync.Once
	drained  chan struct{}
}

func newConn(n *Node, qc *quic.Conn, stream *quic.Stream, local, remote Addr) *Conn {
	return &Conn{node: n, qc: qc, stream: stream, local: local, remote: remote, ctx: qc.Context(), drained: make(chan struct{})}
}

// Read implements net.Conn. The error is ErrTLS if the peer did not believe this
// end, which the dialer learns only now.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.read(p)
	if c.closed.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		err = net.ErrClosed
	}
	return n, err
}

// read is Read for whoever holds reading, and for drain.
func (c *Conn) read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	if n > 0 || err == io.EOF {
		c.spoken.Store(true)
	}
	if err == io.EOF {
		if c.writeEnded.Load() {
			c.answered.Store(true)
		}
		c.sayAllRead()
	}
	return n, asTLS(err)
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) { return c.stream.Write(p) }

// CloseWrite ends the data from this side; the peer reads EOF after it.
func (c *Conn) CloseWrite() error {
	c.writeEnded.Store(true)
	return c.stream.Close()
}

// CancelRead makes a Read that waits, and later ones, fail.
func (c *Conn) CancelRead() { c.stream.CancelRead(0) }

// Close implements net.Conn. It wakes a Read or Write that waits. What was
// written still arrives, however slowly the peer reads: the connection ends in
// the background, once the peer has all of it.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if c.carrier != nil {
		c.carrier.leave(c)
	}
	c.stream.SetWriteDeadline(longAgo)
	err := c.CloseWrite()
	c.stream.SetReadDeadline(longAgo)
	c.finish()
	return err
}

// Abort ends the stream at once; the peer sees an error. The reason is in it, unless
// the stream shares its connection with others.
func (c *Conn) Abort(reason string) {
	if c.carrier == nil {
		c.qc.CloseWithError(codeError, reason)
		return
	}
	c.stream.CancelWrite(streamAborted)
	c.stream.CancelRead(streamAborted)
	c.sayAllRead()
	c.carrier.leave(c)
	c.carrier.release(c)
}

// TLS returns what the handshake of the connection has shown, as the certificates of
// the peer.
func (c *Conn) TLS() tls.ConnectionState { return c.qc.ConnectionState().TLS }

// Context is done when the stream has ended at both ends, or one has aborted it.
func (c *Conn) Context() context.Context { return c.ctx }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return c.stream.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.stream.SetWriteDeadline(t) }
