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

// socketBuffer is how many bytes the system is asked to keep of what has
// arrived and is not read yet. It may give less.
const socketBuffer = 4 << 20

// Dialer keeps a link to one UDP address up. It implements transport.Backend.
type Dialer struct {
	*transport.Dialer
	addr string
}

// NewDialer returns a backend that sends to addr, "host:port", from a fresh
// port of network for each link.
func NewDialer(network pion.Net, addr string, opts transport.DialOptions) *Dialer {
	connect := func(context.Context) (transport.Runner, error) {
		conn, err := dial(network, addr)
		if err != nil {
			return nil, err
		}
		return &link{sender: newSender(opts.Clock), conn: conn}, nil
	}
	return &Dialer{transport.NewDialer("udp peer "+addr, opts, connect), addr}
}

func dial(network pion.Net, addr string) (pion.UDPConn, error) {
	remote, err := network.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	conn, err := network.DialUDP("udp", nil, remote)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(socketBuffer) // as much as there is
	return conn, nil
}

// Start implements transport.Backend.
func (d *Dialer) Start(accept transport.Acceptor) error {
	if _, _, err := net.SplitHostPort(d.addr); err != nil {
		return fmt.Errorf("udp peer: %w: want host:port", err)
	}
	return d.Dialer.Start(accept)
}

// link is a dialled link, with a socket of its own.
type link struct {
	*sender
	conn pion.UDPConn
}

// String implements transport.Link.
func (l *link) String() string { return "udp " + l.conn.RemoteAddr().String() }

// Run implements transport.Runner.
func (l *link) Run(r transport.Receiver) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		l.fail(l.read(r))
	}()
	reason := l.flush(l.write)
	l.conn.Close() // ends the reader
	<-read
	r.Closed(reason)
}

func (l *link) read(r transport.Receiver) error {
	buf := make([]byte, transport.MaxFrame)
	for {
		n, err := l.conn.Read(buf)
		if err != nil {
			return err
		}
		r.Receive(slices.Clone(buf[:n]))
	}
}

// write sends a frame, or loses it as others are lost on the way. Only if
// nobody listens there (which reading may say, too) has the link ended.
func (l *link) write(frame []byte) error {
	if _, err := l.conn.Write(frame); errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return nil
}
