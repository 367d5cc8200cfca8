package work

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// script drives a follower and checks its plans.
type script struct {
	*follower
	t    *testing.T
	now  time.Time
	plan plan
}

var errBroken = errors.New("connection broke")

func newScript(t *testing.T, e RemoteExtra) *script {
	e.RemoteNode = "b"
	f := newFollower(e, Status{State: Pending, Detail: detailStarting})
	return &script{follower: &f, t: t, now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}
}

// startedScript is a unit that the remote node has just started.
func startedScript(t *testing.T) *script {
	s := newScript(t, RemoteExtra{RemoteUnitID: "remote01", RemoteStarted: true})
	s.starts(exResults, exStatus)
	return s
}

func (s *script) advance(d time.Duration) { s.now = s.now.Add(d) }

// starts asks what is next and wants just those exchanges started.
func (s *script) starts(want ...exchange) {
	s.t.Helper()
	s.plan = s.next(s.now)
	if !slices.Equal(s.plan.start, want) {
		s.t.Fatalf("starts %v, want %v; %v %q", s.plan.start, want, s.state, s.detail)
	}
}

// stops wants an exchange broken off by the latest plan.
func (s *script) stops(x exchange) {
	s.t.Helper()
	if !slices.Contains(s.plan.stop, x) {
		s.t.Fatalf("stops %v, want %v", s.plan.stop, x)
	}
}

// wakes wants the latest plan to go on by itself after d.
func (s *script) wakes(d time.Duration) {
	s.t.Helper()
	if got := s.plan.wake.Sub(s.now); got != d {
		s.t.Fatalf("wakes in %v, want %v", got, d)
	}
}

// ends asks what is next and wants the unit to be terminal and at rest.
func (s *script) ends(state State, detail string) {
	s.t.Helper()
	s.starts()
	if !s.plan.idle || s.state != state || !strings.Contains(s.detail, detail) {
		s.t.Fatalf("unit is %v, %q, idle %v; want %v, %q", s.state, s.detail, s.plan.idle, state, detail)
	}
}

func status(state State, size int64) Status {
	return Status{State: state, Detail: "as told", StdoutSize: size, WorkType: "cat"}
}
