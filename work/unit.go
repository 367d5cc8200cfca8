package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"receptor/work/vfs"
)

// unit is one unit of work. Its owner (a command or a remote) changes it under
// mu, which is held while the status file is written, so that the disk sees
// the same order; readers use snapshots and never wait for mu.
type unit struct {
	id     string
	m      *Manager
	dir    string   // does not change
	of     identity // of its submission; does not change
	intake intake

	mu     sync.Mutex
	owed   bool // a tombstone: all that is left is the status, in another directory
	closed bool // the manager is closed, or the unit released: changes nothing more
	// unsaved is why the disk does not have the latest status, nil if it has.
	unsaved error
	problem string  // the latest that was told of, as long as it lasts
	feeds   []*feed // told of every new snapshot
	view    atomic.Pointer[snapshot]
}

// snapshot is a unit at one moment. It is immutable.
type snapshot struct {
	status Status
	// size is the length of the output in bytes as far as it is known. In a
	// terminal state it is final.
	size int64
	// errSize is the same of a stderr that is kept apart.
	errSize int64
	// started: the remote node has started the unit. told: it has said what it is in,
	// or never will of itself.
	started, told bool
	// stderrApart: stderr is kept apart, and is here.
	stderrApart bool
	// released: the unit is gone.
	released bool
	// setbacks counts the exchanges with the remote node that did not bring the
	// unit forward; setback is the latest one's error.
	setbacks int
	setback  error
	// next is closed once there is a newer snapshot.
	next chan struct{}
}

// runner is how a unit is carried out: a command here, or a remote node.
type runner interface {
	// needsInput: the unit waits for stdin.
	needsInput() bool
	// inputComplete says that the stdin file is whole, and starts the unit. It
	// returns once it is clear whether the unit has started; pending means that
	// it goes on to try by itself.
	inputComplete(ctx context.Context) (pending bool, err error)
	// fail ends a unit that has not started.
	fail(detail string)
	// cancel ends the unit. It returns when the unit is terminal, or pending.
	cancel(ctx context.Context) (pending bool, err error)
	// release removes the unit, after ending it if need be. With force the
	// remote node has no say.
	release(ctx context.Context, force bool) (pending bool, err error)
	// resume takes up the unit after a restart.
	resume()
	// stop leaves the unit as it is, for the next start to resume.
	stop()
	// signed reports whether orders about the unit are to be signed.
	signed() bool
	// results copies the output from byte pos on to w as it grows, and returns nil
	// when the unit is complete and all of it is copied, or the unit is released.
	results(ctx context.Context, pos int64, w io.Writer) error
	// sizes returns the lengths of the output and of a stderr that is kept apart,
	// as far as they are known.
	sizes() (stdout, stderr int64)
	// stderr opens the stderr of a unit that keeps it apart, at byte pos. The
	// error says why there is none; else copyTo copies it as results does.
	stderr(ctx context.Context, pos int64) (copyTo func(w io.Writer) error, err error)
	// stderrApart returns what tells whether the unit keeps stderr apart, as far as is
	// known here.
	stderrApart() func() bool
	// shownDetail returns the detail of a status as it is at the moment.
	shownDetail(s Status) string
	// read has the output followed as it grows until done is called.
	read() (done func(), err error)
	// shown returns the extra data as anybody may see it.
	shown(s Status) any
	// base returns the unit itself.
	base() *unit
}

func newUnit(m *Manager, id string, s Status) *unit {
	u := &unit{id: id, m: m, dir: m.store.unitDir(id)}
	if s.Submission != nil {
		u.of = *s.Submission
	}
	u.view.Store(&snapshot{status: s, size: s.StdoutSize, errSize: s.StderrSize, next: make(chan struct{})})
	return u
}

func (u *unit) base() *unit { return u }

func (u *unit) stdinPath() string { return path.Join(u.dir, StdinFile) }

func (u *unit) stdoutPath() string { return path.Join(u.dir, StdoutFile) }

// load returns the current snapshot.
func (u *unit) load() *snapshot { return u.view.Load() }

// publish makes a changed copy of the snapshot the current one and wakes those
// who wait. It requires mu.
func (u *unit) publish(change func(*snapshot)) {
	old := u.view.Load()
	s := *old
	s.next = make(chan struct{})
	change(&s)
	u.view.Store(&s)
	close(old.next)
	for _, f := range u.feeds {
		f.changed()
	}
	if old.status.State != s.status.State || old.status.Detail != s.status.Detail {
		u.m.emit(UnitChanged{Unit: u.id, State: s.status.State, Detail: s.status.Detail})
	}
}

