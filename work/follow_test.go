package work

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFollowToTheEnd(t *testing.T) {
	s := newScript(t, RemoteExtra{})
	s.starts(exSubmit)
	s.named("remote01", false)
	s.starts()
	s.submitted(s.now, submission{sent: true, inputSent: true})
	s.starts(exResults, exStatus)
	s.statusEnded(s.now, status(Running, 0), nil)
	s.starts()
	s.wakes(time.Second)
	if s.state != Running || s.detail != "as told" {
		t.Errorf("unit is %v, %q", s.state, s.detail)
	}
	s.received(s.now, outStream, 5)
	s.starts()
	s.resultsEnded(s.now, nil)
	s.starts(exStatus) // at once, whatever the interval
	s.statusEnded(s.now, status(Succeeded, 5), nil)
	s.ends(Succeeded, "as told")
}

// An answer that was on its way when the results ended may be older than that.
// It must neither end the unit nor make it wait.
func TestFollowStaleAnswer(t *testing.T) {
	s := startedScript(t)
	s.received(s.now, outStream, 5)
	s.resultsEnded(s.now, nil)
	s.starts()
	s.statusEnded(s.now, status(Running, 0), nil)
	s.starts(exStatus)
	s.statusEnded(s.now, status(Succeeded, 5), nil)
	s.ends(Succeeded, "")
}

// Results that end while the unit runs are a connection that broke. They go on
// at once, unless that happens again and again.
func TestFollowResultsEndEarly(t *testing.T) {
	s := startedScript(t)
	s.statusEnded(s.now, status(Running, 0), nil)
	s.resultsEnded(s.now, nil)
	s.starts(exStatus)
	s.statusEnded(s.now, status(Running, 5), nil)
	s.starts(exResults)
	s.opened()
	s.resultsEnded(s.now, nil)
	s.starts(exStatus)
	s.statusEnded(s.now, status(Running, 5), nil)
	s.starts()
	s.wakes(time.Second)
}

func TestFollowAskInterval(t *testing.T) {
	s := startedScript(t)
	for _, d := range []time.Duration{1000, 1500, 2250, 3375, 5062, 7593, 10000, 10000} {
		s.statusEnded(s.now, status(Running, 0), nil)
		s.starts()
		if got := s.plan.wake.Sub(s.now).Truncate(time.Millisecond); got != d*time.Millisecond {
			t.Errorf("asks again after %v, want %v", got, d*time.Millisecond)
		}
		s.advance(s.plan.wake.Sub(s.now))
		s.starts(exStatus)
	}
}

// A deployed node never ends the results of a cancelled unit.
func TestFollowResultsThatNeverEnd(t *testing.T) {
	s := startedScript(t)
	s.received(s.now, outStream, 5)
	s.statusEnded(s.now, status(Canceled, 5), nil)
	s.starts()
	s.stops(exResults)
	s.ends(Canceled, "as told")
	s.resultsEnded(s.now, errStopped)
	s.ends(Canceled, "as told")
}

func TestFollowMissingOutput(t *testing.T) {
	s := startedScript(t)
	s.statusEnded(s.now, status(Succeeded, 9), nil)
	s.starts()
	if s.state != Running || s.detail != detailRest {
		t.Errorf("%v: %s", s.state, s.detail)
	}
	s.received(s.now, outStream, 5)
	s.resultsEnded(s.now, errBroken)
	s.starts()
	s.wakes(time.Second)
	s.advance(time.Second)
	s.starts(exResults, exStatus)
	s.opened()
	s.received(s.now, outStream, 4)
	s.ends(Succeeded, "as told")
	s.stops(exResults)
}

func TestFollowLostOutput(t *testing.T) {
	s := startedScript(t)
	for range maxStalls {
		s.statusEnded(s.now, status(Succeeded, 9), nil)
		s.resultsEnded(s.now, nil)
		s.starts(exStatus)
		s.statusEnded(s.now, status(Succeeded, 9), nil)
		if s.next(s.now).idle {
			break
		}
	}
	s.ends(Failed, "node b reports 9 bytes of output but delivers only 0")
}

