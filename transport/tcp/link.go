package tcp

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"receptor/transport"
)

const (
	// closeGrace is how long a closed link may take to write what is queued.
	closeGrace = 2 * time.Second
	// readBuffer holds several frames, so that a burst costs few reads.
	readBuffer = 64 << 10
	// writeBatch is how many frames one writev carries at most.
	writeBatch = 64
	// writeBuffer is what one TLS record carries at most.
	writeBuffer = 16 << 10
)

// link is one TCP or TLS connection: 2-byte little-endian length, then the frame
// (PROTOCOL section 1).
type link struct {
	conn   net.Conn
	queue  *transport.Queue
	closed atomic.Bool // Close was called: the end is ours
}

// Serve runs one link on a connection that somebody else made, until it ends.
func Serve(conn net.Conn, accept transport.Acceptor) {
	l := newLink(conn)
	l.Run(accept(l))
}

func newLink(conn net.Conn) *link {
	return &link{conn: conn, queue: transport.NewQueue(transport.MaxFrame)}
}

// Send implements transport.Link.
func (l *link) Send(frame []byte) bool {
	err := l.queue.Push(frame)
	if errors.Is(err, transport.ErrControlFull) {
		l.conn.Close()
	}
	return err == nil
}

// Close implements transport.Link.
func (l *link) Close() {
	if l.closed.Swap(true) {
		return
	}
	l.conn.SetWriteDeadline(time.Now().Add(closeGrace))
	l.queue.Close()
}

// String implements transport.Link.
func (l *link) String() string { return "tcp " + l.conn.RemoteAddr().String() }

// Run implements transport.Runner.
func (l *link) Run(r transport.Receiver) {
	written := make(chan error, 1)
	go func() {
		err := l.write()
		l.conn.Close() // ends the reader
		written <- err
	}()
	err := l.read(r)
	l.queue.Abandon() // ends the writer
	l.conn.Close()
	if werr := <-written; werr != nil && !errors.Is(werr, net.ErrClosed) {
		err = werr
	}
	if l.closed.Load() {
		err = nil
	}
	r.Closed(err)
}

func (l *link) read(r transport.Receiver) error {
	br := bufio.NewReaderSize(l.conn, readBuffer)
	var length [2]byte
	for {
		if _, err := io.ReadFull(br, length[:]); err != nil {
			return err
		}
		frame := make([]byte, binary.LittleEndian.Uint16(length[:]))
		if _, err := io.ReadFull(br, frame); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("inside a frame of %d bytes: %w", len(frame), err)
		}
		r.Receive(frame)
	}
}

// write sends what is queued until the queue is closed and empty.
func (l *link) write() error {
	send := vectored(l.conn)
	if _, ok := l.conn.(*tls.Conn); ok {
		send = buffered(l.conn)
	}
	frames := make([][]byte, 0, writeBatch)
	for {
		frames = l.queue.Take(frames[:0], writeBatch)
		if len(frames) == 0 {
			return nil
		}
		if err := send(frames); err != nil {
			return err
		}
		clear(frames)
	}
}

// vectored returns a function that writes up to writeBatch frames from where
// they are, in one system call.
func vectored(conn net.Conn) func(frames [][]byte) error {
	var (
		lengths [writeBatch][2]byte
		parts   = make(net.Buffers, 0, 2*writeBatch)
	)
	return func(frames [][]byte) error {
		pending := parts[:0]
		for i, frame := range frames {
			binary.LittleEndian.PutUint16(lengths[i][:], uint16(len(frame)))
			pending = append(pending, lengths[i][:], frame)
		}
		_, err := pending.WriteTo(conn)
		return err
	}
}

// buffered returns a function that writes frames through a buffer, for a
// connection that makes a record of each write.
func buffered(conn net.Conn) func(frames [][]byte) error {
	w := bufio.NewWriterSize(conn, writeBuffer)
	return func(frames [][]byte) error {
		for _, frame := range frames {
			// An error of these stays, and is Flush's too.
			w.Write(binary.LittleEndian.AppendUint16(w.AvailableBuffer(), uint16(len(frame))))
			w.Write(frame)
		}
		return w.Flush()
	}
}
