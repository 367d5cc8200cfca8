package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"receptor/work/vfs"
)

// awaitInput has the unit given up when its submitter stays away for as long as
// keys are kept.
func (c *command) awaitInput() { c.m.wakeAt(&c.alarm, c.m.clock.Now().Add(keyLife)) }

// retryPause is the pause before what this machine did not do is tried again.
const retryPause = 10 * time.Second

// tryAgain has f, which requires mu as this does, called after a pause: something
// failed that may not be for good, such as a want of open files or of disk.
func (c *command) tryAgain(err error, f func()) {
	c.tell(err)
	c.retry = f
	c.m.wakeAt(&c.alarm, c.m.clock.Now().Add(retryPause))
}

// wake is called when the time of the alarm has come.
func (c *command) wake() {
	defer c.m.settle(c)
	defer func() { c.m.startWaiting(c.m.places.fillAll()) }()
	c.mu.Lock()
	defer c.mu.Unlock()
	retry := c.retry
	c.retry = nil
	switch {
	case c.closed:
	case retry != nil:
		if retry(); c.retry == nil {
			c.tell(nil)
		}
	case !c.needsInput():
	case c.intake.inUse():
		c.awaitInput()
	default:
		c.end(Failed, fmt.Sprintf("its submitter has not sent all of its input, and not come back for %v", keyLife))
	}
}

// lost ends a unit whose supervisor has ended, unless that left a result. It
// requires mu.
func (c *command) lost(problem string) {
	if c.closed || c.load().status.State.Terminal() {
		return
	}
	if c.canceling {
		c.end(Canceled, detailCanceled)
		return
	}
	c.end(Failed, fmt.Sprintf("the supervisor of the command ended early (%s): how far the command came is unknown", problem))
}

// orders are what was asked of a unit while its command ran, as the order file
// has it.
type orders struct{ Canceled, Released bool }

// record makes orders safe from a crash: the client is told that they will be
// carried out. It requires mu.
func (c *command) record(o orders) error {
	if o == c.recorded {
		return nil
	}
	if err := replaceFile(c.m.store.fs, path.Join(c.dir, OrderFile), mustJSON(o)); err != nil {
		return fmt.Errorf("keep the order to end unit %s: %w", c.id, err)
	}
	c.recorded = o
	return nil
}

// recall takes up the orders of a former run. An error means that they could not be read
// just now. It requires mu.
func (c *command) recall() error {
	b, err := readFile(c.m.store.fs, path.Join(c.dir, OrderFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the order to end it: %w", err)
	}
	var o orders
	if err := json.Unmarshal(b, &o); err != nil {
		c.m.emit(UnitProblem{Unit: c.id, Err: fmt.Errorf("read the order to end it, which is damaged: give it again: %w", err)})
		return nil
	}
	c.canceling, c.releasing = o.Canceled, o.Released
	// It may have been killed before that was safe, and who gives the order again is
	// told that it is.
	if c.m.store.fs.SyncDir(c.dir) == nil {
		c.recorded = o
	}
	return nil
}

// resume takes up a unit that was not complete when the daemon stopped, or not
// released.
func (c *command) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeUpOrders()
}

// takeUpOrders finds what was asked of the unit, and then what has become of it. It
// requires mu.
func (c *command) takeUpOrders() {
	err := c.recall()
	if err == nil {
		c.takeUp()
		return
	}
	if s := c.load().status; !s.State.Terminal() {
		t, _ := c.m.lookupType(s.WorkType)
		c.m.places.resume(t, c, true) // it may run
	}
	c.tryAgain(err, c.takeUpOrders)
}

// takeUp finds what has become of the unit. It requires mu.
func (c *command) takeUp() {
	if c.load().status.State.Terminal() {
		if c.releasing {
			_ = c.removeSoon()
		}
		return
	}
	if f, err := c.m.store.fs.Open(c.stdoutPath(), vfs.Append); err == nil {
		f.Close() // the supervisor of a deployed node may not have come to that
	}
	e := c.extra()
	s := c.load().status
	t, known := c.m.lookupType(s.WorkType)
	c.arrival.Store(e.Arrival)
	pending := s.State == Pending
	process, err := c.m.processes.Attach(c.dir, e.Pid, c)
	switch {
	case err == nil:
		c.watch(process)
		if c.canceling {
			_ = process.Cancel() // an error means that it has ended, and that is told
		}
		_ = c.adopt(false) // what changed before it was watched; it tells of what comes
		if size := c.stdoutSize(); !c.closed && !c.load().status.State.Terminal() {
			c.publish(func(v *snapshot) { v.size, v.errSize = max(v.size, size), max(v.errSize, c.fileSize(StderrFile)) })
		}
		if !c.load().status.State.Terminal() {
			c.m.places.resume(t, c, true)
		}
	case errors.Is(err, ErrNeverStarted) && !known:
		// A unit of a type that is not registered, or no command: it is kept.
	case errors.Is(err, ErrNeverStarted) && pending && c.canceling:
		c.endUnclaimed()
	case errors.Is(err, ErrNeverStarted) && pending && e.InputComplete:
		if !c.m.places.resume(t, c, false) {
			// The error is in the status; there is nobody else to tell.
			_ = c.start()
		}
	case errors.Is(err, ErrNeverStarted) && pending && c.of.Key != "":
		c.awaitInput() // its submitter comes back with the rest of it
	case errors.Is(err, ErrNeverStarted) && pending:
		c.end(Failed, detailAtRestart)
	case errors.Is(err, ErrNeverStarted), errors.Is(err, ErrSupervisorGone):
		if err := c.adopt(true); isUnread(err) { // it may have written a result just before it ended
			c.tryAgain(err, c.takeUp)
			return
		}
		c.sweep(process)
		c.lost("while this node was down")
	default:
		c.m.places.resume(t, c, true) // it may run
		c.tryAgain(fmt.Errorf("find the supervisor: %w", err), c.takeUp)
	}
}

// endUnclaimed ends a unit that no supervisor has claimed, although one may have
// been started and be about to: two must not write its status. It requires mu.
func (c *command) endUnclaimed() {
	switch err := c.m.processes.Forbid(c.dir); {
	case err == nil:
		c.end(Canceled, detailCanceled)
	case errors.Is(err, ErrClaimed):
		c.takeUp() // one was faster, and is found now
	default:
		c.tryAgain(err, c.takeUp)
	}
}

// endUnstarted ends a unit whose supervisor has ended before it claimed it. A former run of
// this node may have started another one, which is about to. It requires mu.
func (c *command) endUnstarted(s State, detail string) {
	err := c.m.processes.Forbid(c.dir)
	if errors.Is(err, ErrClaimed) {
		c.takeUp()
		return
	}
	c.end(s, detail)
	if err != nil && c.unsaved != nil && !c.releasing { // the disk takes neither, and the other one may be faster
		c.retry = func() { c.endUnstarted(s, detail) }
	}
}
