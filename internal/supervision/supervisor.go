// Package supervision is what the supervisor of a unit decides: it claims the unit, has
// its command started, writes the unit's status until that is terminal, and stays until
// no process of the unit is left. What it stands on is handed in: processes of this
// machine by internal/host, simulated ones by sim/guest.
package supervision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"receptor/internal/escalation"
	"receptor/work"
	"receptor/work/vfs"
)

// Self is the process that a supervisor is, while it has one unit. Its methods are
// called by the goroutine of Run.
type Self interface {
	// Pid returns its process ID.
	Pid() int
	// Claim claims the unit, and returns its status: see work.Processes. The error is
	// work.ErrClaimed if another supervisor was first, and work.ErrTerminal if the unit
	// is complete.
	Claim() (work.Status, error)
	// Start starts the command. Its stdin is input, or what the file has if that is nil.
	Start(input *[]byte) (Processes, error)
	// Changed tells who watches the unit that its status, which is safe, has changed.
	Changed()
}

// Processes are those of a unit: its command, and what descends from that. They are used
// by the goroutine of Run.
type Processes interface {
	// Command returns the process ID of the command.
	Command() int
	// Deaths tells of the end of each of them.
	Deaths() <-chan Death
	// Signal sends a signal to all of them.
	Signal(syscall.Signal)
	// Exceeded returns what is closed once there is more output than may be stored.
	Exceeded() <-chan struct{}
	// Finish makes the output safe, as far as it counts, once that ends. It returns how
	// many bytes of stdout and stderr there are, and why not all was stored, if so.
	Finish() (stdout, stderr int64, failure string)
	// Close gives back what is held for them, once all are gone.
	Close()
}

// Supervisor is what one needs to run a unit.
type Supervisor struct {
	Job    work.Job
	FS     vfs.FS
	Self   Self
	Told   <-chan os.Signal // any of them asks it to end the unit
	Timing Timing
}

// Timing says when a supervisor acts.
type Timing struct {
	// Steps are how processes are ended.
	Steps []escalation.Step
	// RetryFirst is the pause before a result is written again that the disk has not
	// taken. It doubles up to RetryLast.
	RetryFirst, RetryLast time.Duration
}

// DefaultTiming returns what docs/work.md promises.
func DefaultTiming() Timing {
	return Timing{Steps: escalation.Default(), RetryFirst: time.Second, RetryLast: time.Minute}
}

// Exit is the exit code of a supervisor.
type Exit int

// Exit codes.
const (
	Success  Exit = 0
	Claimed  Exit = 3 // another supervisor was first
	NoClaim  Exit = 4 // it could not claim the unit
	NoResult Exit = 5 // it could not write the result
)

// Describe tells a person how a supervisor has ended, or returns "" if the code says
// nothing.
func (e Exit) Describe() string {
	switch e {
	case NoClaim:
		return "it could not claim the unit's directory"
	case NoResult:
		return "it could not write the result"
	}
	return ""
}

// Run claims the unit and runs it. told reports whether it was told to end it. Once ctx is
// done it returns at once, whatever runs: that is for processes that are gone.
func (s Supervisor) Run(ctx context.Context) (code Exit, told bool) {
	status, err := s.Self.Claim()
	switch {
	case errors.Is(err, work.ErrClaimed):
		return Claimed, false
	case errors.Is(err, work.ErrTerminal):
		return Success, false // it was cancelled before this process came to it
	case err != nil:
		return NoClaim, false
	}
	r := &run{Supervisor: s, ctx: ctx, status: status, ending: escalation.New(s.Timing.Steps), timer: time.NewTimer(0)}
	r.timer.Stop()
	defer r.timer.Stop()
	if err := r.toTheEnd(); err != nil {
		return NoResult, r.told
	}
	r.done()
	return Success, r.told
}

// run is the run of a unit's command.
type run struct {
	Supervisor
	ctx       context.Context
	status    work.Status
	processes Processes // nil if the command could not be started
	gone      bool      // all of them are
	ending    *escalation.Escalation
	timer     *time.Timer // of the next step of ending
	told      bool        // to end the unit
}

// toTheEnd runs the command to its end, writes the result, and stays until none of
// the unit's processes is left. An error means that the result could not be written.
func (r *run) toTheEnd() error {
	input := r.status.Input
	r.status.Input = nil
	p, err := r.Self.Start(input)
	if err != nil {
		r.gone = true
		r.result(work.Failed, fmt.Sprintf("Error starting command: %v", err))
		return r.outlast(nil)
	}
	defer p.Close()
	r.processes = p
	state, detail, ok := r.await()
	if !ok {
		return r.ctx.Err()
	}
	r.result(state, detail)
	return r.outlast(p.Deaths())
}

