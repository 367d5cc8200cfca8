package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sync/atomic"
	"time"

	"receptor/work/vfs"
)

// cancelWait is how long a control command waits for a unit to end before it
// answers that this is pending. A supervisor needs up to ten seconds with a
// command that ignores what it is asked.
const cancelWait = 15 * time.Second

// command is a unit that runs a command here. It is the Watcher of the
// supervisor that does so.
type command struct {
	*unit
	readers   int           // of its output
	arrival   atomic.Uint64 // its number among those of a type with a limit
	process   Process       // nil unless a supervisor is watched
	canceling bool          // the supervisor was told to end the command
	releasing bool          // the unit goes when it is terminal
	over      bool          // it was about to be removed: its directory may be gone already
	fed       bool          // its stdin has come to its end since this node runs
	recorded  orders        // those on disk
	// alarm is when a unit is given up whose submitter does not come back, or when
	// retry is called, which requires mu.
	alarm alarm
	retry func()
}

func newCommand(u *unit) *command {
	c := &command{unit: u}
	c.alarm = alarm{unit: c, index: -1}
	return c
}

// newCommandStatus is the status of a command unit that waits for its stdin.
func newCommandStatus(workType, params string) Status {
	return Status{
		State: Pending, Detail: detailWaiting, WorkType: workType,
		ExtraData: mustJSON(CommandExtra{Params: params}),
	}
}

// extra returns the unit's extra data. What cannot be read counts as empty: it
// is then a unit of another kind, which is kept but never started.
func (c *command) extra() CommandExtra {
	var e CommandExtra
	if json.Unmarshal(c.load().status.ExtraData, &e) != nil {
		return CommandExtra{}
	}
	return e
}

func (c *command) needsInput() bool {
	return !c.load().status.State.Terminal() && !c.extra().InputComplete
}

