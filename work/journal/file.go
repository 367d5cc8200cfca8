package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"receptor/work/vfs"
)

// file is an open file of a directory that was young when it was opened. The mu of the FS
// is for what follows mode.
type file struct {
	fs      *FS
	in      *directory
	content *content
	mode    vfs.Mode

	closed bool
	// below is the file once the directory was written out, err why it could not be opened.
	below vfs.File
	err   error
}

// newFile requires the mu of the FS.
func newFile(f *FS, d *directory, c *content, mode vfs.Mode) *file {
	h := &file{fs: f, in: d, content: c, mode: mode}
	d.open[h] = struct{}{}
	if mode == vfs.Update {
		c.updating = make(chan struct{})
	}
	return h
}

// use has mu held and returns nil, or returns the file below, or an error.
func (h *file) use() (below vfs.File, err error) {
	h.fs.mu.Lock()
	for h.in.leaving != nil {
		h.fs.await(h.in.leaving)
	}
	switch {
	case h.closed:
		err = fs.ErrClosed
	case h.err != nil:
		err = h.err
	case h.below == nil:
		return nil, nil
	}
	h.fs.mu.Unlock()
	return h.below, err
}

// ReadAt implements io.ReaderAt.
func (h *file) ReadAt(p []byte, off int64) (int, error) {
	if below, err := h.use(); err != nil {
		return 0, err
	} else if below != nil {
		return below.ReadAt(p, off)
	}
	defer h.fs.mu.Unlock()
	if off < 0 || off >= int64(len(h.content.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.content.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer. It writes at the end.
func (h *file) Write(p []byte) (int, error) {
	return h.write(p, func() int64 { return int64(len(h.content.data)) }, func(below vfs.File) (int, error) { return below.Write(p) })
}

// WriteAt implements io.WriterAt.
func (h *file) WriteAt(p []byte, off int64) (int, error) {
	return h.write(p, func() int64 { return off }, func(below vfs.File) (int, error) { return below.WriteAt(p, off) })
}

func (h *file) write(p []byte, at func() int64, writeBelow func(vfs.File) (int, error)) (int, error) {
	f := h.fs
	for {
		if below, err := h.use(); err != nil {
			return 0, err
		} else if below != nil {
			return writeBelow(below)
		}
		c, off := h.content, at()
		more := int(max(off+int64(len(p))-int64(len(c.data)), 0))
		switch {
		case c.name == "":
			f.mu.Unlock()
			return 0, errors.New("write to a file that was removed")
		case off < 0 || off > int64(len(c.data)):
			f.mu.Unlock()
			return 0, fmt.Errorf("write %s at byte %d: it has %d", c.name, off, len(c.data))
		case h.in.size+more <= maxDirectory && f.size+more <= maxYoung:
			defer f.mu.Unlock()
			c.data = append(c.data, make([]byte, more)...)
			copy(c.data[off:], p)
			f.grow(h.in, more)
			return len(p), nil
		}
		f.mu.Unlock()
		if err := f.writeOut(h.in); err != nil {
			return 0, err
		}
	}
}

// Sync implements vfs.File.
func (h *file) Sync() error {
	if below, err := h.use(); err != nil {
		return err
	} else if below != nil {
		return below.Sync()
	}
	defer h.fs.mu.Unlock()
	if h.content.name == "" {
		return nil
	}
	return h.fs.syncYoung(h.in)
}

// Size implements vfs.File.
func (h *file) Size() (int64, error) {
	if below, err := h.use(); err != nil {
		return 0, err
	} else if below != nil {
		return below.Size()
	}
	defer h.fs.mu.Unlock()
	return int64(len(h.content.data)), nil
}

// Truncate implements vfs.File.
func (h *file) Truncate(size int64) error {
	if below, err := h.use(); err != nil {
		return err
	} else if below != nil {
		return below.Truncate(size)
	}
	defer h.fs.mu.Unlock()
	c := h.content
	if size < 0 || size > int64(len(c.data)) {
		return fmt.Errorf("truncate %s to %d bytes: it has %d", c.name, size, len(c.data))
	}
	less := len(c.data) - int(size)
	c.data = c.data[:size]
	if c.name != "" {
		h.fs.grow(h.in, -less)
	}
	return nil
}

// Close implements io.Closer.
func (h *file) Close() error {
	h.fs.mu.Lock()
	if h.closed {
		h.fs.mu.Unlock()
		return fs.ErrClosed
	}
	h.closed = true
	delete(h.in.open, h)
	if h.mode == vfs.Update {
		close(h.content.updating)
		h.content.updating = nil
	}
	below := h.below
	h.fs.mu.Unlock()
	if below != nil {
		return below.Close()
	}
	return nil
}
