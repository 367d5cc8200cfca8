package tcp

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"receptor/transport"
)

const (
	// readBuffer holds several frames, so that a burst costs few reads.
	readBuffer = 64 << 10
	// writeBuffer is what one TLS record carries at most.
	writeBuffer = 16 << 10
)

// Serve runs one link on a connection that somebody else made, until it ends.
func Serve(conn net.Conn, accept transport.Acceptor) {
	l := newLink(conn)
	l.Run(accept(l))
}

func newLink(c net.Conn) transport.Runner {
	framed := &conn{Conn: c, r: bufio.NewReaderSize(c, readBuffer), socket: c}
	if secured, ok := c.(*tls.Conn); ok {
		framed.socket = secured.NetConn()
		framed.w = bufio.NewWriterSize(c, writeBuffer)
		return transport.NewLink(framed, transport.System, transport.MaxFrame)
	}
	return transport.NewLink(direct(framed), transport.System, transport.MaxFrame)
}

// conn is one TCP or TLS connection: 2-byte little-endian length, then the
// frame (PROTOCOL section 1). It implements transport.Conn.
type conn struct {
	net.Conn
	socket net.Conn // below TLS: closing that never blocks
	r      *bufio.Reader
	w      *bufio.Writer // of a connection that makes a record of each write, or nil

	length  [2]byte     // of the frame that is read
	lengths []byte      // of the frames that are written
	parts   net.Buffers // to write
	begun   int         // bytes of the next part, or two, that are written already
}

// ReadFrame implements transport.Conn.
func (c *conn) ReadFrame() ([]byte, error) {
	if _, err := io.ReadFull(c.r, c.length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.LittleEndian.Uint16(c.length[:]))
	if _, err := io.ReadFull(c.r, frame); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("inside a frame of %d bytes: %w", len(frame), err)
	}
	return frame, nil
}

// WriteFrames implements transport.Conn.
func (c *conn) WriteFrames(frames [][]byte) error {
	if c.w != nil {
		return c.writeBuffered(frames)
	}
	// From where they are, in one system call.
	c.lengths, c.parts = c.lengths[:0], c.parts[:0]
	for _, frame := range frames {
		c.lengths = binary.LittleEndian.AppendUint16(c.lengths, uint16(len(frame)))
	}
	for i, frame := range frames {
		c.parts = append(c.parts, c.lengths[2*i:2*i+2], frame)
	}
	c.skipBegun()
	pending := c.parts // WriteTo consumes it
	_, err := pending.WriteTo(c.Conn)
	return err
}

// skipBegun takes what is written already from the first frame of the parts.
func (c *conn) skipBegun() {
	for i := range 2 {
		n := min(c.begun, len(c.parts[i]))
		c.parts[i] = c.parts[i][n:]
		c.begun -= n
	}
}

func (c *conn) writeBuffered(frames [][]byte) error {
	for _, frame := range frames {
		// An error of these stays, and is Flush's too.
		c.w.Write(binary.LittleEndian.AppendUint16(c.w.AvailableBuffer(), uint16(len(frame))))
		c.w.Write(frame)
	}
	return c.w.Flush()
}

// Abort implements transport.Conn.
func (c *conn) Abort() { c.socket.Close() }

// String implements transport.Conn.
func (c *conn) String() string {
	if c.w != nil {
		return "tcp+tls " + c.RemoteAddr().String()
	}
	return "tcp " + c.RemoteAddr().String()
}
