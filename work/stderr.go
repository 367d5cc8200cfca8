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
	// Before the command has started there is no file, and it may never start.
	f, err := c.m.store.fs.Open(path.Join(c.dir, StderrFile), vfs.Append)
	if err != nil {
		return nil, fmt.Errorf("open the stderr of unit %s: %w", c.id, err)
	}
	f.Close()
	size := func(s *snapshot) int64 { return s.errSize }
	return func(w io.Writer) error {
		done, err := c.read()
		if err != nil {
			return err
		}
		defer done()
		return c.copyFile(ctx, StderrFile, size, pos, w)
	}, nil
}

// stderr of a unit on another node is not stored here: it comes from there, once
// the unit has started there, and until its release.
func (r *remote) stderr(ctx context.Context, pos int64) (func(w io.Writer) error, error) {
	s, err := r.await(ctx, func(s *snapshot) bool { return s.released || s.started || s.status.State.Terminal() })
	if err != nil {
		return nil, err
	}
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
