package sim

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/sim/lane"
	"receptor/sim/scenario"
	"receptor/transport"
)

// fixture is one cable, with a peer at each end that notes what it is told.
type fixture struct {
	*testing.T
	timeline
	cable   *cable
	hosts   [2]*host
	restore func() // puts right what takeDown did
	peers   [2]*peer
	dials   []string // how each attempt of the dialer ended
}

// peer is what stands in for a node.
type peer struct {
	f        *fixture
	link     transport.Link // the newest
	links    int
	received []string
	at       []time.Duration // of received
	closed   []error
}

func (p *peer) attach(link transport.Link, _ mesh.LinkOptions) transport.Receiver {
	p.link = link
	p.links++
	return p
}

func (p *peer) Receive(frame []byte) {
	p.received = append(p.received, string(frame[1:]))
	p.at = append(p.at, p.f.now)
	if transport.IsData(frame) {
		clear(frame) // it is ours
	}
}

func (p *peer) Closed(err error) { p.closed = append(p.closed, err) }

func (p *peer) wantClosed(want ...error) {
	p.f.Helper()
	if !slices.EqualFunc(p.closed, want, errors.Is) {
		p.f.Errorf("link ended with %v, want %v", p.closed, want)
	}
}

func newFixture(t *testing.T, l scenario.Link) *fixture {
	f := &fixture{T: t}
	f.peers = [2]*peer{{f: f}, {f: f}}
	l.From, l.To = "a", "b"
	net := &network{timeline: &f.timeline, trace: newTrace([]string{"a", "b"}, nil), tap: noTap{}}
	f.hosts = [2]*host{
		{net: net, number: 0, id: "a", accept: f.peers[0].attach}, {net: net, number: 1, id: "b", accept: f.peers[1].attach},
	}
	f.cable = newCable(net, l, f.hosts[0], f.hosts[1], 1)
	f.dial()
	return f
}

// takeDown takes both wires down, until restore.
func (f *fixture) takeDown() { f.restore = f.cable.takeDown(dialer, listener) }

func (f *fixture) dial() {
	f.cable.dial(func(o transport.Outcome) {
		f.dials = append(f.dials, fmt.Sprintf("%v after %v", o == transport.Ended, f.now))
	})
}

// frame makes a control frame that can be told from others.
func frame(i int) []byte { return fmt.Appendf(nil, "\x01%04d", i) }

func numbers(n int) []string {
	want := make([]string, n)
	for i := range want {
		want[i] = string(frame(i)[1:])
	}
	return want
}

func tcpLink() scenario.Link {
	w := scenario.Wire{Delay: 10 * time.Millisecond}
	return scenario.Link{Backend: scenario.TCP, Cost: 1, Forward: w, Back: w}
}

func TestTCPDialTakesARoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	f.advance(9 * time.Millisecond)
	if f.peers[1].links != 0 {
		t.Error("the listener has a link before the dial could reach it")
	}
	f.advance(time.Millisecond)
	if f.peers[1].links != 1 || f.peers[0].links != 0 {
		t.Error("after one way the listener must have a link, and the dialer none")
	}
	f.advance(10 * time.Millisecond)
	if f.peers[0].links != 1 {
		t.Error("after a round trip the dialer must have a link")
	}
}

func TestTCPKeepsOrderAndLosesNothing(t *testing.T) {
	t.Parallel()
	l := tcpLink()
	l.Forward.Jitter, l.Forward.Loss = 50*time.Millisecond, 0.3
	f := newFixture(t, l)
	f.advance(5 * time.Second)
	for i := range 200 {
		f.peers[0].link.Send(frame(i))
		f.advance(time.Millisecond)
	}
	f.advance(time.Minute)
	if got := f.peers[1].received; !slices.Equal(got, numbers(200)) {
		t.Fatalf("received %q", got)
	}
	if took := f.peers[1].at[199] - f.peers[1].at[0]; took < f.cable.lanes[0].Retransmit {
		t.Errorf("200 frames, a third of them lost, were spread over %v only", took)
	}
}

