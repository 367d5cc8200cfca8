package sim

import (
	"slices"
	"testing"
	"time"

	"receptor/mesh"
)

// storyline is a small mesh whose faults a test tells, step by step.
type storyline struct {
	*testing.T
	*world
}

// tell begins one: three nodes in a chain and what the timeline says.
func tell(t *testing.T, links, timeline string) *storyline {
	t.Helper()
	s := resolve(t, parse(t, "for: 1000s\nnodes: [a, b, c]\nlinks: ["+links+"]\ntimeline: ["+timeline+"]\n"), 1)
	w, err := newWorld(s, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &storyline{t, w}
}

const (
	tcpChain = "{from: a, to: b, delay: 10ms}, {from: b, to: c, delay: 10ms}"
	udpChain = "{from: a, to: b, delay: 10ms, backend: udp}, {from: b, to: c, delay: 10ms, backend: udp}"
)

// at lets time pass up to a moment.
func (s *storyline) at(d time.Duration) *storyline {
	s.runFor(d)
	for _, v := range s.violations {
		s.Helper()
		s.Errorf("%v", v)
	}
	return s
}

func (s *storyline) host(id string) *host { return s.hosts[s.index[id]] }

// wantPeers checks with whom a node has links.
func (s *storyline) wantPeers(id string, want ...string) {
	s.Helper()
	var got []string
	for _, c := range s.host(id).node.(ours).Status().Connections {
		got = append(got, c.NodeID)
	}
	if !slices.Equal(got, want) {
		s.Errorf("at %v %s has links with %q, want %q", s.now, id, got, want)
	}
}

// answers pings one node from another, and reports whether an answer comes
// within d.
func (s *storyline) answers(from, to string, d time.Duration) bool {
	answered := false
	s.host(from).handle(func() {
		s.host(from).node.PingAsync(to, mesh.MaxHops, time.Hour, func(_ mesh.PingReply, err error) { answered = err == nil })
	})
	s.runFor(s.now + d)
	return answered
}

func TestDownBreaksALinkThatLasts(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 10s, do: down, link: [a, b], for: 2s}, {at: 20s, do: down, link: [b, a], one_way: true}, {at: 40s, do: up, link: [a, b]}")
	s.at(13*time.Second).wantPeers("a", "b") // shorter than it takes to break
	s.at(24 * time.Second).wantPeers("a")    // one way is enough: nothing is acknowledged
	s.at(65*time.Second).wantPeers("a", "b")
}

func TestOneWayOnUDPLosesThatWayAlone(t *testing.T) {
	t.Parallel()
	s := tell(t, udpChain, "{at: 10s, do: down, link: [a, b], one_way: true}")
	s.at(10 * time.Second)
	if s.answers("a", "b", time.Second) {
		t.Error("a ping from a reached b over a wire that is down that way")
	}
	if _, sides := s.sides(s.scenario.Timeline[0]); s.cables[0].lanes[sides[0]].Down != 1 || s.cables[0].lanes[1-sides[0]].Down != 0 {
		t.Error("the other way must be up")
	}
	s.at(50*time.Second).wantPeers("b", "c")
	s.wantPeers("a")
}

func TestFlapGoesDownAndUp(t *testing.T) {
	t.Parallel()
	s := tell(t, udpChain, "{at: 10s, do: flap, link: [a, b], every: 2s, for: 10s}")
	for turn := range 5 {
		begin := time.Duration(10+2*turn) * time.Second
		if s.at(begin + 500*time.Millisecond); s.cables[0].up() {
			t.Errorf("at %v the wire is up", s.now)
		}
		if s.at(begin + 1500*time.Millisecond); !s.cables[0].up() {
			t.Errorf("at %v the wire is down", s.now)
		}
	}
	if s.at(21 * time.Second); !s.cables[0].up() {
		t.Error("it did not end")
	}
}

func TestClogHoldsFramesBack(t *testing.T) {
	t.Parallel()
	for name, links := range map[string]string{"tcp": tcpChain, "udp": udpChain} {
		s := tell(t, links, "{at: 10s, do: clog, link: [a, b], one_way: true, for: 5s}")
		s.at(10100 * time.Millisecond)
		answered := time.Duration(0)
		s.host("a").node.PingAsync("b", mesh.MaxHops, time.Minute, func(_ mesh.PingReply, err error) {
			if err == nil {
				answered = s.now
			}
		})
		s.at(20 * time.Second)
		if answered < 15*time.Second || answered > 15100*time.Millisecond {
			t.Errorf("%s: a ping into a clog of 5 s from 10s on was answered at %v, want soon after 15s", name, answered)
		}
	}
}

func TestSplitAndHeal(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 10s, do: split, nodes: [a, b]}, {at: 30s, do: heal}")
	s.at(20*time.Second).wantPeers("b", "a")
	s.wantPeers("c")
	s.at(60*time.Second).wantPeers("b", "a", "c")
}

