package host

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"receptor/internal/supervision"
)

// tree are the processes of a unit as their supervisor has them: the command and
// what descends from it, in whatever groups and sessions. It is used by one
// goroutine.
type tree struct {
	command int // process ID of the command, and of its process group
	group   int // pidfd of that, -1 where there is none
	deaths  <-chan supervision.Death
	output  *unitOutput
}

var _ supervision.Processes = (*tree)(nil)

// newTree takes over all children of this process.
func newTree(command int, output *unitOutput) *tree {
	deaths := make(chan supervision.Death)
	t := &tree{command: command, group: -1, deaths: deaths, output: output}
	if pidfd, err := unix.PidfdOpen(command, 0); err == nil { // nobody has waited for it yet
		t.group = pidfd
	}
	go reap(command, deaths)
	return t
}

// Command implements supervision.Processes.
func (t *tree) Command() int { return t.command }

// Deaths implements supervision.Processes.
func (t *tree) Deaths() <-chan supervision.Death { return t.deaths }

// Exceeded implements supervision.Processes.
func (t *tree) Exceeded() <-chan struct{} { return t.output.Exceeded() }

// Finish implements supervision.Processes.
func (t *tree) Finish() (stdout, stderr int64, failure string) { return t.output.finish() }

// Close implements supervision.Processes.
func (t *tree) Close() {
	t.output.close()
	if t.group >= 0 {
		_ = unix.Close(t.group)
	}
}

func reap(command int, deaths chan<- supervision.Death) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // ECHILD, before any was seen to be the last
			deaths <- supervision.Death{Last: true}
			return
		default:
			d := deathOf(status)
			d.Command = pid == command
			d.Last = unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD
			deaths <- d
			if d.Last {
				return
			}
		}
	}
}

func deathOf(status syscall.WaitStatus) supervision.Death {
	if status.Signaled() {
		return supervision.Death{Signal: status.Signal(), Core: status.CoreDump()}
	}
	return supervision.Death{Code: status.ExitStatus()}
}

// Signal implements supervision.Processes.
func (t *tree) Signal(sig unix.Signal) {
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
