package work

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"receptor/work/vfs"
)

// incompleteText begins the error of a submission whose stdin did not come to
// its end: it is to be sent again, to the same key.
const incompleteText = "incomplete stdin"

// errSuperseded ends a session that sends stdin when another one has taken over.
var errSuperseded = errors.New("another session has taken over the submission")

// intake is the receipt of a unit's stdin. One session at a time has the turn:
// a later one, of a submitter that has come back, takes it from an earlier one,
// whose connection may be dead without a sign. Once all is here nobody gets the
// turn any more: the command may read it.
type intake struct {
	mu       sync.Mutex
	turn     *input
	complete bool
}

// input is what one session sends of a unit's stdin.
type input struct {
	u     *unit
	file  vfs.File
	from  int64     // the first byte that is wanted
	close io.Closer // the session, nil if it cannot be closed
	// marker sees all that is written, if it is wanted and that begins with the
	// first byte.
	marker *marker
}

// inUse tells whether a session has the turn.
func (i *intake) inUse() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.turn != nil
}

// beginInput gives the turn to a session. The input must be ended; it is nil if
// another session has brought all of stdin. marks says that the mark of stdin will
// be wanted.
func (u *unit) beginInput(session any, marks bool) (*input, error) {
	u.intake.mu.Lock()
	defer u.intake.mu.Unlock()
	if u.intake.complete {
		return nil, nil
	}
	if old := u.intake.turn; old != nil {
		u.intake.turn = nil
		old.file.Close()
		if old.close != nil {
			old.close.Close()
		}
	}
	f, err := u.m.store.fs.Open(u.stdinPath(), vfs.Append)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	in := &input{u: u, file: f, from: size}
	in.close, _ = session.(io.Closer)
	if marks && size == 0 {
		in.marker = newMarker()
	}
	u.intake.turn = in
	return in, nil
}

// hold locks the intake if the input still has the turn.
func (in *input) hold() (release func(), err error) {
	in.u.intake.mu.Lock()
	if in.u.intake.turn != in {
		in.u.intake.mu.Unlock()
		return nil, errSuperseded
	}
	return in.u.intake.mu.Unlock, nil
}

// Write implements io.Writer.
func (in *input) Write(p []byte) (int, error) {
	release, err := in.hold()
	if err != nil {
		return 0, err
	}
	defer release()
	if err := in.u.m.floor.Take(len(p)); err != nil {
		return 0, in.giveUp(fmt.Errorf("no space for it: %w", err))
	}
	n, err := in.file.Write(p)
	if err != nil {
		return n, in.giveUp(err)
	}
	if in.marker != nil {
		in.marker.Write(p[:n])
	}
	return n, nil
}

// giveUp gives back the space of a stdin that this node cannot store: its unit
// fails. The caller holds the intake.
func (in *input) giveUp(err error) error {
	_ = in.file.Truncate(0) // or else it goes when the unit is released
	return &unstored{err}
}

// end gives the turn back.
func (in *input) end() {
	if release, err := in.hold(); err == nil {
		defer release()
		in.u.intake.turn = nil
		in.file.Close()
	}
}

// receive stores the rest of stdin up to the end of r. With a mark, all of it
// must be what that says; if it is not and yet as long, it is dropped, so that
// it can be sent again from the start.
func (in *input) receive(r io.Reader, mark *stdinMark) error {
	if _, err := io.Copy(onlyWriter{in}, r); err != nil {
		return err
	}
	release, err := in.hold()
	if err != nil {
		return err
	}
	defer release()
	size, err := in.file.Size()
	if err == nil && size > 0 {
		err = in.file.Sync()
	}
	if err == nil && mark != nil {
		err = in.check(size, *mark)
	}
	in.u.intake.complete = err == nil
	return err
}

// check compares what is here, so many bytes, with its mark. The caller holds the
// intake.
func (in *input) check(size int64, mark stdinMark) error {
	if size < mark.length {
		return fmt.Errorf("%s: it ends at byte %d of %d", incompleteText, size, mark.length)
	}
	got, err := in.mark()
	if err != nil || got == mark {
		return err
	}
	// Synced, as an empty stdin that follows is not: it must not be this one after a
	// crash.
	if err := errors.Join(in.file.Truncate(0), in.file.Sync()); err != nil {
		return err
	}
	return fmt.Errorf("%s: it is %v, and should be %v", incompleteText, got, mark)
}

// mark returns the mark of what is here. The caller holds the intake, or is the
// session.
func (in *input) mark() (stdinMark, error) {
	if in.marker != nil {
		return in.marker.mark(), nil
	}
	f, err := in.u.m.store.fs.Open(in.u.stdinPath(), vfs.Read)
	if err != nil {
		return stdinMark{}, err
	}
	defer f.Close()
	return markOf(f)
}

// onlyWriter hides what else a file can do from io.Copy.
type onlyWriter struct{ io.Writer }
