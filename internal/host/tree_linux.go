package host

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"receptor/internal/escalation"
)

// endingSteps are how the processes of a unit are ended. Only tests change them.
var endingSteps = escalation.Default()

// tree are the processes of a unit as their supervisor has them: the command and
// what descends from it, in whatever groups and sessions. It is used by one
// goroutine.
type tree struct {
	command int // process ID of the command, and of its process group
	group   int // pidfd of that, -1 where there is none
	deaths  <-chan death
	gone    bool // all processes are
	timer   *time.Timer
	ending  *escalation.Escalation
}

// death is the end of one process, maybe the last.
type death struct {
	pid    int
	status syscall.WaitStatus
	last   bool
}

// newTree takes over all children of this process.
func newTree(command int) *tree {
	deaths := make(chan death)
	t := &tree{command: command, group: -1, deaths: deaths, timer: time.NewTimer(0), ending: escalation.New(endingSteps)}
	t.timer.Stop()
	if pidfd, err := unix.PidfdOpen(command, 0); err == nil { // nobody has waited for it yet
		t.group = pidfd
	}
	go reap(deaths)
	return t
}

// close gives up what the tree has open, once all processes are gone.
func (t *tree) close() {
	t.timer.Stop()
	if t.group >= 0 {
		_ = unix.Close(t.group)
	}
}

// noTree is that of a command which could not be started.
func noTree() *tree {
	t := &tree{gone: true, timer: time.NewTimer(0)}
	t.timer.Stop()
	return t
}

func reap(deaths chan<- death) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // ECHILD, before any was seen to be the last
			deaths <- death{last: true}
			return
		default:
			last := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD
			deaths <- death{pid: pid, status: status, last: last}
			if last {
				return
			}
		}
	}
}

// died takes note of a death, and reports whether no process is left.
func (t *tree) died(d death) bool {
	if t.gone = d.last; t.gone {
		t.timer.Stop()
	} else if d.pid == t.command {
		if s, ok := t.ending.Exited(); ok {
			t.take(s)
		}
	}
	return t.gone
}

// end begins to end all processes, unless it has begun.
func (t *tree) end() {
	if s, ok := t.ending.End(); ok {
		t.take(s)
	}
}

// kill ends all processes without asking them.
func (t *tree) kill() { t.take(t.ending.Kill()) }

// next takes the next step of ending.
func (t *tree) next() { t.take(t.ending.Next()) }

func (t *tree) take(s escalation.Step) {
	t.signal(s.Signal)
	t.timer.Reset(s.Wait)
}

// signal sends a signal to all processes.
func (t *tree) signal(sig unix.Signal) {
	list, err := processes()
	if err != nil {
		t.signalGroup(sig) // without /proc that is all there is
		return
	}
	group := false
	for _, p := range descendants(list, os.Getpid()) {
		if p.group == t.command {
			group = true
		} else {
			_ = p.signal(sig) // it may have ended meanwhile
		}
	}
	if group {
		t.signalGroup(sig)
	}
}

// signalsGroup is PIDFD_SIGNAL_PROCESS_GROUP of linux/pidfd.h.
const signalsGroup = 1 << 2

// signalGroup sends a signal to all of the command's process group at once. Before
// Linux 6.9 its number has to do, which passes on to no other group as long as one
// of this is left.
func (t *tree) signalGroup(sig unix.Signal) {
	err := unix.PidfdSendSignal(t.group, sig, nil, signalsGroup)
	if err != nil && err != unix.ESRCH {
		_ = unix.Kill(-t.command, sig)
	}
}
