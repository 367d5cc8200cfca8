package deployed

import (
	"time"

	"receptor/transport"
)

// ticker calls a function at intervals. Whoever cannot wait for the next call
// brings it forward: so deployed nodes gather several changes into one update,
// and the interval begins anew with it.
type ticker struct {
	clock transport.Clock
	every time.Duration
	f     func()
	at    time.Time // of the next call
	timer transport.Timer
}

func newTicker(clock transport.Clock, every time.Duration, f func()) *ticker {
	t := &ticker{clock: clock, every: every, f: f}
	t.set(every)
	return t
}

func (t *ticker) set(d time.Duration) {
	t.at = t.clock.Now().Add(d)
	t.timer = t.clock.AfterFunc(d, func() {
		t.set(t.every)
		t.f()
	})
}

// within sees to it that the function is called in d at the latest.
func (t *ticker) within(d time.Duration) {
	if t.timer != nil && t.clock.Now().Add(d).Before(t.at) {
		t.timer.Stop()
		t.set(d)
	}
}

func (t *ticker) stop() {
	t.timer.Stop()
	t.timer = nil
}
