package transporttest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"receptor/transport"
)

// Kind is a kind of link, as Conformance tests it.
type Kind struct {
	// MaxFrame is the longest frame, in bytes, that Send takes.
	MaxFrame int
	// Connectionless: a peer does not learn that a link was closed, and
	// datagrams may be lost when there are too many.
	Connectionless bool
	// Listen returns a listener, not started, on a free port of the loopback.
	Listen func(warn func(error)) Listener
	// Dial returns a dialer, not started, to the address of a listener.
	Dial func(addr net.Addr, opts transport.DialOptions) transport.Backend
	// Raw connects to a started listener by hand.
	Raw func(addr net.Addr) (net.Conn, error)
	// Frame returns what is written on such a connection to send a frame.
	Frame func(frame []byte) []byte
	// Garbage are writes on such a connection that are no frame.
	Garbage [][]byte
}

// Listener is a backend that can tell where it listens.
type Listener interface {
	transport.Backend
	Addr() net.Addr
}

// Conformance tests what transport promises of every kind of link, and that no
// goroutine is left of it.
func Conformance(t *testing.T, kind Kind) {
	tests := []struct {
		name string
		test func(*testing.T, Kind)
	}{
		{"Order", testOrder},
		{"LongestFrame", testLongestFrame},
		{"CloseFlushes", testCloseFlushes},
		{"CloseOfBackends", testCloseOfBackends},
		{"Redial", testRedial},
		{"SlowReceiver", testSlowReceiver},
		{"PeerThatDoesNotRead", testPeerThatDoesNotRead},
		{"Garbage", testGarbage},
		{"EmptyFrame", testEmptyFrame},
		{"ConcurrentUse", testConcurrentUse},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			CheckGoroutines(t)
			test.test(t, kind)
		})
	}
}

// network is a listener and, perhaps, a dialer of one kind.
type network struct {
	kind     Kind
	listener Listener
	accepted chan *Recorder
	dialled  chan *Recorder
}

// maxLinks is how many links of a test the channels of network hold.
const maxLinks = 100

func listen(t *testing.T, kind Kind) *network {
	t.Helper()
	n := &network{kind: kind, accepted: make(chan *Recorder, maxLinks), dialled: make(chan *Recorder, maxLinks)}
	n.listener = kind.Listen(func(err error) { t.Logf("warning: %v", err) })
	if err := n.listener.Start(Record(n.accepted)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.listener.Close)
	return n
}

