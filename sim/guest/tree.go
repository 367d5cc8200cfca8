package guest

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"receptor/internal/supervision"
	"receptor/sim/eventlog"
	"receptor/work/vfs"
)

// tree are the processes of a unit: the command, and what that has left in the
// background, which ends when it is told to, and does not heed SIGINT.
type tree struct {
	s       *supervisor
	command int // process ID of the command
	out     vfs.File
	output  *supervision.Output
	deaths  chan supervision.Death // has room for those of all
	killed  chan struct{}          // closed when the command is

	mu       sync.Mutex
	running  bool // the command is
	children int
}

var _ supervision.Processes = (*tree)(nil)

// newTree starts a command, which starts its children.
func newTree(s *supervisor, out vfs.File, output []byte) *tree {
	t := &tree{
		s: s, command: s.machine.spawn().Pid, out: out, output: supervision.NewOutput(s.disk, s.job), running: true, children: s.behaviour.Children,
		deaths: make(chan supervision.Death, 1+s.behaviour.Children), killed: make(chan struct{}),
	}
	s.tell(eventlog.Started, eventlog.Command)
	for n := range t.children {
		s.tell(eventlog.Started, childName(n))
	}
	go t.run(output)
	return t
}

func childName(n int) string { return fmt.Sprintf("child %d", n+1) }

// run is what the command does, unless it is killed: it writes its output.
func (t *tree) run(output []byte) {
	pause, parts := t.s.behaviour.pace()
	out := t.output.To(t.out)
	step := time.NewTimer(pause)
	defer step.Stop()
	for n := range parts {
		select {
		case <-t.s.ctx.Done():
			return
		case <-t.killed:
			return
		case <-step.C:
		}
		_, _ = out.Write(t.s.behaviour.part(output, n, parts)) // which it takes in any case
		if t.s.isFollowed() {
			t.s.notifyOutput()
		}
		step.Reset(pause)
	}
	t.exited(supervision.Death{Code: t.s.behaviour.Exit})
}

// exited is the end of the command by itself, unless it was killed.
func (t *tree) exited(d supervision.Death) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commandEnds(d)
}

// commandEnds requires mu.
func (t *tree) commandEnds(d supervision.Death) {
	if !t.running {
		return
	}
	t.running = false
	t.s.machine.system.exit(t.command)
	t.s.tell(eventlog.Ended, eventlog.Command)
	d.Command, d.Last = true, t.children == 0
	t.deaths <- d
}

// Command implements supervision.Processes.
func (t *tree) Command() int { return t.command }

// Deaths implements supervision.Processes.
func (t *tree) Deaths() <-chan supervision.Death { return t.deaths }

// Exceeded implements supervision.Processes.
func (t *tree) Exceeded() <-chan struct{} { return t.output.Exceeded() }

// Signal implements supervision.Processes.
func (t *tree) Signal(sig syscall.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sig != syscall.SIGINT {
		for n := range t.children {
			t.s.tell(eventlog.Ended, childName(n))
			t.deaths <- supervision.Death{Signal: sig, Last: !t.running && n == t.children-1}
		}
		t.children = 0
	}
	if t.running && (sig != syscall.SIGINT || !t.s.behaviour.IgnoreSIGINT) {
		close(t.killed)
		t.commandEnds(supervision.Death{Signal: sig})
	}
}

// Finish implements supervision.Processes.
func (t *tree) Finish() (stdout, stderr int64, failure string) {
	err := t.out.Sync()
	if err == nil {
		stdout, err = t.out.Size()
	}
	t.output.Fail(err)
	return stdout, 0, t.output.Failure()
}

// Close implements supervision.Processes.
func (t *tree) Close() { t.out.Close() }
