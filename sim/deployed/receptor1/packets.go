package receptor1

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/deployed"
)

// packetConn is a service of the node, as QUIC sees it.
type packetConn struct {
	node    Node
	service string
	stop    func()

	mu          sync.Mutex
	unread      []packet
	unreachable func(wire.Unreach)
	readable    chan struct{} // holds a token while unread is not empty
	interrupted chan struct{} // closed while reads are to return at once
	closed      chan struct{} // closed when it is
}

type packet struct {
	from    mesh.Addr
	payload []byte
}

// openPackets opens a service; the name "" chooses a fresh one.
func openPackets(n Node, service string, ad *deployed.Ad) (*packetConn, error) {
	c := &packetConn{node: n, readable: make(chan struct{}, 1), interrupted: make(chan struct{}), closed: make(chan struct{})}
	name, stop, err := n.Open(service, deployed.Endpoint{Datagram: c.receive, Unreachable: c.report, Closed: c.end}, ad)
	if err != nil {
		return nil, err
	}
	c.service, c.stop = name, stop
	return c, nil
}

func (c *packetConn) receive(from mesh.Addr, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = append(c.unread, packet{from, payload})
	select {
	case c.readable <- struct{}{}:
	default:
	}
}

// watch has f called, which must not wait, for each report that a datagram failed.
func (c *packetConn) watch(f func(wire.Unreach)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unreachable = f
}

func (c *packetConn) report(u wire.Unreach, _ string) {
	c.mu.Lock()
	f := c.unreachable
	c.mu.Unlock()
	if f != nil {
		f(u)
	}
}

// ReadFrom implements net.PacketConn.
func (c *packetConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		interrupted := c.interrupted
		if len(c.unread) > 0 {
			next := c.unread[0]
			c.unread = c.unread[1:]
			c.mu.Unlock()
			return copy(p, next.payload), next.from, nil
		}
		c.mu.Unlock()
		select {
		case <-c.readable:
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case <-interrupted:
			return 0, nil, os.ErrDeadlineExceeded
		}
	}
}

// WriteTo implements net.PacketConn. That there is no route at the moment is an error,
// which ends the QUIC connection.
func (c *packetConn) WriteTo(p []byte, to net.Addr) (int, error) {
	addr, ok := to.(mesh.Addr)
	if !ok {
		return 0, fmt.Errorf("%T is no address of the mesh", to)
	}
	if err := c.node.SendDatagram(c.service, addr, p, mesh.MaxHops); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements net.PacketConn.
func (c *packetConn) Close() error {
	c.stop()
	c.end()
	return nil
}

func (c *packetConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
}

// LocalAddr implements net.PacketConn.
func (c *packetConn) LocalAddr() net.Addr { return mesh.Addr{Node: c.node.ID(), Service: c.service} }

// SetReadDeadline implements net.PacketConn for QUIC, which ends a read at once, and
// lifts that.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.interrupted:
		c.interrupted = make(chan struct{})
	default:
	}
	if !t.IsZero() {
		close(c.interrupted)
	}
	return nil
}

// SetDeadline implements net.PacketConn.
func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn; writes do not wait.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer and SetWriteBuffer are looked for by QUIC.
func (c *packetConn) SetReadBuffer(int) error { return nil }

// SetWriteBuffer is as SetReadBuffer.
func (c *packetConn) SetWriteBuffer(int) error { return nil }