func (n *network) dial(t *testing.T, redial bool) transport.Backend {
	t.Helper()
	d := n.kind.Dial(n.listener.Addr(), transport.DialOptions{
		Redial: redial,
		Clock:  transport.System,
		Rand:   rand.New(rand.NewPCG(1, 2)),
		Warn:   func(err error) { t.Logf("warning: %v", err) },
	})
	if err := d.Start(Record(n.dialled)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// pair returns the ends of the next link, each of which has heard of the other.
func (n *network) pair(t *testing.T) (dialled, accepted *Recorder) {
	t.Helper()
	dialled = <-n.dialled
	exchange(t, dialled.Link, func() *Recorder { accepted = <-n.accepted; return accepted })
	exchange(t, accepted.Link, func() *Recorder { return dialled })
	return dialled, accepted
}

func exchange(t *testing.T, from transport.Link, to func() *Recorder) {
	t.Helper()
	hello := control(0, 9)
	if !from.Send(hello) {
		t.Fatal("the first frame of a link was refused")
	}
	if got, _ := to().Next(); string(got) != string(hello) {
		t.Fatalf("got %q, want %q", got, hello)
	}
}

// control returns a control frame, so that it may not be dropped, with a number.
func control(number byte, size int) []byte {
	frame := make([]byte, size)
	frame[0], frame[size-1] = 1, number
	return frame
}

func testOrder(t *testing.T, kind Kind) {
	n := listen(t, kind)
	n.dial(t, true)
	a, b := n.pair(t)
	for _, ends := range [][2]*Recorder{{a, b}, {b, a}} {
		for i := range 100 {
			if !ends[0].Link.Send(control(byte(i), 2+i)) {
				t.Fatalf("frame %d was refused", i)
			}
		}
		for i := range 100 {
			if got, _ := ends[1].Next(); len(got) != 2+i || got[1+i] != byte(i) {
				t.Fatalf("frame %d is %v", i, got)
			}
		}
	}
}

func testLongestFrame(t *testing.T, kind Kind) {
	n := listen(t, kind)
	n.dial(t, true)
	a, b := n.pair(t)
	for _, ends := range [][2]*Recorder{{a, b}, {b, a}} {
		if ends[0].Link.Send(control(1, kind.MaxFrame+1)) || ends[0].Link.Send(nil) {
			t.Error("a frame that does not fit was taken")
		}
		for _, size := range []int{1, 36, 16384 + 36, kind.MaxFrame, 2} {
			if !ends[0].Link.Send(control(7, size)) {
				t.Fatalf("a frame of %d bytes was refused", size)
			}
			if got, _ := ends[1].Next(); len(got) != size || got[size-1] != 7 {
				t.Fatalf("got a frame of %d bytes, want %d", len(got), size)
			}
		}
	}
}

// What was queued before Close arrives: a reject must.
func testCloseFlushes(t *testing.T, kind Kind) {
	n := listen(t, kind)
	n.dial(t, false)
	a, b := n.pair(t)
	for i := range 100 {
		b.Link.Send(control(byte(i), 2))
	}
	b.Link.Close()
	b.Link.Close()
	if b.Link.Send([]byte{3}) {
		t.Error("a closed link took a frame")
	}
	for i := range 100 {
		if got, _ := a.Next(); len(got) != 2 || got[1] != byte(i) {
			t.Fatalf("frame %d is %v", i, got)
		}
	}
	if err := b.End(); err != nil {
		t.Errorf("the closed link ended with %v, want nil", err)
	}
	if kind.Connectionless {
		return
	}
	if err := a.End(); !errors.Is(err, io.EOF) {
		t.Errorf("the peer's link ended with %v, want %v", err, io.EOF)
	}
}

// Close of a backend ends its links, and flushes them too.
func testCloseOfBackends(t *testing.T, kind Kind) {
	n := listen(t, kind)
	d := n.dial(t, true)
	a, b := n.pair(t)
	a.Link.Send(control(7, 2))
	d.Close()
	if got, _ := b.Next(); len(got) != 2 || got[1] != 7 {
		t.Errorf("the last frame is %v", got)
	}
	if err := a.End(); err != nil {
		t.Errorf("the link of the closed dialer ended with %v, want nil", err)
	}
	n.listener.Close()
	if err := b.End(); err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("the link of the listener ended with %v, want nil or %v", err, io.EOF)
	}
	if b.Link.Send(control(1, 2)) {
		t.Error("a link of a closed listener took a frame")
	}
}

// A dialer dials again when its link has ended, and the new link is a fresh one
// at the listener, too.
func testRedial(t *testing.T, kind Kind) {
	n := listen(t, kind)
	n.dial(t, true)
	first, _ := n.pair(t)
	first.Link.Close()
	second, accepted := n.pair(t)
	second.Link.Send(control(42, 2))
	if got, _ := accepted.Next(); len(got) != 2 || got[1] != 42 {
		t.Errorf("the second link carried %v", got)
	}
}

// gated passes frames on once its gate is open.
type gated struct {
	transport.Receiver
	entered chan<- struct{}
	gate    <-chan struct{}
}

func (g gated) Receive(frame []byte) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	<-g.gate
	g.Receiver.Receive(frame)
}

