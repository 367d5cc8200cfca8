package work

import (
	"context"
	"fmt"
	"io"
	"path"

	"receptor/work/vfs"
)

// hasStderr tells of a unit whose stderr is, or will be, in a file of its own.
func (c *command) hasStderr() bool {
	if t, _ := c.m.lookupType(c.load().status.WorkType); t.SeparateStderr {
		return true
	}
	return c.fileSize(StderrFile) > 0 // its work type was another when it ran
}

func (c *command) stderr(ctx context.Context, pos int64) (func(w io.Writer) error, error) {
	if !c.hasStderr() {
		return nil, fmt.Errorf("unit %s keeps no stderr apart: it is part of the output unless the work type has stderr: separate", c.id)
	}
	return c.storedStderr(ctx, pos, c.read)
}

// storedStderr copies a stderr that is on the disk of this node. reading has it
// watched until done is called.
func (u *unit) storedStderr(ctx context.Context, pos int64, reading func() (done func(), err error)) (func(w io.Writer) error, error) {
	// Before the command has started there is no file, and it may never start.
	f, err := u.m.store.fs.Open(path.Join(u.dir, StderrFile), vfs.Append)
	if err != nil {
		return nil, fmt.Errorf("open the stderr of unit %s: %w", u.id, err)
	}
	f.Close()
	size := func(s *snapshot) int64 { return s.errSize }
	return func(w io.Writer) error {
		done, err := reading()
		if err != nil {
			return err
		}
		defer done()
		return u.copyFile(ctx, StderrFile, size, pos, w)
	}, nil
}

func (c *command) stderrApart() func() bool {
	apart := c.hasStderr()
	return func() bool { return apart }
}

// stderr of a unit on another node is here if that node sends it with the output.
// Others have it until the release, and it comes from there once the unit has
// started.
func (r *remote) stderr(ctx context.Context, pos int64) (func(w io.Writer) error, error) {
	s, err := r.await(ctx, func(s *snapshot) bool {
		return s.released || s.stderrApart || s.started && s.told || s.status.State.Terminal()
	})
	if err != nil {
		return nil, err
	}
	if s.stderrApart {
		return r.storedStderr(ctx, pos, r.read)
	}
	return r.fetchStderr(ctx, s, pos)
}

func (r *remote) stderrApart() func() bool { return func() bool { return r.load().stderrApart } }

func (r *remote) fetchStderr(ctx context.Context, s *snapshot, pos int64) (func(w io.Writer) error, error) {
	id, _ := r.position()
	if s.released || id == "" {
		return nil, fmt.Errorf("unit %s has no stderr: %s", r.id, s.status.Detail)
	}
	c, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	from, err := c.client.Stderr(id, pos)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("stderr of unit %s on node %s: %w", id, r.target.RemoteNode, err)
	}
	return func(w io.Writer) error {
		defer c.close()
		_, err := io.Copy(w, from)
		return err
	}, nil
}