func (c *command) inputComplete(context.Context) (pending bool, err error) {
	defer c.m.settle(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.load().status
	e := c.extra()
	switch {
	case c.closed:
		return false, c.closedError()
	case c.fed, e.InputComplete:
		return false, c.unsaved // another session of the same submission was first
	case s.State.Terminal():
		return false, fmt.Errorf("work unit %s was not started: %s", c.id, s.Detail)
	}
	c.m.wakeAt(&c.alarm, time.Time{})
	t, _ := c.m.lookupType(s.WorkType)
	admitted := c.m.places.admit(t, c)
	e.InputComplete, e.Arrival = true, c.arrival.Load()
	if s.Detail = detailStarting; !admitted {
		s.Detail = detailQueued
	}
	s.ExtraData, s.Input = mustJSON(e), c.intake.inStatus()
	if err := c.save(s); err != nil {
		return false, c.startFailed(err) // it could not be told at the next start
	}
	c.fed = true
	if !admitted {
		return true, nil
	}
	return false, c.start()
}

// start starts a supervisor. It requires mu.
func (c *command) start() error {
	s := c.load().status
	t, ok := c.m.lookupType(s.WorkType)
	if !ok {
		return c.startFailed(fmt.Errorf("unknown work type %s", s.WorkType))
	}
	args, err := splitParams(c.extra().Params)
	if err != nil {
		return c.startFailed(err)
	}
	process, err := c.m.processes.Start(Job{
		Dir: c.dir, Command: t.Command, Args: args,
		MaxOutput: t.MaxOutput, MinFree: c.m.floor.min, SeparateStderr: t.SeparateStderr,
	}, c)
	if err != nil {
		return c.startFailed(err)
	}
	c.watch(process)
	return nil
}

func (c *command) startFailed(err error) error {
	c.m.emit(UnitProblem{Unit: c.id, Err: err})
	c.end(Failed, fmt.Sprintf("Error starting worker: %v", err))
	return err
}

// end writes a terminal status, unless there is one already, and goes on to try
// until the disk takes it. It requires mu.
func (c *command) end(s State, detail string) {
	status := c.load().status
	if status.State.Terminal() {
		return
	}
	status.StdoutSize, status.StderrSize = c.stdoutSize(), c.fileSize(StderrFile)
	if err := c.syncOutput(status); err != nil {
		s, detail = Failed, fmt.Sprintf("Error storing the output: %v", err)
	}
	status.State, status.Detail = s, detail
	status.ExtraData, status.Input = json.RawMessage("null"), nil
	if _ = c.save(status); c.unsaved != nil && !c.releasing {
		c.tryAgain(c.unsaved, func() { c.end(s, detail) })
		return
	}
	c.terminal()
}

// syncOutput makes safe what there is of output by a status: a supervisor that was killed
// has not done it. The file of stderr was not made with the unit, so its name may not be
// safe either.
func (c *command) syncOutput(s Status) error {
	var err error
	if s.StdoutSize > 0 {
		err = c.syncFile(StdoutFile)
	}
	if s.StderrSize > 0 {
		err = errors.Join(err, c.syncFile(StderrFile), c.m.store.fs.SyncDir(c.dir))
	}
	return err
}

func (u *unit) syncFile(name string) error {
	f, err := u.m.store.fs.Open(path.Join(u.dir, name), vfs.Append)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// terminal carries out a release that waited for the unit to end, with all that
// its supervisor watches over. It requires mu.
func (c *command) terminal() {
	if !c.releasing || c.closed || c.process != nil {
		return
	}
	if err := c.remove(); err != nil {
		c.tryAgain(err, c.terminal)
	}
}

func (c *command) fail(detail string) {
	defer c.m.settle(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.end(Failed, detail)
	}
}

// remove also lets go of the supervisor. It requires mu.
func (c *command) remove() error {
	c.over = true
	if err := c.unit.remove(); err != nil {
		return err
	}
	c.forgetProcess()
	c.m.wakeAt(&c.alarm, time.Time{})
	return nil
}

func (c *command) forgetProcess() {
	if c.process != nil {
		c.process.Forget()
		c.process = nil
	}
}

// OutputGrew implements Watcher.
func (c *command) OutputGrew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outputGrew()
}

// outputGrew requires mu.
func (c *command) outputGrew() {
	old := c.load()
	if c.closed || old.status.State.Terminal() {
		return // what the command has left running may still write: that is no output
	}
	size, errSize := max(old.size, c.stdoutSize()), old.errSize
	if t, _ := c.m.lookupType(old.status.WorkType); t.SeparateStderr {
		errSize = max(errSize, c.fileSize(StderrFile))
	}
	if size > old.size || errSize > old.errSize {
		c.publish(func(v *snapshot) { v.size, v.errSize = size, errSize })
	}
}

// StatusChanged implements Watcher.
func (c *command) StatusChanged() {
	defer c.m.settle(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		_ = c.adopt(false) // there will be another notice
	}
}

// adopt makes the status that the supervisor has written the unit's own. It
// requires mu. A file that is unusable may be in the middle of being written
// by the supervisor of a deployed node. gone says that the supervisor has ended: what it
// was about to make safe is made safe here. The error is one of reading the status, or of
// that.
func (c *command) adopt(gone bool) error {
	old := c.load().status
	if old.State.Terminal() && old.Done {
		return nil
	}
	read := ReadStatus
	if gone {
		read = settleStatus
	}
	s, err := read(c.m.store.fs, c.dir)
	if err == nil && s.Done && old.State.Terminal() {
		c.publish(func(v *snapshot) { v.status.Done = true })
	}
	if err != nil || !s.follows(old) {
		return err
	}
	if s.State.Terminal() && s.Version == 0 { // supervisors of deployed nodes sync nothing
		if err := WriteStatus(c.m.store.fs, c.dir, s); err != nil {
			return err
		}
	}
	c.unsaved = nil
	c.publish(func(v *snapshot) { v.adopt(s) })
	if s.State.Terminal() {
		c.terminal()
	}
	return nil
}

// Ended implements Watcher.
func (c *command) Ended(claimed bool, problem string) {
	defer c.m.settle(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended(claimed, problem)
}

// ended requires mu. As long as the status cannot be read, nobody knows whether
// the supervisor has left a result.
func (c *command) ended(claimed bool, problem string) {
	if c.closed {
		return
	}
	if err := c.adopt(true); isUnread(err) {
		c.tryAgain(err, func() { c.ended(claimed, problem) })
		return
	}
	process := c.process
	c.process = nil
	if claimed {
		c.sweep(process)
	}
	switch {
	case c.closed:
	case c.load().status.State.Terminal():
		c.terminal()
	case claimed, c.load().status.State == Running: // the latter under a deployed node's supervisor
		c.lost(problem)
	case c.canceling:
		c.endUnstarted(Canceled, detailCanceled)
	default:
		c.endUnstarted(Failed, fmt.Sprintf("Error starting worker: the supervisor ended (%s) before it started the command", problem))
	}
}

func (c *command) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.forgetProcess()
}

func (c *command) signed() bool {
	t, _ := c.m.lookupType(c.load().status.WorkType)
	return t.VerifySignature
}

func (c *command) shownDetail(s Status) string {
	if place := c.m.places.describe(s.WorkType, c, false); place != "" && !s.State.Terminal() {
		return place
	}
	return s.Detail
}

func (c *command) shown(s Status) any {
	if _, ok := c.m.lookupType(s.WorkType); !ok {
		return unknownType
	}
	if string(s.ExtraData) == "null" {
		return nil
	}
	var e *struct {
		Pid    int
		Params string
	}
	if json.Unmarshal(s.ExtraData, &e) != nil || e == nil {
		return nil
	}
	return e
}
