// Package escalation decides how the processes of a unit of work are ended: with
// which signals, and when. It sends none, and has no clock: who has the processes,
// real or simulated ones, tells what happens and is told what to do.
package escalation

import (
	"syscall"
	"time"
)

// Step is a signal that all processes of a unit are sent, and how long to wait then
// before Next.
type Step struct {
	Signal syscall.Signal
	Wait   time.Duration
}

// Default are the steps of docs/work.md.
func Default() []Step {
	return []Step{
		{syscall.SIGINT, 5 * time.Second},
		{syscall.SIGTERM, 5 * time.Second},
		{syscall.SIGKILL, time.Second},
	}
}

// Escalation is how the processes of one unit are ended. It is used by one
// goroutine.
type Escalation struct {
	left   []Step
	begun  bool
	exited bool // the command itself is gone
}

// New returns an escalation that has not begun. The first step is over once the
// command itself is gone; the last is repeated, for processes that were started
// meanwhile.
func New(steps []Step) *Escalation { return &Escalation{left: steps} }

// Begun reports whether End or Kill was called.
func (e *Escalation) Begun() bool { return e.begun }

// End begins to end all processes. ok tells whether there is a step to take; there
// is none if it had begun. Those that a command has left in the background do not
// heed the first signal: a shell sees to that.
func (e *Escalation) End() (s Step, ok bool) {
	if e.begun {
		return Step{}, false
	}
	e.begun = true
	if e.exited {
		e.left = e.left[1:]
	}
	return e.Next(), true
}

// Kill ends all processes without asking them.
func (e *Escalation) Kill() Step {
	e.begun = true
	e.left = e.left[len(e.left)-1:]
	return e.Next()
}

// Exited is told that the command itself is gone. What it has left behind will not
// heed the first signal any more: ok tells whether there is a step to take at once.
func (e *Escalation) Exited() (s Step, ok bool) {
	e.exited = true
	if !e.begun || e.left[0].Signal != syscall.SIGTERM {
		return Step{}, false
	}
	return e.Next(), true
}

// Next returns the next step, when the wait of the one before is over.
func (e *Escalation) Next() Step {
	s := e.left[0]
	if len(e.left) > 1 {
		e.left = e.left[1:]
	}
	return s
}