func TestTCPHoldsFramesWhileTheWireIsDownForAMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	f.advance(time.Second)
	f.peers[0].link.Send(frame(0)) // under way when the wire goes
	f.takeDown()
	f.peers[0].link.Send(frame(1))
	f.advance(lane.BrokenAfter - time.Millisecond)
	if len(f.peers[1].received) != 0 {
		t.Fatal("a frame crossed a wire that is down")
	}
	f.restore()
	f.advance(10 * time.Millisecond)
	if got := f.peers[1].received; !slices.Equal(got, numbers(2)) {
		t.Errorf("received %q", got)
	}
	f.advance(time.Minute)
	f.peers[0].wantClosed()
}

func TestTCPBreaksOnADeadWireAtBothEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	f.advance(time.Second)
	f.takeDown()
	f.advance(lane.BrokenAfter)
	for _, p := range f.peers {
		p.wantClosed(lane.ErrDead)
		if p.link.Send(frame(0)) {
			t.Error("a broken link takes a frame")
		}
	}
	f.dial()
	f.advance(lane.BrokenAfter)
	if want := []string{"true after 4s", "false after 7s"}; !slices.Equal(f.dials, want) {
		t.Errorf("dials ended as %q, want %q", f.dials, want)
	}
	if len(f.cable.conns) != 0 {
		t.Errorf("%d links are kept after they ended", len(f.cable.conns))
	}
}

// An outage that begins anew must not be counted from the one before it.
func TestTCPOutageIsCountedFromItsOwnBeginning(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	f.advance(time.Second)
	f.takeDown()
	f.advance(lane.BrokenAfter - 100*time.Millisecond)
	f.restore()
	f.takeDown()
	f.advance(lane.BrokenAfter - 100*time.Millisecond)
	f.peers[0].wantClosed()
	f.advance(100 * time.Millisecond)
	f.peers[0].wantClosed(lane.ErrDead)
}

func TestTCPBreaksWhenLossLasts(t *testing.T) {
	t.Parallel()
	l := tcpLink()
	l.Back.Loss = 0.999
	f := newFixture(t, l)
	f.advance(time.Minute)
	// The answer to the dial is lost until the attempt is given up.
	if len(f.dials) != 1 || f.peers[0].links != 0 {
		t.Errorf("dials ended as %q, the dialer has had %d links", f.dials, f.peers[0].links)
	}
	f.peers[1].wantClosed(lane.ErrLossy)
}

func TestTCPCloseDeliversWhatWasSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	f.advance(time.Second)
	f.peers[1].link.Send(frame(9)) // under way to an end that is closed
	f.peers[0].link.Send(frame(0))
	f.peers[0].link.Close()
	f.peers[0].link.Close()
	f.peers[0].wantClosed() // not before Close has returned
	f.advance(0)
	f.peers[0].wantClosed(nil)
	f.advance(time.Second)
	if got := f.peers[1].received; !slices.Equal(got, numbers(1)) {
		t.Errorf("received %q", got)
	}
	f.peers[1].wantClosed(io.EOF)
	if len(f.peers[0].received) != 0 {
		t.Error("a closed end receives frames")
	}
	if want := []string{"true after 1s"}; !slices.Equal(f.dials, want) {
		t.Errorf("dials ended as %q, want %q", f.dials, want)
	}
}

func TestTCPSendQueueIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	f.advance(time.Second)
	f.takeDown()
	data, control := make([]byte, transport.MaxFrame), make([]byte, transport.MaxFrame)
	control[0] = 1
	taken := 0
	for f.peers[0].link.Send(data) {
		taken += len(data)
	}
	if taken > transport.MaxQueuedData || taken < transport.MaxQueuedData-len(data) {
		t.Errorf("%d bytes of data were queued, the bound is %d", taken, transport.MaxQueuedData)
	}
	for taken = 0; f.peers[0].link.Send(control); taken += len(control) {
	}
	if taken > transport.MaxQueuedControl || taken < transport.MaxQueuedControl-len(control) {
		t.Errorf("%d bytes of control frames were queued, the bound is %d", taken, transport.MaxQueuedControl)
	}
	f.peers[0].wantClosed() // not from within Send
	f.advance(0)
	f.peers[0].wantClosed(transport.ErrControlFull)
	f.peers[1].wantClosed(transport.ErrControlFull)
}

func TestLinksTakeOnlyFramesThatTheyCarry(t *testing.T) {
	t.Parallel()
	for _, backend := range []scenario.Backend{scenario.TCP, scenario.UDP} {
		f := newFixture(t, scenario.Link{Backend: backend, Cost: 1})
		f.advance(time.Second)
		if f.peers[0].link.Send(nil) || f.peers[0].link.Send(make([]byte, transport.MaxFrame+1)) {
			t.Errorf("%s: an empty frame, or one that is too long, was taken", backend)
		}
	}
}