// While a receiver takes its time, both ends send, and the other way is open.
func testSlowReceiver(t *testing.T, kind Kind) {
	accepted, dialled := make(chan *Recorder, maxLinks), make(chan *Recorder, maxLinks)
	entered, gate := make(chan struct{}, 1), make(chan struct{})
	l := kind.Listen(func(err error) { t.Error(err) })
	err := l.Start(func(link transport.Link) transport.Receiver {
		return gated{Record(accepted)(link), entered, gate}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	n := &network{kind: kind, listener: l, dialled: dialled}
	n.dial(t, true)
	a := <-dialled
	a.Link.Send(control(0, 2))
	b := <-accepted
	<-entered
	sendMuch(a.Link)
	b.Link.Send(control(7, 2))
	if got, _ := a.Next(); len(got) != 2 || got[1] != 7 {
		t.Errorf("from the end with the slow receiver came %v", got)
	}
	close(gate)
	awaitMark(t, a.Link, b)
}

// awaitMark sends until it arrives: datagrams may be lost while the receiver
// catches up.
func awaitMark(t *testing.T, from transport.Link, to *Recorder) {
	t.Helper()
	for {
		if !from.Send(control(99, 3)) {
			t.Fatal("a control frame was refused")
		}
		for {
			got, ok := to.Arrived()
			if !ok {
				break
			}
			if len(got) == 3 && got[2] == 99 {
				return
			}
		}
	}
}

// sendMuch sends more data frames than a queue holds. Those that find no room
// are refused; none may wait.
func sendMuch(l transport.Link) (refused int) {
	const size = 16 << 10
	for range 2 * transport.MaxQueuedData / size {
		if !l.Send(make([]byte, size)) {
			refused++
		}
	}
	return refused
}

// A peer that does not read stops neither Send nor Close.
func testPeerThatDoesNotRead(t *testing.T, kind Kind) {
	n := listen(t, kind)
	conn := raw(t, n)
	if _, err := conn.Write(kind.Frame(control(0, 2))); err != nil {
		t.Fatal(err)
	}
	b := <-n.accepted
	for range 5 { // the system's buffers take some
		sendMuch(b.Link)
	}
	if !kind.Connectionless && sendMuch(b.Link) == 0 {
		t.Error("no frame was refused")
	}
	if !b.Link.Send(control(1, 2)) {
		t.Error("a control frame was refused while only data was queued")
	}
	b.Link.Close()
	if err := b.End(); err != nil {
		t.Errorf("the closed link ended with %v, want nil", err)
	}
}

func raw(t *testing.T, n *network) net.Conn {
	t.Helper()
	conn, err := n.kind.Raw(n.listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Hostile bytes end nothing but, at most, their own link.
func testGarbage(t *testing.T, kind Kind) {
	n := listen(t, kind)
	n.dial(t, true)
	a, b := n.pair(t)
	random := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1}).Read(random)
	for i, garbage := range append(kind.Garbage, kind.Frame(nil), random) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			conn := raw(t, n)
			if _, err := conn.Write(kind.Frame(control(5, 2))); err != nil {
				t.Fatal(err)
			}
			hostile := <-n.accepted
			if got, _ := hostile.Next(); len(got) != 2 || got[1] != 5 {
				t.Fatalf("the first frame is %v", got)
			}
			if _, err := conn.Write(garbage); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if !kind.Connectionless {
				hostile.End()
			}
			a.Link.Send(control(6, 2))
			if got, _ := b.Next(); len(got) != 2 || got[1] != 6 {
				t.Errorf("another link delivered %v", got)
			}
		})
	}
}

// A frame of no bytes, as the first of a link or later, ends nothing: what
// follows it arrives. (It ends deployed nodes, whoever sends it.)
func testEmptyFrame(t *testing.T, kind Kind) {
	n := listen(t, kind)
	conn := raw(t, n)
	for _, frame := range [][]byte{nil, control(5, 2), nil, nil, control(6, 2)} {
		if _, err := conn.Write(kind.Frame(frame)); err != nil {
			t.Fatal(err)
		}
	}
	link := <-n.accepted
	for _, want := range []byte{5, 6} {
		got, ok := link.Next()
		for ok && len(got) == 0 {
			got, ok = link.Next()
		}
		if !ok || len(got) != 2 || got[1] != want {
			t.Fatalf("after empty frames came %v (%v), want frame %d", got, ok, want)
		}
	}
}

// Many goroutines use one link: their frames arrive in the order of each, and
// a Close by all of them is one.
func testConcurrentUse(t *testing.T, kind Kind) {
	const senders, frames = 4, 30
	n := listen(t, kind)
	n.dial(t, false)
	a, b := n.pair(t)
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for i := range frames {
				a.Link.Send([]byte{1, byte(sender), byte(i)})
				b.Link.Send([]byte{1, byte(sender), byte(i)})
				_ = a.Link.String() + b.Link.String()
			}
		})
	}
	for _, end := range []*Recorder{a, b} {
		var next [senders]byte
		for range senders * frames {
			got, ok := end.Next()
			if !ok || len(got) != 3 || got[2] != next[got[1]] {
				t.Fatalf("got %v, want one of the frames %v", got, next)
			}
			next[got[1]]++
		}
	}
	sending.Wait()
	for range senders {
		sending.Go(func() {
			for a.Link.Send([]byte{1, 2, 3}) {
				a.Link.Close()
			}
		})
	}
	sending.Wait()
	if err := a.End(); err != nil {
		t.Errorf("the link ended with %v, want nil", err)
	}
}
