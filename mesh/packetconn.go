package mesh

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
)

// Bounds of the datagrams that wait for a slow reader of a PacketConn, and of
// their bytes. One sender may have as much as is free for the others: alone it has
// half, and who sends little finds room beside any number of those that send much.
// Further datagrams are dropped, so that the reader does not stall the link.
const (
	maxUnread      = 8192
	maxUnreadBytes = 8 << 20
)

// PacketConn is a datagram service of a node. It implements net.PacketConn,
// with addresses of type Addr.
type PacketConn struct {
	node    *Node
	service wire.Service
	stop    func()

	readable chan struct{} // holds one token while unread is not empty
	closed   chan struct{}
	deadline deadline

	mu     sync.Mutex
	unread []datagram
	all    backlog          // unread
	of     map[Addr]backlog // those senders that have some in unread
	done   bool
}

// backlog counts datagrams that are not read yet.
type backlog struct{ datagrams, bytes int }

func (b backlog) plus(o backlog) backlog {
	return backlog{b.datagrams + o.datagrams, b.bytes + o.bytes}
}
func (b backlog) minus(o backlog) backlog {
	return backlog{b.datagrams - o.datagrams, b.bytes - o.bytes}
}

type datagram struct {
	from    Addr
	payload []byte
}

// ListenPacket opens a datagram service; an empty name chooses a fresh one.
func (n *Node) ListenPacket(service string) (*PacketConn, error) {
	return n.listenPacket(service, nil)
}

// ListenPacketAdvertised is ListenPacket for a service that is made known to the
// mesh until it closes.
func (n *Node) ListenPacketAdvertised(service string, ad Advertise) (*PacketConn, error) {
	c, err := n.listenPacket(service, nil)
	if err != nil {
		return nil, err
	}
	n.advertise(c.service.String(), wire.ConnDatagram, ad)
	c.mu.Lock()
	defer c.mu.Unlock()
	stop := c.stop
	c.stop = func() {
		n.withdraw(c.service.String())
		stop()
	}
	return c, nil
}

func (n *Node) listenPacket(service string, unreachable func(wire.Unreach, string)) (*PacketConn, error) {
	c := &PacketConn{node: n, readable: make(chan struct{}, 1), closed: make(chan struct{})}
	c.deadline.init(n.clock)
	name, stop, err := n.open(service, &endpoint{
		datagram:    c.receive,
		unreachable: unreachable,
		closed:      func() { c.Close() },
	})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	c.mu.Lock() // the service may have datagrams already, or the node have closed
	defer c.mu.Unlock()
	c.service, c.stop = name, stop
	return c, nil
}

func (c *PacketConn) receive(from Addr, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return
	}
	if !c.admit(from, len(payload)) {
		c.node.emit(DatagramDropped{Reason: DropReaderSlow, Header: wire.Header{
			FromNode: wire.HashNode(from.Node), ToNode: c.node.hash, ToService: c.service,
		}})
		return
	}
	c.unread = append(c.unread, datagram{from, payload})
	c.wake()
}

// admit makes room for a datagram, if the sender may have some. It requires mu.
func (c *PacketConn) admit(from Addr, size int) bool {
	one := backlog{1, size}
	of, free := c.of[from].plus(one), backlog{maxUnread, maxUnreadBytes}.minus(c.all)
	if of.datagrams > free.datagrams || of.bytes > free.bytes {
		return false
	}
	if c.of == nil {
		c.of = make(map[Addr]backlog)
	}
	c.of[from], c.all = of, c.all.plus(one)
	return true
}

// release gives back the room of a datagram. It requires mu.
func (c *PacketConn) release(d datagram) {
	one := backlog{1, len(d.payload)}
	c.all = c.all.minus(one)
	if of := c.of[d.from].minus(one); of.datagrams > 0 {
		c.of[d.from] = of
	} else {
		delete(c.of, d.from)
	}
}

// wake puts the token; it requires mu.
func (c *PacketConn) wake() {
	select {
	case c.readable <- struct{}{}:
	default:
	}
}

// ReadFrom implements net.PacketConn. What of a datagram does not fit in p is
// lost.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	payload, from, err := c.ReadPacket()
	return copy(p, payload), from, err
}

// ReadPacket is ReadFrom, but the datagram belongs to the caller. It implements
// quic.PacketReader.
func (c *PacketConn) ReadPacket() (payload []byte, from net.Addr, err error) {
	for {
		if d, ok := c.next(); ok {
			return d.payload, d.from, nil
		}
		select {
		case <-c.readable:
		case <-c.closed:
			return nil, nil, fmt.Errorf("read from %s: %w", c.LocalAddr(), net.ErrClosed)
		case <-c.deadline.passed():
			return nil, nil, os.ErrDeadlineExceeded
		}
	}
}

func (c *PacketConn) next() (datagram, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unread) == 0 {
		return datagram{}, false
	}
	d := c.unread[0]
	c.unread[0] = datagram{}
	c.unread = c.unread[1:]
	c.release(d)
	if len(c.unread) > 0 {
		c.wake() // for another reader
	} else {
		c.unread = nil
	}
	return d, true
}

// WriteTo implements net.PacketConn. It does not block; the errors are those
// of Node.SendDatagram.
func (c *PacketConn) WriteTo(p []byte, addr net.Addr) (int, error) { return c.writeTo(p, addr, 0) }

// writeTo is WriteTo with flags of the frame.
func (c *PacketConn) writeTo(p []byte, addr net.Addr, flags byte) (int, error) {
	to, ok := addr.(Addr)
	if !ok {
		return 0, fmt.Errorf("write to %s: not a mesh address but %T", addr, addr)
	}
	h := wire.Header{FromService: c.service, HopsToLive: MaxHops, Flags: flags}
	if err := c.node.sendTo(to, p, h); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements net.PacketConn.
func (c *PacketConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return nil
	}
	c.done = true
	c.unread, c.of = nil, nil
	c.deadline.set(time.Time{}) // no timer is left
	close(c.closed)
	if c.stop != nil {
		c.stop()
	}
	return nil
}

// LocalAddr implements net.PacketConn.
func (c *PacketConn) LocalAddr() net.Addr {
	return Addr{Node: c.node.id, Service: c.service.String()}
}

// SetDeadline implements net.PacketConn; writes do not block.
func (c *PacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn; writes do not block.
func (c *PacketConn) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer and SetWriteBuffer accept any size: there is no kernel buffer
// to set, and QUIC complains where they are missing.
func (c *PacketConn) SetReadBuffer(int) error { return nil }

// SetWriteBuffer is as SetReadBuffer.
func (c *PacketConn) SetWriteBuffer(int) error { return nil }

// deadline is a channel that closes at a time that can be changed.
type deadline struct {
	clock transport.Clock

	mu    sync.Mutex
	timer transport.Timer
	sets  uint64 // calls of set, to tell a timer that was stopped too late
	ch    chan struct{}
}

func (d *deadline) init(clock transport.Clock) {
	d.clock, d.ch = clock, make(chan struct{})
}

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ch
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sets++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	select {
	case <-d.ch:
		d.ch = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	wait := t.Sub(d.clock.Now())
	if wait <= 0 {
		close(d.ch)
		return
	}
	set := d.sets
	d.timer = d.clock.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.sets == set {
			d.timer = nil
			close(d.ch)
		}
	})
}
