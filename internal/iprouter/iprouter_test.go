package iprouter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/transport"
	"receptor/transport/transporttest"
)

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// packet is one with a header and nothing behind.
func packet(src, dst string) []byte {
	from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if from.Is4() {
		b := make([]byte, minHeader4)
		b[0] = 4<<4 | minHeader4/4
		binary.BigEndian.PutUint16(b[2:], minHeader4)
		copy(b[12:], from.AsSlice())
		copy(b[16:], to.AsSlice())
		return b
	}
	b := make([]byte, header6)
	b[0] = 6 << 4
	copy(b[8:], from.AsSlice())
	copy(b[24:], to.AsSlice())
	return b
}

// fakeDevice is an interface whose machine is the test.
type fakeDevice struct {
	sent   chan []byte // by the machine
	got    chan []byte // by the machine
	routes chan []netip.Prefix
	closed chan struct{}
}

func (d *fakeDevice) Read(p []byte) (int, error) {
	select {
	case b := <-d.sent:
		if b == nil {
			return 0, errors.New("interface removed")
		}
		return copy(p, b), nil
	case <-d.closed:
		return 0, net.ErrClosed
	}
}

func (d *fakeDevice) Write(p []byte) (int, error) {
	d.got <- slices.Clone(p)
	return len(p), nil
}

func (d *fakeDevice) SetRoutes(networks []netip.Prefix) error {
	d.routes <- networks
	return nil
}

func (d *fakeDevice) Close() error {
	select {
	case <-d.closed:
	default:
		close(d.closed)
	}
	return nil
}

// datagram is one that is to or from a node.
type datagram struct {
	node    string
	payload []byte
}

// fakeConn is a service of the mesh that is the test.
type fakeConn struct {
	net.PacketConn
	sent   chan datagram // into the mesh
	got    chan datagram // from there
	closed chan struct{}
}

func (c *fakeConn) LocalAddr() net.Addr { return mesh.Addr{Node: "me", Service: "ipnet"} }

func (c *fakeConn) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case d := <-c.got:
		return copy(p, d.payload), mesh.Addr{Node: d.node, Service: "ipnet"}, nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *fakeConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	to := addr.(mesh.Addr)
	if to.Service != "ipnet" {
		return 0, fmt.Errorf("to service %s", to.Service)
	}
	c.sent <- datagram{to.Node, slices.Clone(p)}
	return len(p), nil
}

func (c *fakeConn) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

// alarm is a clock that tells of each timer that is set.
type alarm struct {
	*transporttest.Clock
	set chan struct{}
}

func (a alarm) AfterFunc(d time.Duration, f func()) transport.Timer {
	defer func() { a.set <- struct{}{} }()
	return a.Clock.AfterFunc(d, f)
}

// testRouter is a router with its own networks 10.0.0.0/30 and 10.1.0.0/16.
type testRouter struct {
	*Router
	t          *testing.T
	device     *fakeDevice
	conn       *fakeConn
	clock      alarm
	neighbours chan []Neighbour // asked for
	problems   chan error
	served     chan struct{}
}

func newTestRouter(t *testing.T, neighbours ...Neighbour) *testRouter {
	t.Helper()
	r := &testRouter{
		t:          t,
		device:     &fakeDevice{make(chan []byte), make(chan []byte), make(chan []netip.Prefix), make(chan struct{})},
		conn:       &fakeConn{sent: make(chan datagram), got: make(chan datagram), closed: make(chan struct{})},
		clock:      alarm{transporttest.NewClock(), make(chan struct{}, 100)},
		neighbours: make(chan []Neighbour),
		problems:   make(chan error, 10),
		served:     make(chan struct{}),
	}
	r.Router = New(Options{
		Own: prefixes("10.0.0.0/30", "10.1.0.0/16"), Device: r.device, Conn: r.conn, Clock: r.clock,
		Neighbours: func() []Neighbour { return <-r.neighbours },
		Problem:    func(err error) { r.problems <- err },
	})
	go func() {
		defer close(r.served)
		r.Serve()
	}()
	t.Cleanup(func() {
		r.Close()
		<-r.served
	})
	r.neighbours <- neighbours
	return r
}

func (r *testRouter) wantRoutes(want ...string) {
	r.t.Helper()
	if got := <-r.device.routes; !slices.Equal(got, prefixes(want...)) {
		r.t.Errorf("routes %v, want %v", got, want)
	}
}

// wantSent sends from the machine, and wants that at a node.
func (r *testRouter) wantSent(p []byte, node string) {
	r.t.Helper()
	r.device.sent <- p
	if got := <-r.conn.sent; got.node != node || !slices.Equal(got.payload, p) {
		r.t.Errorf("%x went to %s, want %x at %s", got.payload, got.node, p, node)
	}
}

func (r *testRouter) wantProblem(part string) {
	r.t.Helper()
	if err := <-r.problems; !strings.Contains(err.Error(), part) {
		r.t.Errorf("problem %q, want one with %q", err, part)
	}
}

