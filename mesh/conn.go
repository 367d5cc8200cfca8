package mesh

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	// closeQuiet is the least time without a packet after which all data of a
	// closed connection counts as acknowledged; several times the probe timeout
	// where that is more.
	closeQuiet = 200 * time.Millisecond
	// maxLinger bounds the wait for the peer to end a closed connection.
	maxLinger = time.Minute
)

// Conn is a stream between two services. It implements net.Conn.
type Conn struct {
	node          *Node
	qc            *quic.Conn
	stream        *quic.Stream
	local, remote Addr

	readEnded  atomic.Bool // EOF, or an error
	writeEnded atomic.Bool
	// answered: the peer ended its side after we had ended ours. Whoever spoke
	// last cannot know that he was heard: he leaves it to the other to end the
	// connection.
	answered atomic.Bool
	closed   atomic.Bool
}

func newConn(n *Node, qc *quic.Conn, stream *quic.Stream, local, remote Addr) *Conn {
	return &Conn{node: n, qc: qc, stream: stream, local: local, remote: remote}
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	switch {
	case err == nil:
	case !isTimeout(err):
		if !c.readEnded.Swap(true) {
			c.answered.Store(c.writeEnded.Load())
		}
	case c.closed.Load():
		err = net.ErrClosed
	}
	return n, err
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
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

// Close implements net.Conn. What was written still arrives: the connection
// ends in the background, once the peer has all of it.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.CloseWrite()
	c.stream.SetReadDeadline(c.node.clock.Now()) // wakes a Read that waits
	l := &linger{conn: c, until: c.node.clock.Now().Add(maxLinger)}
	l.look()
	return err
}

// Abort ends the connection at once; the peer sees an error.
func (c *Conn) Abort(reason string) { c.qc.CloseWithError(codeError, reason) }

// Context is done when the connection has ended.
func (c *Conn) Context() context.Context { return c.qc.Context() }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.stream.SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.stream.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.stream.SetWriteDeadline(t) }

// linger ends the QUIC connection of a closed Conn. QUIC forgets data that is
// under way when a connection is closed, and quic-go does not tell when all is
// acknowledged; but unacknowledged data is sent again after a probe timeout, so
// a connection that has sent nothing for several of them has none.
type linger struct {
	conn  *Conn
	until time.Time
	sent  uint64 // packets, at the last look
	looks int
}

func (l *linger) look() {
	c := l.conn
	if c.qc.Context().Err() != nil {
		return
	}
	if l.looks > 0 && !c.readEnded.Swap(true) {
		// Not at once: a peer that closes when it reads our end, as control
		// services do, would report the refusal as an error.
		c.stream.CancelRead(0)
		c.answered.Store(true)
	}
	stats := c.qc.ConnectionStats()
	quiet := l.looks > 0 && stats.PacketsSent == l.sent
	now := c.node.clock.Now()
	if quiet && c.answered.Load() || !now.Before(l.until) {
		c.qc.CloseWithError(codeNormal, textNormal)
		return
	}
	l.sent = stats.PacketsSent
	l.looks++
	// The probe timeout of RFC 9002, section 6.2.1.
	probe := stats.SmoothedRTT + 4*stats.MeanDeviation + 25*time.Millisecond
	c.node.clock.AfterFunc(max(closeQuiet, 4*probe), l.look)
}
