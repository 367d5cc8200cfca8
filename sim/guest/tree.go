package guest

import (
	"fmt"
	"syscall"
	"time"

	"receptor/internal/escalation"
	"receptor/sim/eventlog"
)

// tree are the processes of a unit, as its supervisor has them: the command, and
// what that has left in the background, which ends when it is told to, and does not
// heed SIGINT. It is used by the goroutine of the supervisor.
type tree struct {
	ending   *escalation.Escalation
	timer    *time.Timer
	command  bool // it runs
	stubborn bool // it ignores SIGINT
	children int
	tell     func(kind eventlog.Kind, process string)
}

// newTree starts a command, which starts its children.
func newTree(b behaviour, tell func(kind eventlog.Kind, process string)) *tree {
	t := &tree{
		ending: escalation.New(escalation.Default()), timer: time.NewTimer(0),
		command: true, stubborn: b.IgnoreSIGINT, children: b.Children, tell: tell,
	}
	t.timer.Stop()
	tell(eventlog.Started, eventlog.Command)
	for n := range t.children {
		tell(eventlog.Started, childName(n))
	}
	return t
}

func childName(n int) string { return fmt.Sprintf("child %d", n+1) }

// gone reports whether no process is left.
func (t *tree) gone() bool { return !t.command && t.children == 0 }

// end begins to end all processes, unless it has begun.
func (t *tree) end() {
	if s, ok := t.ending.End(); ok {
		t.take(s)
	}
}

// next takes the next step of ending.
func (t *tree) next() { t.take(t.ending.Next()) }

func (t *tree) take(s escalation.Step) {
	t.timer.Reset(s.Wait)
	if s.Signal != syscall.SIGINT {
		for n := range t.children {
			t.tell(eventlog.Ended, childName(n))
		}
		t.children = 0
	}
	if s.Signal != syscall.SIGINT || !t.stubborn {
		t.exited()
	}
	if t.gone() {
		t.timer.Stop()
	}
}

// exited is the end of the command, if it runs.
func (t *tree) exited() {
	if !t.command {
		return
	}
	t.command = false
	t.tell(eventlog.Ended, eventlog.Command)
	if s, ok := t.ending.Exited(); ok {
		t.take(s)
	}
}
