package proxy

import (
	"context"
	"io"
	"net"
)

// copyBuffer is the size of the buffer for one direction of a connection.
const copyBuffer = 32 * 1024

// join copies between two connections until both directions have ended, and
// then closes them. Each direction ends on its own:
//
//   - An end of data is passed on as one (half-close).
//   - A source that breaks off takes the other connection with it, so that
//     nobody takes what came so far for all there is.
//   - A destination that takes no more may still have something to say: the
//     source is told to stop, where it can be, and only the other direction
//     decides.
func join(a, b io.ReadWriteCloser) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		forward(b, a)
	}()
	forward(a, b)
	<-done
	a.Close()
	b.Close()
}

// forward copies one direction and passes on how it ended.
func forward(dst, src io.ReadWriteCloser) {
	// A stream of the mesh that has ended says so at once, and so does a terminal.
	// That its source is silent is no reason to wait: nothing from there can be
	// passed on any more.
	if d, ok := dst.(interface{ Context() context.Context }); ok {
		defer context.AfterFunc(d.Context(), func() { stopReading(src) })()
	}
	switch readErr, writeErr := pump(dst, src); {
	case writeErr != nil:
		stopReading(src)
	case readErr != io.EOF:
		abort(dst, "the other end of the proxy broke off")
	default:
		closeWrite(dst)
	}
}

// pump copies until one of the two fails; the end of src is a failure, too.
func pump(dst io.Writer, src io.Reader) (readErr, writeErr error) {
	buf := make([]byte, copyBuffer)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return nil, err
			}
		}
		if err != nil {
			return err, nil
		}
	}
}

// closeWrite ends the data to a connection. If that fails, so does reading from
// it, and then join ends.
func closeWrite(c io.Closer) {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
		return
	}
	c.Close()
}

// stopReading makes reads from a connection end, now and later. The peer of a
// stream of the mesh is told to send no more.
func stopReading(c io.Closer) {
	switch c := c.(type) {
	case interface{ NetConn() net.Conn }: // TLS
		stopReading(c.NetConn())
	case interface{ CancelRead() }: // the mesh, and terminals
		c.CancelRead()
	case interface{ CloseRead() error }: // a socket
		_ = c.CloseRead()
	}
}

// abort ends a connection at once. Its peer sees an error, not an end, where
// there is a difference.
func abort(c io.Closer, reason string) {
	switch c := c.(type) {
	case interface{ NetConn() net.Conn }: // TLS
		abort(c.NetConn(), reason)
	case interface{ Abort(reason string) }: // the mesh, and terminals
		c.Abort(reason)
	case interface { // TCP: a reset
		SetLinger(sec int) error
		Close() error
	}:
		_ = c.SetLinger(0)
		c.Close()
	default:
		c.Close()
	}
}
