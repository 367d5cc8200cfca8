package guest

import (
	"context"
	"net"
	"slices"
	"time"
)

// byteListener takes the connections of a link whose frames are pieces of a stream
// of bytes. Its fields are guarded by the mutex of the cable.
type byteListener struct {
	cable   *cable
	life    *incarnation
	waiting []*conn
	closed  bool
}

func (c *cable) listenBytes(life *incarnation) (net.Listener, error) {
	if err := life.check(); err != nil {
		return nil, err
	}
	l := &byteListener{cable: c, life: life}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener = l
	life.backends = append(life.backends, l)
	return l, nil
}

// dialBytes returns what dials for a daemon.
func (c *cable) dialBytes(life *incarnation) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		near, err := c.connect(ctx, life)
		if err != nil {
			return nil, err
		}
		return &byteConn{conn: near}, nil
	}
}

// owner implements acceptor.
func (l *byteListener) owner() *incarnation { return l.life }

// take implements acceptor.
func (l *byteListener) take(far *conn) {
	l.cable.mu.Lock()
	defer l.cable.mu.Unlock()
	if l.closed {
		far.abort()
		return
	}
	l.waiting = append(l.waiting, far)
	l.cable.changed.Broadcast()
}

// Accept implements net.Listener.
func (l *byteListener) Accept() (net.Conn, error) {
	l.cable.mu.Lock()
	defer l.cable.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.cable.changed.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	far := l.waiting[0]
	l.waiting = l.waiting[1:]
	return &byteConn{conn: far}, nil
}

// Close implements net.Listener.
func (l *byteListener) Close() error {
	l.leave()
	return nil
}

// leave implements acceptor.
func (l *byteListener) leave() {
	l.cable.mu.Lock()
	defer l.cable.mu.Unlock()
	if l.cable.listener == acceptor(l) {
		l.cable.listener = nil
	}
	l.closed = true
	for _, far := range slices.Clone(l.waiting) {
		far.abort()
	}
	l.waiting = nil
	l.cable.changed.Broadcast()
}

// Addr implements net.Listener.
func (l *byteListener) Addr() net.Addr { return loopback(0) }

// pieceOfBytes is how much of a stream travels as one frame.
const pieceOfBytes = 16 << 10

// byteConn is a connection as a stream of bytes. One goroutine reads, and one writes.
type byteConn struct {
	conn  *conn
	rest  []byte      // of a frame that was read in part
	timer *time.Timer // of the deadline for writes; nil: none
}

// Read implements net.Conn.
func (b *byteConn) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		frame, err := b.conn.ReadFrame()
		if err != nil {
			return 0, err
		}
		b.rest = frame
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Write implements net.Conn.
func (b *byteConn) Write(p []byte) (int, error) {
	var pieces [][]byte
	for piece := range slices.Chunk(p, pieceOfBytes) {
		pieces = append(pieces, piece)
	}
	if err := b.conn.WriteFrames(pieces); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements net.Conn. What was written still arrives.
func (b *byteConn) Close() error { return b.conn.Close() }

// SetWriteDeadline implements net.Conn: TLS sets one before it says that it closes,
// and a connection whose write was broken off is of no more use.
func (b *byteConn) SetWriteDeadline(t time.Time) error {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if !t.IsZero() {
		b.timer = time.AfterFunc(time.Until(t), b.conn.Abort)
	}
	return nil
}

// SetReadDeadline and SetDeadline implement net.Conn: nobody calls them.
func (b *byteConn) SetReadDeadline(time.Time) error { return nil }
func (b *byteConn) SetDeadline(time.Time) error     { return nil }

// LocalAddr and RemoteAddr implement net.Conn.
func (b *byteConn) LocalAddr() net.Addr  { return b.address(b.conn.side) }
func (b *byteConn) RemoteAddr() net.Addr { return b.address(1 - b.conn.side) }

func (b *byteConn) address(side int) net.Addr {
	return endpoint{"tcp", b.conn.cable.machines[side].id}
}
