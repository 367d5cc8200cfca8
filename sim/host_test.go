package sim

import (
	"io"
	"receptor/sim/skew"
	"slices"
	"testing"
	"time"

	"receptor/sim/scenario"
)

// live makes the hosts of a fixture run processes that can be killed.
func live(f *fixture) {
	for _, h := range f.hosts {
		h.clock = &clock{host: h}
		h.cables = []*cable{f.cable}
	}
}

// sendEvery lets the dialer send n frames, one every millisecond.
func sendEvery(f *fixture, n int) {
	for i := range n {
		f.peers[0].link.Send(frame(i))
		f.advance(time.Millisecond)
	}
}

func TestPausedHostHandlesNothingUntilItResumes(t *testing.T) {
	t.Parallel()
	for _, l := range []scenario.Link{tcpLink(), udpLink()} {
		f := newFixture(t, l)
		live(f)
		f.advance(time.Second)
		b := f.hosts[listener]
		var fired time.Duration
		resume, again := b.pause(), b.pause()
		b.clock.AfterFunc(100*time.Millisecond, func() { fired = f.now })
		sendEvery(f, 5)
		f.advance(time.Second)
		resume()
		f.advance(time.Second)
		if len(f.peers[1].received) != 0 || fired != 0 {
			t.Errorf("%s: while it was paused it received %q, its timer fired at %v", l.Backend, f.peers[1].received, fired)
		}
		again()
		f.advance(0)
		if !slices.Equal(f.peers[1].received, numbers(5)) || fired != f.now {
			t.Errorf("%s: at once after the pause it had received %q, its timer fired at %v", l.Backend, f.peers[1].received, fired)
		}
	}
}

func TestSlowHostTakesItsTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	live(f)
	f.advance(time.Second)
	speedUp := f.hosts[listener].slowDown(50 * time.Millisecond)
	for i := range 3 {
		f.peers[0].link.Send(frame(i))
	}
	f.advance(time.Second)
	want := []time.Duration{1060 * time.Millisecond, 1110 * time.Millisecond, 1160 * time.Millisecond}
	if !slices.Equal(f.peers[1].at, want) || !slices.Equal(f.peers[1].received, numbers(3)) {
		t.Errorf("it handled %q at %v, want %v", f.peers[1].received, f.peers[1].at, want)
	}
	speedUp()
	sent := f.now
	f.peers[0].link.Send(frame(3))
	f.advance(time.Second)
	if got := f.peers[1].at[3] - sent; got != 10*time.Millisecond {
		t.Errorf("a host that is no longer slow takes %v", got)
	}
}

func TestKilledProcessIsDead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		link   scenario.Link
		closed []error // what the peer learns
	}{{tcpLink(), []error{io.EOF}}, {udpLink(), nil}} {
		f := newFixture(t, c.link)
		live(f)
		f.advance(time.Second)
		f.peers[0].link.Send(frame(0))
		f.advance(time.Second)
		b := f.hosts[listener]
		b.clock.AfterFunc(time.Second, func() { t.Errorf("%s: a timer of a dead process fires", c.link.Backend) })
		f.peers[1].link.Send(frame(0)) // under way when it is killed
		f.peers[0].link.Send(frame(1))
		b.crash()
		if f.peers[1].link.Send(frame(1)) {
			t.Errorf("%s: the link of a dead process takes frames", c.link.Backend)
		}
		f.advance(time.Minute)
		if !slices.Equal(f.peers[0].received, numbers(1)) {
			t.Errorf("%s: the peer received %q, want what was under way", c.link.Backend, f.peers[0].received)
		}
		if !slices.Equal(f.peers[1].received, numbers(1)) || len(f.peers[1].closed) != 0 {
			t.Errorf("%s: a dead process received %q, and was told of ends: %v", c.link.Backend, f.peers[1].received, f.peers[1].closed)
		}
		f.peers[0].wantClosed(c.closed...)
	}
}

func TestBacklogDiesWithTheProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	live(f)
	f.advance(time.Second)
	b := f.hosts[listener]
	resume := b.pause()
	sendEvery(f, 3)
	f.advance(time.Second)
	b.crash()
	b.accept, b.clock = (&peer{f: f}).attach, &clock{host: b} // it starts again
	resume()
	f.advance(time.Second)
	if len(f.peers[1].received) != 0 {
		t.Errorf("the process that is dead received %q", f.peers[1].received)
	}
	f.peers[0].wantClosed(io.EOF)
}

func TestDialToADeadProcessIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, tcpLink())
	live(f)
	f.hosts[listener].crash()
	f.advance(time.Second)
	if want := []string{"false after 20ms"}; !slices.Equal(f.dials, want) || f.peers[0].links != 0 {
		t.Errorf("the dial ended as %q, want %q", f.dials, want)
	}
}

func TestClocksThatAreWrong(t *testing.T) {
	t.Parallel()
	tl := &timeline{}
	h := newHost(tl)
	tl.advance(100 * time.Second)
	fast := &clock{host: h, Clock: skew.New(tl.now, scenario.Clock{Offset: -time.Hour, Drift: 0.1}, false)}
	shown := fast.Now()
	if want := startOfTime.Add(100*time.Second - time.Hour); !shown.Equal(want) {
		t.Errorf("it shows %v, want %v", shown, want)
	}
	var fired time.Duration
	fast.AfterFunc(11*time.Second, func() { fired = tl.now })
	tl.advance(20 * time.Second)
	if want := 110 * time.Second; fired < want || fired > want+time.Nanosecond {
		t.Errorf("a timer of 11 s on a clock that gains a tenth fired at %v, want %v", fired, want)
	}
	if got := fast.Now().Sub(shown); got != 22*time.Second {
		t.Errorf("in 20 s it shows %v more, want 22 s", got)
	}
	fast.SetDrift(tl.now, -0.1)
	shown = fast.Now()
	tl.advance(20 * time.Second)
	if got := fast.Now().Sub(shown); got != 18*time.Second {
		t.Errorf("with the other drift it shows %v more in 20 s, want 18 s", got)
	}
}
