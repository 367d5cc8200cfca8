package work

import (
	"fmt"

	"receptor/work/vfs"
)

// syncEvery is how many bytes of output may be on disk without being synced.
// They are fetched again after a crash, or a stop that was none of Close.
const syncEvery = 16 << 20

// openStdout opens the output at its end, and cuts off what no status accounts
// for. It requires mu.
func (r *remote) openStdout() error {
	f, err := r.m.store.fs.Open(r.stdoutPath(), vfs.Append)
	if err != nil {
		return fmt.Errorf("open the output of unit %s: %w", r.id, err)
	}
	size, err := f.Size()
	if err == nil && size < r.f.have {
		r.f.have = size
	}
	if err == nil {
		err = f.Truncate(r.f.have)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("take up the output of unit %s: %w", r.id, err)
	}
	r.stdout, r.synced = f, r.f.have
	return nil
}

// syncStdout makes the output that is here safe. If that fails, what was not safe
// before does not count as being here: it is fetched again. It requires mu.
func (r *remote) syncStdout() {
	if r.stdout == nil || r.synced == r.f.have {
		return
	}
	if err := r.stdout.Sync(); err != nil {
		r.stdout.Close()
		r.stdout = nil
		r.f.unstored(r.m.clock.Now(), r.synced, r.notStored(err))
		return
	}
	r.synced = r.f.have
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
	if x != exResults && x != exFollow || r.stdout != nil {
		return nil
	}
	if err := r.openStdout(); err != nil {
		return r.notStored(err)
	}
	return nil
}

// append stores output.
func (r *remote) append(b []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keep(b)
}

// keep is append for whoever holds mu.
func (r *remote) keep(b []byte) error {
	if r.closed || r.stdout == nil {
		return errStopped
	}
	if err := r.m.floor.Take(len(b)); err != nil {
		return r.notStored(err)
	}
	n, err := r.stdout.Write(b)
	r.f.received(r.m.clock.Now(), int64(n))
	r.publish(func(v *snapshot) { v.size = r.f.have })
	if err == nil {
		r.f.stored()
	}
	if r.f.have-r.synced >= syncEvery {
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
	case s.State.Terminal() || s.StdoutSize == r.f.have:
		return
	}
	r.syncStdout()
	s.StdoutSize = r.synced
	_ = r.save(s)
}