func udpLink() scenario.Link {
	l := tcpLink()
	l.Backend = scenario.UDP
	return l
}

func TestUDPLosesAndReorders(t *testing.T) {
	t.Parallel()
	l := udpLink()
	l.Forward.Jitter, l.Forward.Loss = 50*time.Millisecond, 0.3
	f := newFixture(t, l)
	for i := range 1000 {
		if !f.peers[0].link.Send(frame(i)) {
			t.Fatal("a frame that will be lost must be taken all the same")
		}
		f.advance(time.Millisecond)
	}
	f.advance(time.Second)
	got := f.peers[1].received
	if len(got) < 600 || len(got) > 800 {
		t.Errorf("%d of 1000 frames arrived, 700 were likely", len(got))
	}
	if slices.IsSorted(got) {
		t.Error("no frame has overtaken another, with 50 ms of jitter")
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(f.peers[1].received) {
		t.Error("a frame arrived twice")
	}
}

func TestUDPListenerAppearsWithTheFirstFrame(t *testing.T) {
	t.Parallel()
	f := newFixture(t, udpLink())
	f.advance(time.Second)
	if f.peers[0].links != 1 || f.peers[1].links != 0 {
		t.Fatal("the dialer must have a link at once, and the listener none")
	}
	f.peers[0].link.Send(frame(0))
	f.advance(time.Second)
	if f.peers[1].links != 1 || !slices.Equal(f.peers[1].received, numbers(1)) {
		t.Errorf("the listener has %d links and received %q", f.peers[1].links, f.peers[1].received)
	}
}

func TestUDPCloseIsSilent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, udpLink())
	f.peers[0].link.Send(frame(0))
	f.advance(time.Second)
	f.peers[1].link.Close()
	f.advance(time.Second)
	f.peers[1].wantClosed(nil)
	f.peers[0].wantClosed()
	// The dialer knows nothing of it: to the listener it is a new peer.
	f.peers[0].link.Send(frame(1))
	f.advance(time.Second)
	if f.peers[1].links != 2 || !slices.Equal(f.peers[1].received, numbers(2)) {
		t.Errorf("the listener has had %d links and received %q", f.peers[1].links, f.peers[1].received)
	}
	f.peers[0].link.Close()
	f.peers[1].link.Send(frame(2)) // to a socket that is closed
	f.advance(time.Second)
	if len(f.peers[0].received) != 0 || len(f.dials) != 1 {
		t.Errorf("the dialer received %q, its dials ended as %q", f.peers[0].received, f.dials)
	}
}

func TestUDPOutageLosesFrames(t *testing.T) {
	t.Parallel()
	f := newFixture(t, udpLink())
	f.peers[0].link.Send(frame(0)) // under way when the wire goes
	f.takeDown()
	f.peers[0].link.Send(frame(1))
	f.advance(time.Minute)
	f.restore()
	f.advance(time.Second)
	if got := f.peers[1].received; len(got) != 0 {
		t.Errorf("received %q over a wire that was down", got)
	}
	f.peers[0].wantClosed() // the node has to notice
}

// Faults of one link must not depend on which other links there are.
func TestFaultsBelongToTheLink(t *testing.T) {
	t.Parallel()
	l := udpLink()
	l.Forward.Loss = 0.5
	run := func(name string) []string {
		f := newFixture(t, l)
		net := f.cable.net
		other := scenario.Link{From: "a", To: name, Backend: scenario.UDP, Cost: 1, Forward: scenario.Wire{Loss: 0.5}}
		o := newCable(net, other, &host{net: net, id: "a", accept: (&peer{f: f}).attach}, &host{net: net, id: name, accept: (&peer{f: f}).attach}, 1)
		o.dialUDP(func(transport.Outcome) {})
		for i := range 100 {
			f.peers[0].link.Send(frame(i))
			o.lanes[0].Loses()
		}
		f.advance(time.Second)
		return f.peers[1].received
	}
	if a, b := run("c"), run("d"); !slices.Equal(a, b) {
		t.Errorf("another link changes what this one loses:\n%q\n%q", a, b)
	}
}
