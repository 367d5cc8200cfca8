package work

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// memListener hands out connections that are sent to it.
type memListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn, 100), done: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr{} }

type memAddr struct{}

func (memAddr) Network() string { return "mem" }
func (memAddr) String() string  { return "mem" }

// memConn is one end of a connection in memory, with half-close.
type memConn struct {
	in   *io.PipeReader
	out  *io.PipeWriter
	left int // how many bytes it takes before it breaks, -1 for no limit

	distrusted *atomic.Bool // what Recheck says; nil: it says nothing
}

func memConns() (*memConn, *memConn) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return &memConn{in: r1, out: w2, left: -1}, &memConn{in: r2, out: w1, left: -1}
}

var errCut = errors.New("connection cut")

func (c *memConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *memConn) Write(p []byte) (int, error) {
	if c.left < 0 {
		return c.out.Write(p)
	}
	n, err := c.out.Write(p[:min(c.left, len(p))])
	c.left -= n
	if err == nil && n < len(p) {
		c.abort()
		err = errCut
	}
	return n, err
}

// CloseWrite takes one byte of what a connection that breaks has left.
func (c *memConn) CloseWrite() error {
	if c.left == 0 {
		c.abort()
		return errCut
	}
	return c.out.Close()
}

func (c *memConn) Close() error {
	c.out.Close()
	return c.in.CloseWithError(io.ErrClosedPipe)
}

// abort breaks the connection: neither end sees it end properly.
func (c *memConn) abort() {
	c.out.CloseWithError(errCut)
	c.in.CloseWithError(errCut)
}

// Abort implements Conn.
func (c *memConn) Abort(string) { c.abort() }

// Recheck implements Conn.
func (c *memConn) Recheck() error {
	if c.distrusted != nil && c.distrusted.Load() {
		return errors.New("its certificate has expired")
	}
	return nil
}

func (c *memConn) LocalAddr() net.Addr              { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr             { return memAddr{} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
