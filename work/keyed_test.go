package work

import (
	"testing"
	"time"
)

// keyedScript is a unit whose submission has left with a key, and has got no
// answer.
func keyedScript(t *testing.T) *script {
	s := newScript(t, RemoteExtra{})
	s.extra.Expiration = s.now.Add(time.Minute)
	s.starts(exSubmit)
	s.extra.SubmitSent, s.extra.SubmitKeyed = true, true
	return s
}

// breaks ends the submission, and lets the pause pass.
func (s *script) breaks(o submission) {
	s.t.Helper()
	o.sent = true
	s.submitted(s.now, o)
	s.starts()
	s.wakes(retryFirst)
	s.advance(retryFirst)
}

func TestKeyedSubmissionGoesOn(t *testing.T) {
	for _, test := range []struct {
		name  string
		named bool
		o     submission
	}{
		{"before the answer", false, submission{err: errBroken}},
		{"within stdin", true, submission{err: errBroken}},
		{"after stdin", true, submission{inputSent: true, err: errBroken}},
		{"stdin was not complete", true, submission{inputSent: true, err: &refusal{node: "b", text: "incomplete stdin", again: true}}},
		{"the next signature was not believed", false, submission{again: true, err: &refusal{node: "b", text: hereText + "wrong", again: true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := keyedScript(t)
			if test.named {
				s.named("remote01", true)
			}
			s.breaks(test.o)
			s.starts(exSubmit)
			s.submitted(s.now, submission{again: true, err: &unreached{errBroken}}) // not even reached
			s.starts()
			if !s.extra.keyed() {
				t.Error("it has forgotten that it was submitted")
			}
			s.advance(2 * retryFirst)
			s.starts(exSubmit)
			s.named("remote01", true)
			s.submitted(s.now, submission{sent: true, again: true, inputSent: true})
			s.starts(exResults, exStatus)
		})
	}
}

// TLS that fails ends a unit only if it cannot be there yet.
func TestKeyedSubmissionAndTLS(t *testing.T) {
	s := keyedScript(t)
	s.breaks(submission{err: errBroken})
	s.starts(exSubmit)
	s.submitted(s.now, submission{again: true, err: &unreached{ErrTLS}})
	s.starts()
	if s.state != Pending {
		t.Errorf("unit is %v, %q", s.state, s.detail)
	}
}

func TestKeyedSubmissionExpires(t *testing.T) {
	s := keyedScript(t)
	s.breaks(submission{err: errBroken})
	s.advance(time.Minute)
	s.starts(exCancel)
	if s.state != Failed || s.detail != s.expiredDetail() {
		t.Errorf("unit is %v, %q", s.state, s.detail)
	}
	s.ordered(s.now, exCancel, "", &unreached{errBroken})
	s.starts()
	s.advance(2 * retryFirst)
	s.starts(exCancel)
	s.ordered(s.now, exCancel, "", nil)
	s.ends(Failed, "Work unit expired on")
}

func TestKeyedSubmissionIsCancelled(t *testing.T) {
	cancelled := func(t *testing.T) *script {
		s := keyedScript(t)
		s.extra.LocalCancelled = true
		s.starts()
		s.stops(exSubmit)
		s.submitted(s.now, submission{sent: true, err: errStopped})
		s.starts(exCancel)
		if s.state != Pending {
			t.Fatalf("unit is %v, %q before the node knows", s.state, s.detail)
		}
		return s
	}
	t.Run("there is none", func(t *testing.T) {
		s := cancelled(t)
		s.ordered(s.now, exCancel, "", nil)
		s.ends(Failed, "Locally Cancelled")
	})
	t.Run("there is one", func(t *testing.T) {
		s := cancelled(t)
		s.ordered(s.now, exCancel, "remote01", nil)
		s.starts(exStatus)
		s.statusEnded(s.now, status(Canceled, 3), nil)
		s.starts(exResults)
		s.received(s.now, outStream, 3)
		s.ends(Canceled, "as told")
	})
	t.Run("the node does not know keys any more", func(t *testing.T) {
		s := cancelled(t)
		s.ordered(s.now, exCancel, "", &refusal{node: "b", text: "field unitid missing"})
		s.ends(Failed, "Locally Cancelled; it is unknown whether node b has started it")
	})
}

func TestKeyedSubmissionIsReleased(t *testing.T) {
	for _, id := range []string{"", "remote01"} {
		s := keyedScript(t)
		s.extra.LocalReleased = true
		s.starts()
		s.stops(exSubmit)
		s.submitted(s.now, submission{sent: true, err: errStopped})
		s.starts(exRelease)
		if s.plan.remove {
			t.Fatal("the unit is removed before the node knows")
		}
		s.ordered(s.now, exRelease, id, nil)
		s.starts()
		if !s.plan.remove {
			t.Error("the unit stays")
		}
	}
}

func TestKeyedSubmissionAfterRestart(t *testing.T) {
	s := newScript(t, RemoteExtra{SubmitSent: true, SubmitKeyed: true})
	s.starts(exSubmit)
	s = newScript(t, RemoteExtra{SubmitSent: true, SubmitKeyed: true, RemoteUnitID: "remote01"})
	s.starts(exSubmit)
	// The node has been replaced by one that does not know keys.
	s.submitted(s.now, submission{again: true, err: errNoKeys})
	s.starts(exStatus)
}

// A node to which there is no route is given up after a while, but not by a
// submission that could not be sent again.
func TestFollowLost(t *testing.T) {
	s := startedScript(t)
	s.lost(s.now)
	s.starts()
	s.wakes(lostLimit)
	s.rejoined(s.now) // it was just a moment
	s.resultsEnded(s.now, errStopped)
	s.statusEnded(s.now, Status{}, errStopped)
	s.starts(exResults, exStatus)
	s.lost(s.now)
	s.advance(lostLimit - 1)
	s.lost(s.now)
	s.starts()
	s.wakes(1)
	s.advance(1)
	s.starts()
	s.stops(exResults)
	s.stops(exStatus)
	if got, want := s.shownDetail(), "Starting Worker; node b cannot be reached: there is no route to it (since 2026-11-24 00:00:00Z)"; got != want {
		t.Errorf("detail %q, want %q", got, want)
	}

	for _, keyed := range []bool{false, true} {
		s = newScript(t, RemoteExtra{})
		s.starts(exSubmit)
		s.extra.SubmitSent, s.extra.SubmitKeyed = true, keyed
		s.lost(s.now)
		s.advance(lostLimit)
		s.starts()
		if stopped := len(s.plan.stop) == 1; stopped != keyed {
			t.Errorf("keyed %v: stops %v", keyed, s.plan.stop)
		}
	}
}
