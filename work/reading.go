package work

import (
	"context"
	"fmt"
	"io"
)

// results has the output watched while it is read.
func (c *command) results(ctx context.Context, pos int64, w io.Writer) error {
	done, err := c.read()
	if err != nil {
		return err
	}
	defer done()
	return c.unit.results(ctx, pos, w)
}

// read has the output watched until done is called: there is no watch for a unit
// that nobody reads.
func (c *command) read() (done func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers++
	if c.readers == 1 {
		err = c.watchOutput()
	}
	if err != nil {
		c.readers--
		return nil, err
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.readers--
		if c.readers == 0 && c.process != nil {
			_ = c.process.WatchOutput(false) // which does not fail
		}
	}, nil
}

// watchOutput looks at the output once, and then has it watched if somebody
// reads. It requires mu.
func (c *command) watchOutput() error {
	if c.process == nil || c.readers == 0 {
		return nil
	}
	if err := c.process.WatchOutput(true); err != nil {
		return fmt.Errorf("output of unit %s: %w", c.id, err)
	}
	c.outputGrew()
	return nil
}

// watch takes a supervisor that is watched now. It requires mu.
func (c *command) watch(p Process) {
	c.process = p
	if err := c.watchOutput(); err != nil {
		c.tell(err)
	}
}

// sizes returns how much output there is at the moment.
func (c *command) sizes() (stdout, stderr int64) {
	s := c.load()
	if s.status.State != Running {
		return s.size, s.errSize
	}
	stdout, stderr = max(s.size, c.stdoutSize()), s.errSize
	if t, _ := c.m.lookupType(s.status.WorkType); t.SeparateStderr || stderr > 0 {
		stderr = max(stderr, c.fileSize(StderrFile))
	}
	return stdout, stderr
}
