//go:build unix

package tcp

import (
	"encoding/binary"
	"syscall"

	"receptor/transport"
)

// directConn is a conn that can write without waiting for its socket. It
// implements transport.TryWriter.
type directConn struct {
	*conn
	raw   syscall.RawConn
	bytes []byte                // a length and a frame
	write func(fd uintptr) bool // writes what it can of them
}

// direct returns a conn that implements transport.TryWriter, if its connection
// is one of the system's.
func direct(c *conn) transport.Conn {
	socket, ok := c.socket.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return c
	}
	d := &directConn{conn: c, raw: raw}
	d.write = func(fd uintptr) bool {
		if n, err := syscall.Write(int(fd), d.bytes); err == nil {
			d.begun = n
		}
		return true // a socket that is full is not waited for
	}
	return d
}

// TryWrite implements transport.TryWriter. WriteFrames meets its errors again.
func (d *directConn) TryWrite(frame []byte) bool {
	d.bytes = append(binary.LittleEndian.AppendUint16(d.bytes[:0], uint16(len(frame))), frame...)
	_ = d.raw.Write(d.write)
	if d.begun < len(d.bytes) {
		return false
	}
	d.begun = 0
	return true
}
