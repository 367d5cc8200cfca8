package work

import (
	"errors"
	"time"
)

// Job is what the supervisor of a unit is to run.
type Job struct {
	// Dir is the unit's directory. Stdin comes from its stdin file; stdout and
	// stderr are appended to its stdout file, or stderr to its stderr file.
	Dir string
	// Command is the program, looked up in PATH unless it has a slash.
	Command string
	// Args are its arguments, handed over as they are: no shell sees them.
	Args []string
	// MaxOutput is how many bytes of output are stored, and of a stderr that is
	// kept apart, 0 for no limit. With more all processes of the unit are killed,
	// and it fails.
	MaxOutput int64
	// MinFree is how many bytes the output must leave free on the disk of Dir, 0
	// for none. If it does not, the unit ends in the same way.
	MinFree int64
	// SeparateStderr has stderr in a file of its own.
	SeparateStderr bool
}

// Processes starts and finds supervisors: processes that outlive this one, run
// the command of one unit each, and write its status from the moment at which
// they have claimed the unit until it is terminal. A supervisor stays as long
// as any process of the unit does. The command has been started
// only if a supervisor has claimed the unit, durably, and of any number of
// supervisors started for a unit exactly one can claim it (ClaimStatus). One that finds
// the unit complete starts nothing.
type Processes interface {
	// Start starts a supervisor. The Watcher's Ended is called once if it
	// returns no error, also when another supervisor had already claimed the
	// unit; it is that one which is then watched.
	Start(job Job, w Watcher) (Process, error)
	// Attach watches the supervisor that was started for the unit in dir. pid is
	// what the status file says, of use only for units of deployed nodes. The
	// error is ErrNeverStarted or ErrSupervisorGone when that is known for
	// certain; with the latter there is a Process, for a Sweep, unless it is
	// certain that no process of the unit is left.
	Attach(dir string, pid int, w Watcher) (Process, error)
	// Forbid makes certain that no supervisor claims the unit in dir any more, also
	// one that is just about to. The error is ErrClaimed if one has.
	Forbid(dir string) error
}

// RunningAfter is how long a command runs before its supervisor writes that it
// does: one that ends sooner needs a single status.
const RunningAfter = 20 * time.Millisecond

// Errors of Processes.
var (
	// ErrClaimed means that a supervisor has claimed the unit.
	ErrClaimed = errors.New("a supervisor has claimed the unit")
	// ErrNeverStarted means that no supervisor has claimed the unit.
	ErrNeverStarted = errors.New("no supervisor was started")
	// ErrSupervisorGone means that the supervisor has ended.
	ErrSupervisorGone = errors.New("the supervisor has ended")
)

// Watcher is told what a supervisor does, on any goroutine and without a lock
// held. Calls may overlap, and one that is under way when Forget is called may
// still arrive.
type Watcher interface {
	// OutputGrew: the stdout file, or the stderr file, may be longer. This is told
	// only while output is watched.
	OutputGrew()
	// StatusChanged: there may be another status. One of a supervisor of ours is
	// safe from a crash by then.
	StatusChanged()
	// Ended: the supervisor is gone, which for a complete unit may be long after
	// its end. A terminal status that it has written can
	// be read by now. claimed tells whether it had claimed the unit, problem how
	// it ended ("signal: killed"), for a person.
	Ended(claimed bool, problem string)
}

// Process is a supervisor.
type Process interface {
	// Cancel has the supervisor end the command with all its processes and
	// then write a terminal status, unless it has written one; and then end.
	Cancel() error
	// WatchOutput has the Watcher told when output grows, or no more. At first it
	// is not.
	WatchOutput(on bool) error
	// Sweep kills what a supervisor that has ended early has left running.
	Sweep() error
	// Forget ends the watching, and nothing else: the Watcher hears no more.
	Forget()
}
