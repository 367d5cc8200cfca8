package work

import (
	"fmt"
	"path"

	"receptor/work/vfs"
)

// stream is one of the two that the output of a unit can have.
type stream int

const (
	outStream stream = iota
	errStream        // only of a unit that keeps stderr apart
	streams
)

// String returns what a person calls the stream.
func (s stream) String() string {
	if s == errStream {
		return "stderr"
	}
	return "output"
}

// file is the name of the file that has the stream.
func (s stream) file() string {
	if s == errStream {
		return StderrFile
	}
	return StdoutFile
}

// syncEvery is how many bytes of output may be on disk without being synced.
// They are fetched again after a crash, or a stop that was none of Close.
const syncEvery = 16 << 20

// sink is where a stream of a unit on another node is stored.
type sink struct {
	file   vfs.File // open while output arrives
	synced int64    // bytes that are safe; those in the status file are
	fresh  bool     // the name of the file may not be safe yet
}

// openOutput opens the output at its end. It requires mu.
func (r *remote) openOutput() error {
	for s := range streams {
		if s == errStream && !r.f.extra.StderrApart || r.sinks[s].file != nil {
			continue
		}
		if err := r.openSink(s); err != nil {
			return err
		}
	}
	return nil
}

// openSink opens one stream at its end, and cuts off what no status accounts for.
// It requires mu.
func (r *remote) openSink(s stream) error {
	f, err := r.m.store.fs.Open(path.Join(r.dir, s.file()), vfs.Append)
	if err != nil {
		return fmt.Errorf("open the output of unit %s: %w", r.id, err)
	}
	have := &r.f.have[s]
	size, err := f.Size()
	if err == nil && size < *have {
		*have = size
	}
	if err == nil {
		err = f.Truncate(*have)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("take up the output of unit %s: %w", r.id, err)
	}
	// The file of stdout is as old as the unit, that of stderr comes with the first of it.
	r.sinks[s] = sink{file: f, synced: *have, fresh: s == errStream && *have == 0}
	return nil
}

// closeOutput requires mu.
func (r *remote) closeOutput() {
	for s := range streams {
		if f := r.sinks[s].file; f != nil {
			f.Close()
			r.sinks[s].file = nil
		}
	}
}

// syncOutput makes the output that is here safe. If that fails, what was not safe
// before does not count as being here: it is fetched again. It requires mu.
func (r *remote) syncOutput() {
	for s := range streams {
		k := &r.sinks[s]
		if k.file == nil || k.synced == r.f.have[s] {
			continue
		}
		err := k.file.Sync()
		if err == nil && k.fresh {
			err = r.m.store.fs.SyncDir(r.dir)
		}
		if err != nil {
			r.closeOutput()
			r.f.unstored(r.m.clock.Now(), [streams]int64{r.sinks[outStream].synced, r.sinks[errStream].synced}, r.notStored(err))
			return
		}
		k.synced, k.fresh = r.f.have[s], false
	}
}

// lacksOutput tells of a unit of a deployed node that is complete by its status, as
// the other node has said, while its output was still on the way here. Ours are
// complete only when all is here.
func (u *unit) lacksOutput(s Status, e RemoteExtra) bool {
	return s.Version == 0 && s.State.Terminal() && e.RemoteStarted && !e.LocalReleased && u.stdoutSize() < s.StdoutSize
}

// reopen has such a unit go on, with the rest of its output.
func (u *unit) reopen(s Status) (Status, error) {
	s.State, s.Detail, s.StdoutSize, s.Version = Running, detailRest, u.stdoutSize(), 1
	if err := replaceLog(u.m.store.fs, path.Join(u.dir, StatusFile), s); err != nil {
		return Status{}, fmt.Errorf("take up unit %s of a deployed node: %w", u.id, err)
	}
	u.view.Store(&snapshot{status: s, size: s.StdoutSize, next: make(chan struct{})})
	return s, nil
}

// unstored is for output, or a stdin, that this node could not store.
type unstored struct{ error }

// Unwrap makes the reason known.
func (e *unstored) Unwrap() error { return e.error }

func (r *remote) notStored(err error) error {
	return &unstored{fmt.Errorf("store the output of unit %s: %w", r.id, err)}
}

// readyFor opens the output for an exchange that brings more of it. It requires
// mu.
func (r *remote) readyFor(x exchange) error {
	if x != exResults && x != exFollow {
		return nil
	}
	if err := r.openOutput(); err != nil {
		return r.notStored(err)
	}
	return nil
}

// append stores output.
func (r *remote) append(b []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keep(outStream, b)
}

// keep is append for whoever holds mu.
func (r *remote) keep(s stream, b []byte) error {
	if r.closed || r.sinks[outStream].file == nil {
		return errStopped
	}
	if err := r.openOutput(); err != nil { // stderr, when the first of it comes
		return r.notStored(err)
	}
	if err := r.m.floor.Take(len(b)); err != nil {
		return r.notStored(err)
	}
	n, err := r.sinks[s].file.Write(b)
	r.f.received(r.m.clock.Now(), s, int64(n))
	r.publish(func(v *snapshot) { v.size, v.errSize = r.f.have[outStream], r.f.have[errStream] })
	if err == nil {
		r.f.stored()
	}
	if r.f.have[s]-r.sinks[s].synced >= syncEvery {
		r.saveProgress()
	}
	if r.f.complete() {
		r.act()
	}
	if err != nil {
		return r.notStored(err)
	}
	return nil
}

// saveProgress puts on record how much output is here. It requires mu.
func (r *remote) saveProgress() {
	s := r.load().status
	switch {
	case r.unsaved != nil:
		r.record()
		return
	case s.State.Terminal() || s.StdoutSize == r.f.have[outStream] && s.StderrSize == r.f.have[errStream]:
		return
	}
	r.write(s)
}