// running says in the status that the command runs.
func (r *run) running() {
	var extra work.CommandExtra
	// The daemon wrote it; what cannot be read is not worth a failure now.
	_ = json.Unmarshal(r.status.ExtraData, &extra)
	extra.Pid = r.Self.Pid()
	r.status.State = work.Running
	r.status.Detail = fmt.Sprintf("Running: PID %d", r.processes.Command())
	if b, err := json.Marshal(extra); err == nil {
		r.status.ExtraData = b
	}
	// If the disk is full now it may not be when the result is there.
	_ = r.writeStatus()
}

// await returns the state and detail in which the unit ends: when the command
// has ended, or, once cancelled, when the last of its processes has. It is not ok
// once the context is done.
func (r *run) await() (state work.State, detail string, ok bool) {
	exceeded := r.processes.Exceeded()
	running := time.NewTimer(work.RunningAfter)
	defer running.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return 0, "", false
		case <-running.C:
			r.running()
		case <-exceeded:
			exceeded = nil
			r.take(r.ending.Kill())
		case d := <-r.processes.Deaths():
			r.died(d)
			switch {
			case d.Command && !r.ending.Begun():
				state, detail = d.outcome()
				return state, detail, true
			case d.Last:
				return work.Canceled, "Canceled", true
			}
		case <-r.Told:
			r.end()
		case <-r.timer.C:
			r.take(r.ending.Next())
		}
	}
}

// outlast writes the result and returns when no process of the unit is left. What
// the command has left in the background goes on until then, or until this process
// is told to end it. Nobody else knows the result: if the disk does not take it,
// that is tried again until then, too.
func (r *run) outlast(deaths <-chan Death) error {
	err := r.writeStatus()
	pause := r.Timing.RetryFirst
	retry := time.NewTimer(pause)
	defer retry.Stop()
	for !r.gone || mayPass(err) && !r.told {
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case d := <-deaths:
			r.died(d)
		case <-r.Told:
			r.end()
		case <-r.timer.C:
			r.take(r.ending.Next())
		case <-retry.C:
			if mayPass(err) {
				err = r.writeStatus()
			}
			pause = min(2*pause, r.Timing.RetryLast)
			retry.Reset(pause)
		}
	}
	return err
}

// mayPass tells of an error of writing a status that may not be for good: the unit
// is there, and is not complete.
func mayPass(err error) bool {
	return err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, work.ErrTerminal)
}

// died takes note of a death.
func (r *run) died(d Death) {
	if d.Last {
		r.gone = true
		r.timer.Stop()
	}
	if d.Command {
		if s, ok := r.ending.Exited(); ok && !r.gone {
			r.take(s)
		}
	}
}

// end begins to end all processes, unless it has begun.
func (r *run) end() {
	r.told = true
	if r.gone {
		return
	}
	if s, ok := r.ending.End(); ok {
		r.take(s)
	}
}

func (r *run) take(s escalation.Step) {
	r.processes.Signal(s.Signal)
	r.timer.Reset(s.Wait)
}

// result makes the status terminal. The output is safe before that says how long
// it is.
func (r *run) result(state work.State, detail string) {
	r.status.State, r.status.Detail, r.status.ExtraData = state, detail, nil
	if r.processes == nil {
		return
	}
	stdout, stderr, failure := r.processes.Finish()
	r.status.StdoutSize = stdout
	if r.Job.SeparateStderr {
		r.status.StderrSize = stderr
		// Its file came with the command, and its name may not be safe yet.
		if err := r.FS.SyncDir(r.Job.Dir); err != nil && failure == "" {
			failure = fmt.Sprintf("Error storing the output: %v", err)
		}
	}
	if failure != "" {
		r.status.State, r.status.Detail = work.Failed, failure
	}
}

func (r *run) writeStatus() error {
	next := r.status
	next.Version++
	next.Done = next.State.Terminal() && r.gone
	if err := work.WriteStatus(r.FS, r.Job.Dir, next); err != nil {
		return err
	}
	r.status = next
	r.Self.Changed()
	return nil
}

// done says that no process of the unit, which is complete, is left. An error is of no
// consequence: whoever needs to know will look for processes.
func (r *run) done() {
	if !r.status.Done {
		_ = r.writeStatus()
	}
}
