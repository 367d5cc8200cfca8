package receptor1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"

	"receptor/work"
	"receptor/work/vfs"
)

// Files in the directory of a unit.
const (
	statusName = "status"
	stdinName  = "stdin"
	stdoutName = "stdout"
)

// remoteType is the work type of units on other nodes.
const remoteType = "remote"

// errPending is how an order ends that goes on in the background.
var errPending = errors.New("operation pending")

// worker is what units of one kind do.
type worker interface {
	// setParams is told the parameters of a new unit.
	setParams(params map[string]string) error
	start() error
	// restart takes up a unit that was on disk when the daemon started.
	restart() error
	cancel() error
	release(force bool) error
	base() *unit
}

// unit is what units of all kinds have.
type unit struct {
	d   *Daemon
	id  string
	dir string
	// ctx ends with the daemon, or when the unit is cancelled.
	ctx  context.Context
	stop context.CancelFunc

	file statusFile
	mu   lock // of held, also while the disk takes its time
	held status
}

func (u *unit) base() *unit { return u }

// status returns what the daemon holds of the unit, which may be older than the file.
func (u *unit) status() status {
	u.mu.acquire()
	defer u.mu.release()
	return u.held
}

// update changes the status, on disk and here. That it cannot is for the log.
func (u *unit) update(change func(*status)) error {
	u.mu.acquire()
	defer u.mu.release()
	err := u.file.update(&u.held, change)
	if err != nil {
		u.d.log("Error updating status file %s: %v.", u.file.name, err)
	}
	return err
}

func (u *unit) load() error {
	u.mu.acquire()
	defer u.mu.release()
	return u.file.load(&u.held)
}

// remove deletes the files of the unit, and then the daemon knows it no more.
func (u *unit) remove(force bool) error {
	u.mu.acquire()
	defer u.mu.release()
	for attempt := 1; ; attempt++ {
		err := u.d.units.fs.RemoveAll(u.dir)
		if err == nil || force {
			break
		}
		if attempt == removeAttempts {
			return err
		}
		u.d.pause(u.d.ctx, removePause)
	}
	u.d.units.mu.Lock()
	defer u.d.units.mu.Unlock()
	delete(u.d.units.active, u.id)
	return nil
}

// units are those of a daemon.
type units struct {
	d         *Daemon
	fs        vfs.FS
	dir       string
	rand      *rand.Rand
	types     []string
	processes Processes

	mu     sync.Mutex
	active map[string]worker
}

func newUnits(d *Daemon, c Config) units {
	return units{
		d: d, fs: c.FS, dir: path.Join(c.DataDir, d.id), rand: rand.New(c.Rand), types: c.WorkTypes, processes: c.Processes,
		active: make(map[string]worker),
	}
}

// takeUp takes up the units that are on disk.
func (s *units) takeUp() error {
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return err
	}
	ids, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s.takeUpUnit(id)
	}
	return nil
}

// takeUpUnit takes up a unit as far as its status can be read. One that has none is
// let be.
func (s *units) takeUpUnit(id string) {
	var known status
	name := path.Join(s.dir, id, statusName)
	_ = s.file(name).load(&known)
	w := s.newWorker(id, known.WorkType)
	u := w.base()
	if err := u.load(); errors.Is(err, fs.ErrNotExist) {
		s.d.log("Status file has disappeared for %s.", id)
		return
	} else if err != nil {
		s.d.log("Failed to restart worker %s due to read error: %v", u.dir, err)
		u.update(basic(work.Failed, fmt.Sprintf("Failed to restart: %v", err), s.stdoutSize(u.dir)))
	}
	if err := w.restart(); err != nil && err != errPending {
		s.d.log("Failed to restart worker %s: %v", u.dir, err)
		u.update(basic(work.Failed, fmt.Sprintf("Failed to restart: %v", err), s.stdoutSize(u.dir)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[id] = w
}

func (s *units) file(name string) statusFile { return statusFile{s.fs, name, s.processes.Lock(name)} }

// stdoutSize is how long the output on disk is.
func (s *units) stdoutSize(dir string) int64 { return stdoutSize(s.fs, dir) }

func stdoutSize(fs vfs.FS, dir string) int64 {
	f, err := fs.Open(path.Join(dir, stdoutName), vfs.Read)
	if err != nil {
		return 0
	}
	defer f.Close()
	size, _ := f.Size()
	return size
}

// newWorker makes a unit of a work type, which may be unknown by now.
func (s *units) newWorker(id, workType string) worker {
	dir := path.Join(s.dir, id)
	u := unit{d: s.d, id: id, dir: dir, file: s.file(path.Join(dir, statusName)), mu: newLock()}
	u.ctx, u.stop = context.WithCancel(s.d.ctx)
	u.held = status{State: work.Pending, Detail: "Unit Created", WorkType: workType}
	switch {
	case workType == remoteType:
		return newRemote(u)
	case slices.Contains(s.types, workType):
		return newCommand(u)
	}
	return &unknown{u}
}

// allocate makes a new unit.
func (s *units) allocate(workType string, params map[string]string) (worker, error) {
	if workType != remoteType && !slices.Contains(s.types, workType) {
		return nil, fmt.Errorf("unknown work type %s", workType)
	}
	w := s.newWorker(s.newID(), workType)
	u := w.base()
	if err := s.fs.MkdirAll(u.dir); err != nil {
		return nil, err
	}
	if err := w.setParams(params); err != nil {
		return nil, err
	}
	if err := u.update(func(*status) {}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[u.id] = w
	return w, nil
}

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func (s *units) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var id [8]byte
	for i := range id {
		id[i] = idLetters[s.rand.IntN(len(idLetters))]
	}
	return string(id[:])
}

func (s *units) find(id string) (worker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.active[id]; w != nil {
		return w, nil
	}
	return nil, fmt.Errorf("unknown work unit %s", id)
}

func (s *units) ids() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.active {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// isLocal reports whether a node ID means this node.
func (d *Daemon) isLocal(node string) bool {
	return node == d.id || strings.EqualFold(node, "localhost")
}

// told is a status as the work commands tell it.
type told struct {
	status
	StateName string
}

func tell(w worker) told {
	s := w.base().status()
	if r, ok := w.(interface{ redacted(*status) }); ok {
		r.redacted(&s)
	}
	if s.ExtraData == nil {
		s.ExtraData = json.RawMessage("null")
	}
	return told{s, s.State.String()}
}

// unknown is a unit whose work type this daemon has not, or whose status is lost.
type unknown struct{ unit }

func (*unknown) setParams(map[string]string) error { return nil }
func (*unknown) start() error                      { return nil }
func (*unknown) restart() error                    { return nil }
func (*unknown) cancel() error                     { return nil }
func (u *unknown) release(force bool) error        { return u.remove(force) }
func (*unknown) redacted(s *status)                { s.ExtraData = json.RawMessage(workUnknown) }
