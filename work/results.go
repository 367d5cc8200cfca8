package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"receptor/work/vfs"
)

func (u *unit) results(ctx context.Context, pos int64, w io.Writer) error {
	return u.copyFile(ctx, StdoutFile, func(s *snapshot) int64 { return s.size }, pos, w)
}

// copyFile does so for a file of which size knows how long it is.
func (u *unit) copyFile(ctx context.Context, name string, size func(*snapshot) int64, pos int64, w io.Writer) error {
	f, err := u.m.store.fs.Open(path.Join(u.dir, name), vfs.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // resume has made one for every unit that can still have output
	}
	if err != nil {
		return fmt.Errorf("open the output of unit %s: %w", u.id, err)
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		s := u.load()
		n, err := copyRange(w, f, pos, size(s), buf)
		pos += n
		if err != nil {
			return fmt.Errorf("stream the output of unit %s: %w", u.id, err)
		}
		if s.released || s.status.State.Terminal() {
			return nil
		}
		select {
		case <-s.next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyRange copies the bytes of f from pos up to end, or up to where the file
// ends: a crash may have taken what was not synced. It returns how many.
func copyRange(w io.Writer, f vfs.File, pos, end int64, buf []byte) (copied int64, err error) {
	for pos+copied < end {
		at := pos + copied
		n, readErr := f.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return copied, err
			}
			copied += int64(n)
		}
		switch {
		case readErr == io.EOF:
			return copied, nil
		case readErr != nil:
			return copied, readErr
		}
	}
	return copied, nil
}
