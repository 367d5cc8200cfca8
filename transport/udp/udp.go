// Package udp makes mesh links over UDP: one datagram for each frame, without
// security (PROTOCOL section 1).
//
// Datagrams may be lost; what repairs that is above. Sockets come from a Net of
// pion/transport, so tests run on its virtual network.
package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	pion "github.com/pion/transport/v3"

	"receptor/transport"
)

const (
	// MaxFrame is the longest frame, in bytes (PROTOCOL section 1).
	MaxFrame = transport.CommonFrame
	// socketBuffer is how many bytes the system is asked to keep of what has
	// arrived and is not read yet. It may give less.
	socketBuffer = 4 << 20
)

// Dialer keeps a link to one UDP address up. It implements transport.Backend.
type Dialer struct {
	*transport.Dialer
	addr string
}

// NewDialer returns a backend that sends to addr, "host:port", from a fresh
// port of network for each link.
func NewDialer(network pion.Net, addr string, opts transport.DialOptions) *Dialer {
	connect := func(ctx context.Context) (transport.Runner, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return transport.NewLink(conn, opts.Clock, MaxFrame), nil
	}
	return &Dialer{transport.NewDialer("udp peer "+addr, opts, connect), addr}
}

func dial(ctx context.Context, network pion.Net, addr string) (*conn, error) {
	remote, err := resolve(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	socket, err := network.DialUDP("udp", nil, remote)
	if err != nil {
		return nil, err
	}
	_ = socket.SetReadBuffer(socketBuffer) // as much as there is
	return &conn{UDPConn: socket, buf: make([]byte, transport.MaxFrame)}, nil
}

// resolve looks an address up until ctx ends: a name server that does not answer
// must not keep the dialer from closing. A Net does not know of contexts, so the
// question is left to itself then, and its answer to nobody.
func resolve(ctx context.Context, network pion.Net, addr string) (*net.UDPAddr, error) {
	type answer struct {
		addr *net.UDPAddr
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		remote, err := network.ResolveUDPAddr("udp", addr)
		answers <- answer{remote, err}
	}()
	select {
	case a := <-answers:
		return a.addr, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Start implements transport.Backend.
func (d *Dialer) Start(accept transport.Acceptor) error {
	if _, _, err := net.SplitHostPort(d.addr); err != nil {
		return fmt.Errorf("udp peer: %w: want host:port", err)
	}
	return d.Dialer.Start(accept)
}

// conn is a dialled socket. It implements transport.Conn.
type conn struct {
	pion.UDPConn
	buf []byte // what is read
	farewell
}

// ReadFrame implements transport.Conn.
func (c *conn) ReadFrame() ([]byte, error) {
	n, err := c.Read(c.buf)
	c.see(c.buf[:n])
	return slices.Clone(c.buf[:n]), err
}

// WriteFrames implements transport.Conn. A frame that cannot be sent is lost,
// as others are on the way; only if nobody listens there (which reading may
// say, too) has the link ended.
func (c *conn) WriteFrames(frames [][]byte) error {
	for _, frame := range frames {
		c.see(frame)
		if _, err := c.Write(frame); errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
	}
	return nil
}

// Close tells the peer and closes the socket.
func (c *conn) Close() error {
	c.say(func(frame []byte) { _, _ = c.Write(frame) }) // it may be lost
	return c.UDPConn.Close()
}

// Abort implements transport.Conn.
func (c *conn) Abort() { c.UDPConn.Close() }

// String implements transport.Conn.
func (c *conn) String() string { return "udp " + c.RemoteAddr().String() }