// errContradiction is for a status that cannot follow the one before: a mistake
// of this package. Tests fail by it; a node in production goes on with what it had.
var errContradiction = errors.New("a status that cannot follow, which is a bug")

// unsavedText comes before the reason for which a unit that has ended does not
// say so.
const unsavedText = "; its end cannot be written down: "

// save writes a new status to disk and publishes it. It requires mu. When the
// disk does not take it the status is published all the same, for the caller to
// write another time; but not one that is terminal, which a crash must not take
// back once anybody has seen it: only Detail says that then.
func (u *unit) save(s Status) error {
	old := u.load().status
	if !old.State.canBecome(s.State) && !old.State.Terminal() || old.contradicts(s) {
		err := fmt.Errorf("%w: from %v (%s) to %v (%s)", errContradiction, old.State, old.Detail, s.State, s.Detail)
		u.tell(err)
		return err
	}
	s.Version, s.Secret, s.Submission = old.Version+1, old.Secret, old.Submission
	dir := u.dir
	if u.owed {
		dir = u.m.store.owedDir(u.id)
	}
	err := WriteStatus(u.m.store.fs, dir, s)
	u.tell(err)
	u.unsaved = err
	switch {
	case err == nil:
	case errors.Is(err, ErrTerminal):
		if on, err := ReadStatus(u.m.store.fs, dir); err == nil {
			s, u.unsaved = on, nil
		}
	case s.State.Terminal() && !old.State.Terminal():
		own, _, _ := strings.Cut(old.Detail, unsavedText)
		s = old
		s.Detail = own + unsavedText + err.Error()
	}
	u.publish(func(v *snapshot) { v.adopt(s) })
	return err
}

// isSaved returns nil if the disk has the latest status.
func (u *unit) isSaved() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unsaved
}

// tell tells the operator of a problem, once for as long as it lasts; nil is the
// end of that. It requires mu.
func (u *unit) tell(err error) {
	if err == nil {
		u.problem = ""
		return
	}
	if text := err.Error(); text != u.problem {
		u.problem = text
		u.m.emit(UnitProblem{Unit: u.id, Err: err})
	}
}

// adopt takes in a status.
func (v *snapshot) adopt(s Status) {
	v.status = s
	v.size = max(v.size, s.StdoutSize)
	v.errSize = max(v.errSize, s.StderrSize)
	if s.State.Terminal() {
		v.size, v.errSize = s.StdoutSize, s.StderrSize
	}
}

// remove removes the unit from disk and from the manager. It requires mu.
func (u *unit) remove() error {
	err := u.buryKey()
	if err != nil && (u.load().status.State.Terminal() || u.unsaved != nil) {
		// The disk may be full, and the unit be released for that reason.
		u.m.store.empty(u.dir)
		err = u.buryKey()
	}
	if err != nil {
		return err
	}
	if err := u.m.store.remove(u.id); err != nil {
		return err
	}
	u.closed = true
	u.m.forget(u.id)
	u.publish(func(v *snapshot) { v.released = true })
	u.m.emit(UnitReleased{Unit: u.id})
	return nil
}

// buryKey has the key of the submission outlive the unit, if there is one.
func (u *unit) buryKey() error {
	if u.of.Key == "" {
		return nil
	}
	return u.m.keys.bury(u.of.Key, u.of.From, u.m.clock.Now())
}

// await returns the first snapshot for which done holds, the current one
// first, or an error when ctx ends.
func (u *unit) await(ctx context.Context, done func(*snapshot) bool) (*snapshot, error) {
	for {
		s := u.load()
		if done(s) {
			return s, nil
		}
		select {
		case <-s.next:
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

// attach has a feed told of every snapshot from now on.
func (u *unit) attach(f *feed) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.feeds = append(u.feeds, f)
}

func (u *unit) detach(f *feed) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.feeds = slices.DeleteFunc(u.feeds, func(o *feed) bool { return o == f })
}

// stdoutSize returns the length of the stdout file, 0 if there is none.
func (u *unit) stdoutSize() int64 { return u.fileSize(StdoutFile) }

func (u *unit) fileSize(name string) int64 {
	f, err := u.m.store.fs.Open(path.Join(u.dir, name), vfs.Read)
	if err != nil {
		return 0
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0
	}
	return size
}

func (u *unit) sizes() (stdout, stderr int64) {
	s := u.load()
	return s.size, s.errSize
}

// closedError tells why the unit takes no orders.
func (u *unit) closedError() error {
	if u.load().released {
		return unknownUnit(u.id)
	}
	return errStopping
}
