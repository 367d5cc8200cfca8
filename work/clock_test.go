package work

import (
	"slices"
	"sync"
	"testing"
	"time"

	"receptor/transport"
)

// testClock stands still until a test advances it.
type testClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*testTimer
	armed  chan struct{} // closed and replaced when a timer is set
}

type testTimer struct {
	clock *testClock
	due   time.Time
	f     func()
}

func newTestClock() *testClock {
	return &testClock{now: time.Date(2026, 11, 24, 0, 45, 0, 0, time.UTC), armed: make(chan struct{})}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) AfterFunc(d time.Duration, f func()) transport.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &testTimer{clock: c, due: c.now.Add(d), f: f}
	c.timers = append(c.timers, t)
	close(c.armed)
	c.armed = make(chan struct{})
	return t
}

func (t *testTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	n := len(t.clock.timers)
	t.clock.timers = slices.DeleteFunc(t.clock.timers, func(other *testTimer) bool { return other == t })
	return len(t.clock.timers) < n
}

// advance lets time pass. Timers that fire see the time at which they are due.
func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		slices.SortStableFunc(c.timers, func(a, b *testTimer) int { return a.due.Compare(b.due) })
		if len(c.timers) == 0 || c.timers[0].due.After(end) {
			break
		}
		t := c.timers[0]
		c.timers = c.timers[1:]
		c.now = t.due
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// waitTimer returns once a timer is due in d.
func (c *testClock) waitTimer(t *testing.T, d time.Duration) {
	t.Helper()
	for {
		c.mu.Lock()
		at := c.now.Add(d)
		found := slices.ContainsFunc(c.timers, func(t *testTimer) bool { return t.due.Equal(at) })
		armed := c.armed
		c.mu.Unlock()
		if found {
			return
		}
		select {
		case <-armed:
		case <-t.Context().Done():
			t.Fatalf("no timer of %v was set", d)
		}
	}
}