// A connection that brings nothing for long, although there is more, is dead.
func TestFollowDeadConnection(t *testing.T) {
	s := startedScript(t)
	for s.now.Sub(s.heard) < askLast {
		s.statusEnded(s.now, status(Running, 5), nil)
		s.starts()
		s.advance(s.plan.wake.Sub(s.now))
		s.starts(exStatus)
	}
	s.statusEnded(s.now, status(Running, 5), nil)
	s.starts()
	s.stops(exResults)
	s.resultsEnded(s.now, errStopped)
	s.starts(exResults)
}

func TestFollowBackoff(t *testing.T) {
	s := newScript(t, RemoteExtra{})
	want := time.Second
	for range 20 {
		s.starts(exSubmit)
		s.submitted(s.now, submission{err: errBroken})
		s.starts()
		s.wakes(want)
		s.advance(want)
		want = min(want*3/2, time.Minute)
	}
	if s.state != Pending || !strings.Contains(s.shownDetail(), "Node b cannot be reached: connection broke (since 2026-11-24 00:00:00Z)") {
		t.Errorf("unit is %v, %q", s.state, s.detail)
	}
	s.starts(exSubmit)
	s.submitted(s.now, submission{err: errBroken})
	s.starts()
	s.reachable()
	s.starts(exSubmit)

	// The news may come just before an exchange fails for the old reason.
	s.reachable()
	s.submitted(s.now, submission{err: errBroken})
	s.starts(exSubmit)
	s.submitted(s.now, submission{err: errBroken})
	s.starts()
	s.wakes(time.Second)
}

// When the remote node has been away, what waits on connections to it is broken
// off and begun again: it may have restarted, and no longer know of them.
func TestFollowRejoined(t *testing.T) {
	s := startedScript(t)
	s.received(s.now, outStream, 100)
	s.rejoined(s.now)
	s.starts()
	if !slices.Equal(s.plan.stop, []exchange{exResults, exStatus}) {
		t.Fatalf("stops %v, want the results and the status", s.plan.stop)
	}
	s.resultsEnded(s.now, errStopped)
	s.statusEnded(s.now, Status{}, errStopped)
	s.starts(exResults, exStatus)
	s.starts()
	if len(s.plan.stop) != 0 {
		t.Errorf("then it stops %v", s.plan.stop)
	}

	// A submission is not broken off: it could not be sent again.
	s = newScript(t, RemoteExtra{})
	s.starts(exSubmit)
	s.rejoined(s.now)
	s.starts()
	if len(s.plan.stop) != 0 {
		t.Errorf("it stops %v", s.plan.stop)
	}

	// A release is, and begins again.
	s = newScript(t, RemoteExtra{RemoteUnitID: "remote01", RemoteStarted: true, LocalReleased: true})
	s.starts(exRelease)
	s.rejoined(s.now)
	s.starts()
	if !slices.Equal(s.plan.stop, []exchange{exRelease}) {
		t.Errorf("it stops %v, want the release", s.plan.stop)
	}
	s.ordered(s.now, exRelease, "remote01", errStopped)
	s.starts(exRelease)
}

// A link that breaks ends several exchanges. That is one reason to wait.
func TestFollowBackoffOnce(t *testing.T) {
	s := startedScript(t)
	s.resultsEnded(s.now, errBroken)
	s.statusEnded(s.now, Status{}, errBroken)
	s.starts()
	s.wakes(time.Second)
}

func TestFollowSubmissionFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      submission
		named  bool
		detail string
		cancel bool // there is something to be cancelled on the remote node
	}{
		{"refused", submission{sent: true, err: &refusal{node: "b", text: "no such type"}}, false, "error from node b: no such type", false},
		{"TLS", submission{err: ErrTLS}, false, "TLS error connecting to node b", false},
		{"outcome unknown", submission{sent: true, err: errBroken}, false, "unknown whether it was started", false},
		{"input cut", submission{sent: true, err: errBroken}, true, "broke before it had all input", true},
		{"failed there", submission{sent: true, inputSent: true, err: &refusal{node: "b", text: "disk full"}}, true, "error from node b: disk full", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, RemoteExtra{})
			s.starts(exSubmit)
			s.extra.SubmitSent = c.o.sent
			if c.named {
				s.named("remote01", false)
			}
			s.submitted(s.now, c.o)
			if c.cancel {
				s.starts(exCancel)
				s.ordered(s.now, exCancel, "remote01", errBroken)
				s.starts()
				s.wakes(time.Second)
				s.advance(time.Second)
				s.starts(exCancel)
				s.ordered(s.now, exCancel, "remote01", nil)
			}
			s.ends(Failed, c.detail)
		})
	}
}

