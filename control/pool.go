package control

import (
	"container/list"
	"time"
)

// minIdle is how long a session has to wait for a command before it may give way
// to another. Deployed nodes ask for each of their units about once in a second, in
// a session of its own: these do not drive each other out.
const minIdle = 5 * time.Second

// pool is the sessions of one kind of clients. It requires the server's mu.
type pool struct {
	open int
	idle list.List // those that wait for a command, of *session, the longest first
}

// displace makes room for a session by ending the one that has waited longest, if
// that is long enough.
func (p *pool) displace(now time.Time) bool {
	first := p.idle.Front()
	if first == nil {
		return false
	}
	ss := first.Value.(*session)
	if now.Sub(ss.idleSince) < minIdle {
		return false
	}
	p.busy(ss)
	p.open--
	ss.pool = nil
	ss.cancel()
	return true
}

// wait is called when a session begins to wait for a command.
func (p *pool) wait(ss *session, now time.Time) {
	ss.idleSince = now
	ss.place = p.idle.PushBack(ss)
}

// busy is called when it waits no more.
func (p *pool) busy(ss *session) {
	if ss.place != nil {
		p.idle.Remove(ss.place)
		ss.place = nil
	}
}

// waits is called when a session begins to wait for a command.
func (s *Server) waits(ss *session) {
	now := s.opts.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if ss.pool != nil {
		ss.pool.wait(ss, now)
	}
}

// goesOn is called when it has a command, and reports whether that may be carried
// out: not if the session has given way to another.
func (s *Server) goesOn(ss *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ss.pool == nil {
		return false
	}
	ss.pool.busy(ss)
	return true
}
