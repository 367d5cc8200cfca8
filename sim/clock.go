package sim

import (
	"time"

	"receptor/sim/skew"
	"receptor/transport"
)

// startOfTime is what the clock of every node shows when a run begins.
var startOfTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// timeline is virtual time: it stands still while an event runs, and jumps to
// the next one.
type timeline struct {
	queue queue
	now   time.Duration // since the start
}

// after calls f once, d from now. Stop on the answer calls it off.
func (tl *timeline) after(d time.Duration, f func()) *timer {
	t := &timer{timeline: tl, f: f}
	tl.queue.push(tl.now+max(d, 0), t)
	return t
}

// timer is one pending call; f is nil when it has been made or called off.
type timer struct {
	timeline *timeline
	f        func()
}

func (t *timer) live(uint64) bool { return t.f != nil }

func (t *timer) run() {
	f := t.f
	t.f = nil
	f()
}

// Stop implements transport.Timer.
func (t *timer) Stop() bool {
	if t.f == nil {
		return false
	}
	t.f = nil
	t.timeline.queue.calledOff()
	return true
}

// clock is the clock of one process: it may be wrong, and it stops with its
// process.
type clock struct {
	skew.Clock
	host *host
	dead bool
}

// Now implements transport.Clock.
func (c *clock) Now() time.Time { return startOfTime.Add(c.Shows(c.host.net.now)) }

// AfterFunc implements transport.Clock.
func (c *clock) AfterFunc(d time.Duration, f func()) transport.Timer {
	tl := c.host.net.timeline
	d = c.Wait(d)
	t := &nodeTimer{timer: timer{tl, f}, clock: c}
	tl.queue.push(tl.now+max(d, 0), t)
	return t
}

// nodeTimer is a timer of a node: the trace shows when it fires.
type nodeTimer struct {
	timer
	clock *clock
}

func (t *nodeTimer) live(sequence uint64) bool { return t.timer.live(sequence) && !t.clock.dead }

func (t *nodeTimer) run() {
	h := t.clock.host
	h.net.trace.record(h.net.now, eventTimer, h.number, nobody, nil)
	if h.free() {
		t.timer.run()
		return
	}
	h.handle(func() {
		if t.f != nil && !t.clock.dead { // else stopped meanwhile
			t.timer.run()
		}
	})
}
