package sim

import (
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/transport"
)

// advance runs everything that is due in the next d.
func (tl *timeline) advance(d time.Duration) {
	end := tl.now + d
	for {
		at, ok := tl.queue.next()
		if !ok || at > end {
			tl.now = end
			return
		}
		if e, live := tl.queue.pop(); live {
			tl.now = e.at
			e.task.run()
		}
	}
}

// newHost returns a host that accepts links, and does nothing.
func newHost(tl *timeline) *host {
	return &host{
		net: &network{timeline: tl, trace: newTrace([]string{"a"}, nil), tap: noTap{}}, id: "a",
		accept: func(link transport.Link, _ mesh.LinkOptions) transport.Receiver { return echo{link} },
	}
}

func TestClockJumpsToTheNextTimer(t *testing.T) {
	t.Parallel()
	tl := &timeline{}
	c := &clock{host: newHost(tl)}
	start := c.Now()
	var log []string
	note := func(what string) func() {
		return func() { log = append(log, what+" "+c.Now().Sub(start).String()) }
	}
	c.AfterFunc(time.Hour, note("late"))
	c.AfterFunc(time.Second, note("first"))
	c.AfterFunc(time.Second, note("second"))
	c.AfterFunc(-time.Second, note("past"))
	stopped := c.AfterFunc(time.Minute, note("stopped"))
	tl.advance(time.Second)
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop must report true once, and false after that")
	}
	tl.advance(2 * time.Hour)
	want := []string{"past 0s", "first 1s", "second 1s", "late 1h0m0s"}
	if !slices.Equal(log, want) {
		t.Errorf("timers fired as %q, want %q", log, want)
	}
}

func TestTimerThatHasFiredCannotBeStopped(t *testing.T) {
	t.Parallel()
	tl := &timeline{}
	timer := tl.after(time.Second, func() {})
	tl.advance(time.Second)
	if timer.Stop() {
		t.Error("Stop reports that it prevented a call that was made")
	}
}
