package work

import (
	"context"
	"errors"
	"fmt"
)

func (c *command) cancel(ctx context.Context) (pending bool, err error) {
	if err := c.askToEnd(false); err != nil {
		return false, err
	}
	ctx, stop := c.m.withTimeout(ctx, cancelWait)
	defer stop()
	_, err = c.await(ctx, func(s *snapshot) bool { return s.released || s.status.State.Terminal() })
	return err != nil, nil
}

// release with force also removes a unit whose processes cannot be ended.
func (c *command) release(ctx context.Context, force bool) (pending bool, err error) {
	err = c.askToEnd(true)
	if err != nil && force {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return false, c.closedError()
		}
		return false, c.remove()
	}
	if err != nil {
		return false, err
	}
	ctx, stop := c.m.withTimeout(ctx, cancelWait)
	defer stop()
	_, err = c.await(ctx, func(s *snapshot) bool { return s.released })
	return err != nil, nil
}

// errNotFound is for running units that nobody can cancel.
var errNotFound = errors.New("this node could not find its supervisor when it started; force-release removes the unit all the same")

// askToEnd ends a unit that no supervisor runs, and tells the supervisor of one
// that is run, or has left processes in the background. With release the unit is
// removed once nothing of it runs.
func (c *command) askToEnd(release bool) error {
	defer c.m.settle(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.load().status.State
	switch {
	case c.closed:
		return c.closedError()
	case release && state.Terminal() && c.load().status.Done:
		c.forgetProcess() // there is nothing to ask it
		return c.removeSoon()
	case c.process != nil:
		return c.askProcess(release)
	case release && (state.Terminal() || c.unsaved != nil):
		return c.removeSoon()
	case state.Terminal():
		return nil
	case c.unsaved != nil:
		return fmt.Errorf("unit %s: %w", c.id, c.unsaved)
	case state == Running, c.retry != nil:
		return fmt.Errorf("cancel unit %s: %w", c.id, errNotFound)
	}
	c.releasing = release
	c.end(Canceled, detailCanceled)
	return c.unrecorded(c.unsaved)
}

// unrecorded is what is said of an order that cannot be written down. It is nil
// for nil, and for a unit that is gone.
func (u *unit) unrecorded(err error) error {
	if err == nil || u.load().released {
		return nil
	}
	return fmt.Errorf("the order is tried until this node stops, and then lost, as it cannot be written down: %w", err)
}

// askProcess tells the supervisor that is watched to end all processes of the
// unit. It requires mu.
func (c *command) askProcess(release bool) error {
	o := orders{Canceled: true, Released: c.releasing || release}
	unrecorded := c.record(o)
	if err := c.process.Cancel(); err != nil {
		return fmt.Errorf("cancel unit %s: %w", c.id, err)
	}
	c.canceling, c.releasing = true, o.Released
	return c.unrecorded(unrecorded)
}

// removeSoon is removeComplete, which is tried again if it fails. It requires mu.
func (c *command) removeSoon() error {
	err := c.removeComplete()
	if err != nil && c.process == nil {
		c.releasing = true
		c.tryAgain(err, func() { _ = c.removeSoon() })
	}
	return err
}

// removeComplete removes a unit that is complete, and whose supervisor is not
// watched, once nothing of it runs. It requires mu.
func (c *command) removeComplete() error {
	if c.over || c.load().status.Done {
		return c.remove()
	}
	process, err := c.m.processes.Attach(c.dir, 0, c)
	switch {
	case err == nil: // it watches over processes in the background
		c.watch(process)
		return c.askProcess(true)
	case errors.Is(err, ErrSupervisorGone):
		if err = nil; process != nil {
			err = process.Sweep()
		}
	case errors.Is(err, ErrNeverStarted):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("end what unit %s has left running (force-release removes the unit all the same): %w", c.id, err)
	}
	return c.remove()
}

// sweep kills what a supervisor that was killed has left running. process is
// nil if there is nothing. It requires mu.
func (c *command) sweep(process Process) {
	if process == nil {
		return
	}
	if err := process.Sweep(); err != nil {
		c.tell(err)
	}
}
