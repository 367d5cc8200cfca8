// Package transporttest has what tests of code above transport stand on: a
// clock that moves when the test says so, and links in memory.
package transporttest

import (
	"container/heap"
	"sync"
	"time"

	"receptor/transport"
)

// Epoch is where a Clock starts: any date, but not the zero time.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Clock is a virtual clock. It stands still except in Advance.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	number uint64
	timers timerHeap
}

// NewClock returns a clock that stands at Epoch.
func NewClock() *Clock { return &Clock{now: Epoch} }

// Now implements transport.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements transport.Clock. f is called by Advance.
func (c *Clock) AfterFunc(d time.Duration, f func()) transport.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	t := &timer{clock: c, at: c.now.Add(max(d, 0)), number: c.number, f: f}
	heap.Push(&c.timers, t)
	return t
}

// Advance moves the clock by d and calls what is due on the way, in order of
// time and, at one time, of creation.
func (c *Clock) Advance(d time.Duration) {
	end := c.Now().Add(d)
	for c.step(end) {
	}
}

// step calls the first timer that is due by end, or moves the clock to end.
func (c *Clock) step(end time.Time) bool {
	c.mu.Lock()
	if len(c.timers) == 0 || c.timers[0].at.After(end) {
		c.now = end
		c.mu.Unlock()
		return false
	}
	t := heap.Pop(&c.timers).(*timer)
	c.now = t.at
	t.f, t.done = nil, t.f
	c.mu.Unlock()
	t.done()
	return true
}

// Pending returns how many timers wait.
func (c *Clock) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

type timer struct {
	clock  *Clock
	at     time.Time
	number uint64
	index  int
	f      func() // nil once fired or stopped
	done   func()
}

func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.f == nil {
		return false
	}
	t.f = nil
	heap.Remove(&t.clock.timers, t.index)
	return true
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].number < h[j].number
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
}