func TestPausedNodeHandlesNothingAndThenAll(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 10s, do: pause, node: b, for: 5s}")
	s.at(10500 * time.Millisecond)
	if s.answers("a", "b", 4*time.Second) {
		t.Error("a node that is paused has answered")
	}
	if len(s.host("b").backlog) == 0 {
		t.Error("nothing waits for it")
	}
	s.at(16 * time.Second)
	if len(s.host("b").backlog) > 0 || !s.answers("a", "c", time.Second) {
		t.Errorf("a second later %d things wait still, or no ping gets through", len(s.host("b").backlog))
	}
	s.wantPeers("b", "a", "c") // it was not away for long enough
}

func TestSlowNodeTakesItsTime(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 11s, do: slow, node: b, by: 300ms, for: 8s}")
	s.at(12 * time.Second)
	if s.answers("a", "b", 300*time.Millisecond) || !s.answers("a", "b", 3*time.Second) {
		t.Error("a node that takes 300 ms for everything answers after that, and in the end")
	}
	if s.at(25 * time.Second); !s.answers("a", "b", 50*time.Millisecond) {
		t.Error("it is slow still")
	}
}

// A process that is killed says nothing more. Its machine ends its TCP links and
// refuses new ones; who has a UDP link with it hears nothing.
func TestCrashAndRestart(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 10s, do: crash, node: b}, {at: 30s, do: restart, node: b}")
	s.at(10*time.Second + 50*time.Millisecond).wantPeers("a")
	events := s.trace.events
	s.at(10500 * time.Millisecond)
	if s.host("b").running() || !s.host("b").clock.dead {
		t.Error("b is not down")
	}
	if s.at(29 * time.Second); s.trace.events == events {
		t.Error("nobody dialled b, which must refuse")
	}
	s.at(55*time.Second).wantPeers("b", "a", "c")

	s = tell(t, udpChain, "{at: 10s, do: crash, node: b}")
	s.at(25*time.Second).wantPeers("a", "b")
	s.at(50 * time.Second).wantPeers("a")
}

func TestClocks(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 10s, do: clock, node: b, offset: -1h, drift: 0.1}, {at: 20s, do: crash, node: b, for: 10s}, "+
		"{at: 60s, do: crash, node: c, for: 1s, epoch: old}")
	b := s.host("b")
	wantShows := func(h *host, want time.Duration) {
		t.Helper()
		if got := h.clock.Now().Sub(startOfTime); got != want {
			t.Errorf("at %v the clock of %s shows %v, want %v", s.now, h.id, got, want)
		}
	}
	s.at(10 * time.Second)
	wantShows(b, 10*time.Second)
	s.at(20 * time.Second)
	wantShows(b, 21*time.Second) // the offset shows when it starts again
	s.at(30 * time.Second)
	wantShows(b, 30*time.Second-time.Hour)
	fired := time.Duration(0)
	b.clock.AfterFunc(11*time.Second, func() { fired = s.now })
	s.at(50 * time.Second)
	if fired < 39999*time.Millisecond || fired > 40001*time.Millisecond {
		t.Errorf("11 s of a clock that gains a tenth are over at %v, want 10 s after 30s", fired)
	}
	s.at(61 * time.Second)
	wantShows(s.host("c"), 0)
}

func TestSettleHealsTheCoreAlone(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 10s, do: down, link: [a, b]}, {at: 10s, do: crash, node: b}, {at: 10s, do: down, link: [b, c], for: 50s}, "+
		"{at: 30s, do: settle, nodes: [a, b]}, {at: 40s, do: crash, node: a}")
	s.at(100*time.Second).wantPeers("a", "b") // and the crash at 40s was not carried out
	s.wantPeers("c")
	s.wantPeers("b", "a")
}

func TestDuplicateLeaves(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 70s, do: duplicate, node: a, via: c}")
	s.at(70 * time.Second)
	spare := s.hosts[len(s.ids)]
	if !spare.running() || !spare.extra {
		t.Fatal("no second a has started")
	}
	s.at(90 * time.Second)
	if spare.running() || !s.host("a").running() {
		t.Error("of the two the newcomer must have left")
	}
	s.wantPeers("c", "b")
}

func TestForgerSendsWhatNobodyWould(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpChain, "{at: 70s, do: forge, node: b, every: 10ms, for: 2s}")
	s.at(69 * time.Second)
	if s.taint {
		t.Error("frames are forged before the time")
	}
	before := s.trace.events
	s.at(72 * time.Second)
	if events := s.trace.events - before; !s.taint || events < 100 {
		t.Errorf("%d events in 2 s of forging every 10 ms; it ends links, but not at once", events)
	}
}
