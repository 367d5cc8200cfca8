package receptor1

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"receptor/work"
)

const (
	// watchPause is how often a status file is looked at.
	watchPause = time.Second
	// A unit that cannot be deleted is given up after some attempts.
	removeAttempts = 3
	removePause    = time.Second
)

// commandExtra is the extra data of a unit that runs a command: while its runner runs,
// who that is.
type commandExtra struct {
	Pid    int
	Params string
}

// command is a unit whose command this machine runs, in a process of its own: see
// runner.go.
type command struct {
	unit
	child atomic.Bool // this daemon has started the runner, and can wait for it
}

func newCommand(u unit) *command { return &command{unit: u} }

func (c *command) extra() (e *commandExtra) {
	if json.Unmarshal(c.status().ExtraData, &e) != nil {
		return nil
	}
	return e
}

func (c *command) setParams(params map[string]string) (err error) {
	c.held.ExtraData, err = json.Marshal(commandExtra{Params: params["params"]})
	return err
}

func (c *command) start() error {
	c.update(basic(work.Pending, detailLaunching, 0))
	var params string
	if e := c.extra(); e != nil {
		params = e.Params
	}
	job := Job{Command: c.status().WorkType, Params: params, Dir: c.dir}
	pid, exited := c.d.units.processes.Run(job)
	c.child.Store(true)
	c.update(func(s *status) {
		s.ExtraData, _ = json.Marshal(commandExtra{pid, params})
	})
	go func() {
		select {
		case <-exited:
			c.update(func(s *status) { s.ExtraData = nil })
		case <-c.d.ctx.Done():
		}
	}()
	go c.monitor()
	return nil
}

// monitor keeps what is held of the status up to date, until the unit is complete or
// cancelled. They are told by inotify, too, and look like this where that is used up.
func (c *command) monitor() {
	for c.d.pause(c.ctx, watchPause) {
		if err := c.load(); err != nil {
			c.d.log("Error reading %s: %v", c.file.name, err)
		}
		if c.status().complete() {
			return
		}
	}
}

// restart takes a unit for failed that was not running when the daemon ended, even if
// it was about to.
func (c *command) restart() error {
	if err := c.load(); err != nil {
		return err
	}
	switch s := c.status(); {
	case s.complete():
		return nil
	case s.State == work.Pending:
		c.update(basic(work.Failed, "Pending at restart", c.d.units.stdoutSize(c.dir)))
	}
	go c.monitor()
	return nil
}

// cancel interrupts the runner and waits for it, if it is a child of the daemon. Without
// one, nothing is done, and no error says so.
func (c *command) cancel() error {
	c.stop()
	e := c.extra()
	if e == nil || e.Pid <= 0 {
		return nil
	}
	exited, there := c.d.units.processes.Interrupt(e.Pid)
	if !there {
		return nil
	}
	if c.child.Load() {
		select {
		case <-exited:
		case <-c.d.ctx.Done():
			return c.d.ctx.Err()
		}
	}
	c.update(basic(work.Canceled, detailCanceled, -1))
	return nil
}

func (c *command) release(force bool) error {
	if err := c.cancel(); err != nil && !force {
		return err
	}
	return c.remove(force)
}
