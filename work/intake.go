package work

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	// short is what is here of a stdin that is not in a file, or not yet.
	short  []byte
	inFile bool
}

// maxShort is how long a stdin may be, in bytes, that is in no file, but in the status of
// the unit (Status.Input): to make and sync a file for it would cost more than all else.
const maxShort = 4 << 10

// input is what one session sends of a unit's stdin.
type input struct {
	u     *unit
	file  vfs.File  // nil as long as it is short
	from  int64     // the first byte that is wanted
	close io.Closer // the session, nil if it cannot be closed
	// marker sees all that is written, if it is wanted and that begins with the
	// first byte.
	marker *marker
}

// inStatus returns all of a complete stdin that is in no file, nil for any other.
func (i *intake) inStatus() *[]byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.complete || i.inFile {
		return nil
	}
	whole := append([]byte{}, i.short...) // nil would be none
	i.short = nil
	return &whole
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
		old.closeFile()
		if old.close != nil {
			old.close.Close()
		}
	}
	in := &input{u: u}
	var err error
	if u.hasStdinFile() {
		err = in.open()
	}
	if err == nil {
		in.from, err = in.size()
	}
	if err != nil {
		in.closeFile()
		return nil, err
	}
	in.close, _ = session.(io.Closer)
	if marks && in.from == 0 {
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
	n, err := in.store(p)
	if err != nil {
		return n, in.giveUp(err)
	}
	if in.marker != nil {
		in.marker.Write(p[:n])
	}
	return n, nil
}

// hasStdinFile tells whether the stdin is, or may be, in a file.
func (u *unit) hasStdinFile() bool {
	f, err := u.m.store.fs.Open(u.stdinPath(), vfs.Read)
	if err == nil {
		f.Close()
	}
	return !errors.Is(err, fs.ErrNotExist)
}

// open opens the file. The caller holds the intake.
func (in *input) open() (err error) {
	f, err := in.u.m.store.fs.Open(in.u.stdinPath(), vfs.Append)
	if err == nil {
		in.file, in.u.intake.inFile = f, true
	}
	return err
}

func (in *input) closeFile() {
	if in.file != nil {
		in.file.Close()
	}
}

// size returns how much is here. The caller holds the intake.
func (in *input) size() (int64, error) {
	if in.file == nil {
		return int64(len(in.u.intake.short)), nil
	}
	return in.file.Size()
}

// store stores more, in the file once it is not short any more. The caller holds the
// intake.
func (in *input) store(p []byte) (int, error) {
	short := &in.u.intake.short
	if in.file == nil && len(*short)+len(p) <= maxShort {
		*short = append(*short, p...)
		return len(p), nil
	}
	if in.file == nil {
		if err := in.open(); err != nil {
			return 0, err
		}
		if _, err := in.file.Write(*short); err != nil {
			return 0, err
		}
		*short = nil
	}
	return in.file.Write(p)
}

// drop drops what is here. The caller holds the intake.
func (in *input) drop() error {
	in.u.intake.short = nil
	if in.file == nil {
		return nil
	}
	return in.file.Truncate(0)
}

// sync makes a file safe; what is short will be with the status. The caller holds the
// intake.
func (in *input) sync() error {
	if in.file == nil {
		return nil
	}
	if err := in.file.Sync(); err != nil {
		return err
	}
	return in.u.m.store.fs.SyncDir(in.u.dir) // which has had the file only since it is not short
}

// giveUp gives back the space of a stdin that this node cannot store: its unit
// fails. The caller holds the intake.
func (in *input) giveUp(err error) error {
	_ = in.drop() // or else it goes when the unit is released
	return &unstored{err}
}

// end gives the turn back.
func (in *input) end() {
	if release, err := in.hold(); err == nil {
		defer release()
		in.u.intake.turn = nil
		in.closeFile()
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
	size, err := in.size()
	if err == nil && size > 0 {
		err = in.sync()
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
	if err := errors.Join(in.drop(), in.sync()); err != nil {
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
	if in.file == nil {
		return markOf(bytes.NewReader(in.u.intake.short))
	}
	f, err := in.u.m.store.fs.Open(in.u.stdinPath(), vfs.Read)
	if err != nil {
		return stdinMark{}, err
	}
	defer f.Close()
	return markOf(fileReader(f, 0))
}

// onlyWriter hides what else a file can do from io.Copy.
type onlyWriter struct{ io.Writer }
