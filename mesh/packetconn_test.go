package mesh

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"receptor/transport/transporttest"
)

// A deadline that was moved does not pass at its former time, even if the
// former timer could not be stopped any more.
func TestMovedDeadline(t *testing.T) {
	clock := lateClock{transporttest.NewClock()}
	var d deadline
	d.init(clock)
	passed := func() bool {
		select {
		case <-d.passed():
			return true
		default:
			return false
		}
	}
	d.set(clock.Now().Add(time.Second))
	d.set(clock.Now().Add(10 * time.Second))
	clock.Advance(5 * time.Second)
	if passed() {
		t.Error("the deadline has passed at its former time")
	}
	clock.Advance(5 * time.Second)
	if !passed() {
		t.Error("the deadline has not passed at its time")
	}
	d.set(time.Time{})
	if passed() {
		t.Error("there is no deadline, but it has passed")
	}
}

// Whoever opens a service while the node closes gets an error, or a service
// that has ended.
func TestListenWhileClosing(t *testing.T) {
	for i := range uint64(100) {
		n, err := New(Config{ID: "a", Clock: transporttest.NewClock(), Rand: rand.NewPCG(i, 1)})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{})
		go func() {
			n.Close()
			close(closed)
		}()
		c, err := n.ListenPacket("svc")
		<-closed
		if err == nil {
			_, _, err = c.ReadFrom(nil)
		}
		if !errors.Is(err, ErrClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("error %v, want one that says closed", err)
		}
	}
}

// A service that nobody reads loses datagrams, and stalls nothing: what comes by
// the same link for others is delivered, and so are routing updates. (A deployed
// node waits for the reader, and its link with it.)
func TestSlowReaderStallsNobody(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.advance(time.Second)
	slow, err := n.nodes["b"].ListenPacket("slow")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	heard := 0
	if _, err := n.nodes["b"].HandleDatagrams("quick", nil, func(Addr, []byte) { heard++ }); err != nil {
		t.Fatal(err)
	}
	const alone, more = maxUnread / 2, 1000
	for range alone + more {
		n.nodes["a"].SendDatagram("me", Addr{"b", "slow"}, []byte("x"), MaxHops)
	}
	n.nodes["a"].SendDatagram("me", Addr{"b", "quick"}, []byte("x"), MaxHops)
	n.link("a", "c", 1)
	n.advance(time.Second)
	if heard != 1 {
		t.Errorf("the other service has heard %d datagrams, want 1", heard)
	}
	n.wantRoutes("b", map[string]string{"a": "a", "c": "a"})
	if got := count[DatagramDropped](n.events["b"]); got != more {
		t.Errorf("%d datagrams were dropped, want %d", got, more)
	}
	if got := last[DatagramDropped](t, n.events["b"]).Reason; got != DropReaderSlow {
		t.Errorf("dropped because %q, want %q", got, DropReaderSlow)
	}
	for range alone {
		if _, _, err := slow.ReadFrom(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
}

// Senders who send more than is read leave room for one who sends little, and have
// room again once their datagrams are read.
func TestSlowReaderHasRoomForAll(t *testing.T) {
	for name, size := range map[string]int{"datagrams": 1, "bytes": 16 << 10} {
		n, err := New(Config{ID: "a", Clock: transporttest.NewClock(), Rand: rand.NewPCG(1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		c, err := n.ListenPacket("svc")
		if err != nil {
			t.Fatal(err)
		}
		flood := func(node string) (taken int) {
			before := len(c.unread)
			for range maxUnread {
				c.receive(Addr{node, "x"}, make([]byte, size))
			}
			return len(c.unread) - before
		}
		room := min(maxUnread, maxUnreadBytes/size)
		for i, want := range []int{room / 2, room / 4, room / 8} {
			if got := flood(fmt.Sprint("greedy ", i)); got != want {
				t.Errorf("%s: %d of the %d. sender were taken, want %d", name, got, i+1, want)
			}
		}
		if c.receive(Addr{"modest", "x"}, make([]byte, size)); c.unread[len(c.unread)-1].from.Node != "modest" {
			t.Errorf("%s: there is no room for one who has sent nothing yet", name)
		}
		for len(c.unread) > 0 {
			c.next()
		}
		if len(c.of) != 0 || c.all != (backlog{}) {
			t.Errorf("%s: all is read, and %v of %v count as unread", name, c.all, c.of)
		}
		if got := flood("greedy 0"); got != room/2 {
			t.Errorf("%s: then %d were taken, want %d", name, got, room/2)
		}
		n.Close()
	}
}

// The timer of a deadline ends with the service, however far the deadline is.
func TestClosedServiceHasNoTimer(t *testing.T) {
	clock := transporttest.NewClock()
	n, err := New(Config{ID: "a", Clock: clock, Rand: rand.NewPCG(1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	before := clock.Pending()
	c, err := n.ListenPacket("svc")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(clock.Now().Add(24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if after := clock.Pending(); after != before {
		t.Errorf("%d timers are left of the service", after-before)
	}
}
