package guest

import (
	"sync"
	"time"
)

// slowness is how slow a machine is. The zero value is not.
type slowness struct {
	mu      sync.Mutex
	reasons []time.Duration // what one event takes
	turn    chan struct{}   // holds one who is at work; made when it is needed
}

// begin has every event take a while, until the answer is called.
func (s *slowness) begin(by time.Duration) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn == nil {
		s.turn = make(chan struct{}, 1)
	}
	s.reasons = append(s.reasons, by)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reasons = s.reasons[1:]
	}
}

// by returns what one event takes now: what the latest fault says.
func (s *slowness) by() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reasons) == 0 {
		return 0
	}
	return s.reasons[len(s.reasons)-1]
}

// toil takes the time that an event takes, one after the other. It is called before a
// frame is taken, and before a timer does something.
func (m *machine) toil() {
	if m.slow.by() == 0 {
		return
	}
	m.slow.turn <- struct{}{}
	time.Sleep(m.slow.by())
	<-m.slow.turn
}
