package control

import (
	"io"
	"net"
	"sync"
	"time"
)

// memListener accepts connections that are made of channels and nothing else.
type memListener struct {
	// fail is what every accept fails with; nil lets them work.
	fail   error
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	if l.fail != nil {
		return nil, l.fail
	}
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr{} }

func (l *memListener) dial() duplexConn {
	ours, theirs := memPair()
	l.conns <- theirs
	return ours
}

// memConn is one end of a connection whose writes wait for reads.
type memConn struct {
	*io.PipeReader
	*io.PipeWriter
}

func memPair() (a, b *memConn) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return &memConn{r1, w2}, &memConn{r2, w1}
}

func (c *memConn) CloseWrite() error { return c.PipeWriter.Close() }

func (c *memConn) Close() error {
	c.PipeReader.CloseWithError(net.ErrClosed)
	return c.PipeWriter.Close()
}

func (c *memConn) LocalAddr() net.Addr              { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr             { return memAddr{} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

type memAddr struct{}

func (memAddr) Network() string { return "mem" }
func (memAddr) String() string  { return "mem" }
