package work

import (
	"testing"
	"time"
)

func TestFollowExpires(t *testing.T) {
	expiring := func(t *testing.T) *script {
		s := newScript(t, RemoteExtra{})
		s.extra.Expiration = s.now.Add(10 * time.Second)
		s.starts(exSubmit)
		s.wakes(10 * time.Second)
		return s
	}
	t.Run("not reached", func(t *testing.T) {
		s := expiring(t)
		s.advance(9800 * time.Millisecond)
		s.submitted(s.now, submission{err: errBroken})
		s.starts()
		s.wakes(200 * time.Millisecond)
		s.advance(200 * time.Millisecond)
		s.ends(Failed, "Work unit expired on Tue Nov 24 00:00:10")
	})
	t.Run("while it submits", func(t *testing.T) {
		s := expiring(t)
		s.named("remote01", false)
		s.advance(10 * time.Second)
		s.starts()
		s.stops(exSubmit)
		s.submitted(s.now, submission{sent: true, err: errStopped})
		s.starts(exCancel)
		s.ordered(s.now, exCancel, "remote01", &refusal{unknown: true})
		s.ends(Failed, "Work unit expired on")
	})
	t.Run("started in time", func(t *testing.T) {
		s := expiring(t)
		s.named("remote01", false)
		s.submitted(s.now, submission{sent: true, inputSent: true})
		s.advance(time.Hour)
		s.starts(exResults, exStatus)
	})
}

func TestFollowCancel(t *testing.T) {
	t.Run("running", func(t *testing.T) {
		s := startedScript(t)
		s.extra.LocalCancelled = true
		s.starts(exCancel)
		s.ordered(s.now, exCancel, "remote01", nil)
		s.statusEnded(s.now, status(Canceled, 3), nil)
		s.starts()
		s.received(s.now, outStream, 3)
		s.ends(Canceled, "as told")
	})
	t.Run("not started", func(t *testing.T) {
		s := newScript(t, RemoteExtra{LocalCancelled: true})
		s.ends(Failed, "Locally Cancelled")
	})
	t.Run("while it connects", func(t *testing.T) {
		s := newScript(t, RemoteExtra{})
		s.starts(exSubmit)
		s.extra.LocalCancelled = true
		s.starts()
		s.stops(exSubmit)
		s.submitted(s.now, submission{err: errStopped})
		s.ends(Failed, "Locally Cancelled")
	})
	t.Run("while it submits", func(t *testing.T) {
		s := newScript(t, RemoteExtra{})
		s.starts(exSubmit)
		s.extra.LocalCancelled, s.extra.SubmitSent = true, true
		s.submitted(s.now, submission{sent: true, err: errStopped})
		s.ends(Failed, "Locally Cancelled; it is unknown whether node b has started it")
	})
	t.Run("while it sends input", func(t *testing.T) {
		s := newScript(t, RemoteExtra{})
		s.starts(exSubmit)
		s.named("remote01", false)
		s.extra.LocalCancelled = true
		s.submitted(s.now, submission{sent: true, err: errStopped})
		s.starts(exCancel)
		s.ordered(s.now, exCancel, "remote01", nil)
		s.ends(Failed, "Locally Cancelled")
	})
	t.Run("refused", func(t *testing.T) {
		s := startedScript(t)
		s.extra.LocalCancelled = true
		s.starts(exCancel)
		s.ordered(s.now, exCancel, "remote01", &refusal{text: "no"})
		s.starts()
		if s.extra.LocalCancelled {
			t.Error("it would be tried again")
		}
	})
}

func TestFollowRelease(t *testing.T) {
	s := startedScript(t)
	s.extra.LocalReleased = true
	s.starts(exRelease)
	s.stops(exResults)
	s.stops(exStatus)
	s.ordered(s.now, exRelease, "remote01", errBroken)
	s.resultsEnded(s.now, errStopped)
	s.statusEnded(s.now, Status{}, errStopped)
	s.starts()
	s.wakes(time.Second)
	s.advance(time.Second)
	s.starts(exRelease)
	s.ordered(s.now, exRelease, "remote01", &refusal{unknown: true})
	s.starts()
	if !s.plan.remove {
		t.Error("the unit stays")
	}
}

// What a node has refused it does not have, so it is not asked to release it: it
// would refuse that for the same reason. An earlier submission may have arrived.
func TestFollowReleaseOfWhatWasRefused(t *testing.T) {
	for _, again := range []bool{false, true} {
		s := keyedScript(t)
		s.submitted(s.now, submission{sent: true, again: again, err: &refusal{node: "b", text: "token is expired"}})
		s.ends(Failed, "token is expired")
		s.extra.LocalReleased = true
		if again {
			s.starts(exRelease)
		} else {
			s.starts()
		}
		if s.plan.remove == again {
			t.Errorf("submitted before: %v; the unit is removed at once: %v", again, s.plan.remove)
		}
	}
}

// A release that the remote node refuses is off, and the next one begins anew. The
// one of a unit that is forgotten here goes on: nobody can order it again.
func TestFollowReleaseIsRefused(t *testing.T) {
	s := startedScript(t)
	s.extra.LocalReleased, s.patience = true, time.Hour
	s.starts(exRelease)
	s.ordered(s.now, exRelease, "remote01", &refusal{text: "no"})
	if s.extra.LocalReleased || !s.extra.ReleasedAt.IsZero() {
		t.Error("it is not off")
	}
	s.advance(2 * time.Hour)
	s.extra.LocalReleased = true
	s.starts(exRelease)
	if s.plan.forget {
		t.Error("the time of the order before counts")
	}
	s.forgotten = true
	s.ordered(s.now, exRelease, "remote01", &refusal{text: "no"})
	s.starts()
	s.wakes(time.Second)
	s.advance(time.Second)
	s.starts(exRelease)
}

func TestFollowReleaseWhileSubmitting(t *testing.T) {
	s := newScript(t, RemoteExtra{})
	s.starts(exSubmit)
	s.extra.LocalReleased = true
	s.starts()
	s.stops(exSubmit)
	s.named("remote01", false)
	s.submitted(s.now, submission{sent: true, err: errStopped})
	s.starts(exRelease)
	s.ordered(s.now, exRelease, "remote01", nil)
	s.starts()
	if !s.plan.remove {
		t.Error("the unit stays")
	}
}