func TestFollowAnswerLost(t *testing.T) {
	lost := func(t *testing.T) *script {
		s := newScript(t, RemoteExtra{})
		s.starts(exSubmit)
		s.named("remote01", false)
		s.submitted(s.now, submission{sent: true, inputSent: true, err: errBroken})
		s.starts()
		s.wakes(time.Second)
		s.advance(time.Second)
		s.starts(exStatus)
		return s
	}
	waiting := Status{State: Pending, Detail: detailWaiting, WorkType: "cat"}
	t.Run("started", func(t *testing.T) {
		s := lost(t)
		s.statusEnded(s.now, status(Running, 0), nil)
		s.starts(exResults)
		if !s.extra.RemoteStarted {
			t.Error("not confirmed")
		}
	})
	t.Run("failed there", func(t *testing.T) {
		s := lost(t)
		s.statusEnded(s.now, status(Failed, 0), nil)
		s.ends(Failed, "as told")
	})
	t.Run("never had its input", func(t *testing.T) {
		s := lost(t)
		for range 100 {
			s.statusEnded(s.now, waiting, nil)
			if s.state.Terminal() {
				break
			}
			s.starts()
			s.advance(s.plan.wake.Sub(s.now))
			s.starts(exStatus)
		}
		s.starts(exCancel)
		s.ordered(s.now, exCancel, "remote01", nil)
		s.ends(Failed, "never had all input")
	})
	t.Run("gone there", func(t *testing.T) {
		s := lost(t)
		s.statusEnded(s.now, Status{}, &refusal{node: "b", text: "unknown work unit", unknown: true})
		s.ends(Failed, detailGone)
	})
}

func TestFollowAfterRestart(t *testing.T) {
	s := newScript(t, RemoteExtra{SubmitSent: true})
	s.ends(Failed, "it is unknown whether it was started there")

	s = newScript(t, RemoteExtra{SubmitSent: true, RemoteUnitID: "remote01"})
	s.starts(exStatus)
	s.statusEnded(s.now, status(Running, 0), nil)
	s.starts(exResults)
}

// A unit that has begun before the other node's advertisement was here is followed
// the old way. Its stderr comes all the same, and an answer from before there was
// any changes nothing about that.
func TestFollowStderrOfAnUnknownNode(t *testing.T) {
	s := startedScript(t)
	s.received(s.now, outStream, 5)
	s.resultsEnded(s.now, nil)
	s.starts()
	s.statusEnded(s.now, status(Running, 0), nil)
	s.starts(exStatus)
	told := status(Succeeded, 5)
	told.StderrSize = 4
	s.statusEnded(s.now, told, nil)
	s.starts(exFollow)
	s.received(s.now, errStream, 4)
	s.followEnded(s.now, nil)
	s.pushed(s.now, followState{State: Succeeded, Detail: "as told", Size: 5, ErrSize: &told.StderrSize})
	s.ends(Succeeded, "as told")
	s.statusEnded(s.now, status(Running, 0), nil)
	if !s.extra.StderrApart {
		t.Error("the stderr is here, and not known to be")
	}
}

// A node of which it is known that it has no way to send stderr apart does not keep
// the unit from its end by telling of some.
func TestFollowStderrThatCannotCome(t *testing.T) {
	s := startedScript(t)
	s.received(s.now, outStream, 5)
	s.resultsEnded(s.now, nil)
	s.starts()
	told := status(Succeeded, 5)
	told.StderrSize = 4
	s.statusEnded(s.now, told, nil)
	s.pushes = false // as its advertisement says
	s.ends(Succeeded, "as told")
}