var (
	near = Neighbour{"near", 1, prefixes("10.0.0.4/30", "10.2.0.0/16", "0.0.0.0/0")}
	far  = Neighbour{"far", 7, prefixes("10.0.0.8/30", "10.2.0.0/16", "10.2.3.0/24", "fd02::/64")}
)

func TestPacketsGoWhereTheirDestinationIs(t *testing.T) {
	r := newTestRouter(t, far, near)
	r.wantRoutes("0.0.0.0/0", "10.0.0.4/30", "10.0.0.8/30", "10.2.0.0/16", "10.2.3.0/24", "fd02::/64")
	for dst, node := range map[string]string{
		"10.0.0.5": "near", "10.0.0.9": "far", "10.2.9.9": "near", "10.2.3.4": "far", "192.0.2.1": "near",
	} {
		r.wantSent(packet("10.1.2.3", dst), node)
	}
	// Nobody is there for these; what comes after them goes on.
	for _, p := range [][]byte{
		packet("10.0.0.1", "10.0.0.2"), packet("10.0.0.1", "10.1.7.7"), packet("10.0.0.1", "224.0.0.1"), packet("10.0.0.1", "255.255.255.255"),
		packet("fe80::1", "ff02::2"), packet("fe80::1", "fd03::1"), {}, {0x45}, {0x60, 1}, {0xff},
	} {
		r.device.sent <- p
	}
	r.wantSent(packet("fd01::1", "fd02::7"), "far")
}

func TestNeighboursComeAndGo(t *testing.T) {
	r := newTestRouter(t)
	r.wantRoutes()
	r.Changed()
	r.neighbours <- []Neighbour{far, near}
	<-r.device.routes
	r.wantSent(packet("10.1.2.3", "10.2.9.9"), "near")
	r.Changed()
	r.neighbours <- []Neighbour{far}
	r.wantRoutes("10.0.0.8/30", "10.2.0.0/16", "10.2.3.0/24", "fd02::/64")
	r.wantSent(packet("10.1.2.3", "10.2.9.9"), "far")
	// Nothing new: no routes are set, until it is time to do so in any case.
	r.Changed()
	r.neighbours <- []Neighbour{far}
	for range 4 { // times the neighbours were asked for
		<-r.clock.set
	}
	r.clock.Advance(settleInterval)
	r.neighbours <- []Neighbour{far}
	r.wantRoutes("10.0.0.8/30", "10.2.0.0/16", "10.2.3.0/24", "fd02::/64")
}

func TestHostilePackets(t *testing.T) {
	r := newTestRouter(t, far, near)
	<-r.device.routes
	receive := func(node string, p []byte) { r.conn.got <- datagram{node, p} }
	wantTaken := func(node string, p []byte) {
		t.Helper()
		receive(node, p)
		if got := <-r.device.got; !slices.Equal(got, p) {
			t.Errorf("the machine got %x, want %x", got, p)
		}
	}
	wantTaken("far", packet("10.2.3.4", "10.1.2.3"))
	wantTaken("far", packet("10.2.9.9", "10.0.0.1"))
	wantTaken("near", packet("192.0.2.1", "10.0.0.1"))
	wantTaken("near", packet("10.2.3.4", "10.0.0.1")) // by its shorter prefix

	for i, test := range []struct {
		node, problem string
		packet        []byte
	}{
		{"far", "more than 0 bytes", nil},
		{"far", "source, 10.0.0.5", packet("10.0.0.5", "10.1.2.3")},    // of another node
		{"near", "source, 10.1.9.9", packet("10.1.9.9", "10.1.2.3")},   // of this one
		{"near", "source, 127.0.0.1", packet("127.0.0.1", "10.1.2.3")}, // of nobody
		{"near", "source, fd02::1", packet("fd02::1", "fd01::1")},
		{"who", "source, 10.2.3.4", packet("10.2.3.4", "10.1.2.3")},
		{"far", "10.2.9.9, in no network", packet("10.2.3.4", "10.2.9.9")}, // through this node
		{"far", "10.0.0.5, in no network", packet("10.2.3.4", "10.0.0.5")},
	} {
		for k := range r.told {
			r.told[k].Store(false)
		}
		receive(test.node, test.packet)
		err := <-r.problems
		if !strings.Contains(err.Error(), test.problem) || !strings.Contains(err.Error(), test.node) {
			t.Errorf("%d: problem %q, want %q", i, err, test.problem)
		}
	}
	// The next of a kind is not told of.
	receive("far", packet("10.2.3.4", "10.0.0.5"))
	wantTaken("far", packet("10.2.3.4", "10.1.2.3"))
	select {
	case err := <-r.problems:
		t.Errorf("problem %v", err)
	default:
	}
}

func TestDeviceThatFails(t *testing.T) {
	r := newTestRouter(t, near)
	<-r.device.routes
	r.device.sent <- nil
	r.wantProblem("interface removed")
	<-r.conn.closed // the service is withdrawn
	<-r.served
}
