package daemon

import (
	"maps"
	"sync"
	"time"
)

// scarce bounds how often the log has a line that whoever can send a frame can
// cause: scarceLines in any scarceTime.
type scarce struct {
	mu      sync.Mutex
	since   time.Time
	lines   int
	skipped int
}

const (
	scarceTime  = time.Minute
	scarceLines = 10
)

// allow reports whether there may be a line now, and how many there were before
// it that had to be left out.
func (s *scarce) allow(now time.Time) (ok bool, skipped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := now.Sub(s.since); d >= scarceTime || d < 0 {
		s.since, s.lines = now, 0
	}
	if s.lines == scarceLines {
		s.skipped++
		return false, 0
	}
	s.lines++
	skipped, s.skipped = s.skipped, 0
	return true, skipped
}

// maxNames is how many names a scarceBy has apart.
const maxNames = 4096

// scarceBy is a scarce for each name that others may call themselves. Names beyond
// maxNames in any scarceTime share one: whoever has so many fills no log either.
type scarceBy struct {
	mu     sync.Mutex
	since  time.Time
	names  map[string]*scarce
	others scarce
}

// of returns that of a name.
func (s *scarceBy) of(name string, now time.Time) *scarce {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := now.Sub(s.since); d >= scarceTime || d < 0 {
		s.since = now
		// Each that is at its limit has something to say before it is forgotten.
		maps.DeleteFunc(s.names, func(_ string, of *scarce) bool { return !of.owes() })
	}
	if of := s.names[name]; of != nil {
		return of
	}
	if len(s.names) >= maxNames {
		return &s.others
	}
	if s.names == nil {
		s.names = make(map[string]*scarce)
	}
	of := new(scarce)
	s.names[name] = of
	return of
}

// owes reports whether lines were left out of which the log does not know.
func (s *scarce) owes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped > 0
}

// warnScarcely is scarcely for warnings.
func (d *Daemon) warnScarcely(s *scarce, format string, args ...any) {
	d.scarcely(s, d.log.Warningf, format, args...)
}

// scarcely logs a line, or counts it as one of those that are left out.
func (d *Daemon) scarcely(s *scarce, logf func(format string, args ...any), format string, args ...any) {
	ok, skipped := s.allow(d.host.Clock.Now())
	if !ok {
		return
	}
	if skipped > 0 {
		format += " (%d more before, of which the log has nothing)"
		args = append(args, skipped)
	}
	logf(format, args...)
}

// strangers is what a listener reports to: whoever can connect can cause that.
func (d *Daemon) strangers() func(error) {
	var lines scarce
	return func(err error) { d.warnScarcely(&lines, "%v", explained(err)) }
}
