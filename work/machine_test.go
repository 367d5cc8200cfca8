package work

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// machine is what a node runs on: it outlives the node, and its supervisors do
// too. They do what the test says, step by step.
type machine struct {
	fs     *memFS
	broken bool // the disk is, or was

	mu          sync.Mutex
	supervisors []*simSupervisor // in the order of their starts
	runs        map[string]int   // by stdin: how often a command has run with it
}

func newMachine() *machine {
	m := &machine{fs: newMemFS(), runs: make(map[string]int)}
	m.fs.SetFree(2 * roomy)
	return m
}

// simSupervisor is a process of the machine that has been started for a unit.
//
//	started --> claimed, command running --> output is written --> gone
//	   +--> gone: another one was first
type simSupervisor struct {
	m        *machine
	dir      string
	input    string  // its stdin, once it has claimed the unit
	watcher  Watcher // of the latest incarnation of the node, may be nil
	claimed  bool
	written  bool
	canceled bool
}

// powerCut ends all processes and loses what is not safe.
func (m *machine) powerCut(l disk.Loss, r *rand.Rand) {
	m.mu.Lock()
	m.supervisors = nil
	m.mu.Unlock()
	m.fs.PowerCut(l, r)
}

// unwatch is when the node is killed: its supervisors go on.
func (m *machine) unwatch() {
	for _, s := range m.list() {
		s.watcher = nil
	}
}

func (m *machine) list() []*simSupervisor {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.supervisors)
}

// holder returns the supervisor that has claimed a unit, nil if it is gone.
func (m *machine) holder(dir string) *simSupervisor {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.supervisors {
		if s.dir == dir && s.claimed {
			return s
		}
	}
	return nil
}

func (m *machine) drop(s *simSupervisor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.supervisors = slices.DeleteFunc(m.supervisors, func(o *simSupervisor) bool { return o == s })
}

func (m *machine) hasClaim(dir string) bool {
	claim, _, err := ReadClaim(m.fs, dir)
	return err == nil && claim != nil
}

// claim claims a unit.
func claim(fsys vfs.FS, dir string, done bool) (Status, error) {
	f, err := fsys.Open(path.Join(dir, StatusFile), vfs.Update)
	if err != nil {
		return Status{}, err
	}
	defer f.Close()
	return ClaimStatus(f, json.RawMessage(`{}`), done)
}

// watched returns who is told of what the supervisor does, nil if nobody is.
func (s *simSupervisor) watched() Watcher {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.watcher
}

func (s *simSupervisor) watch(w Watcher) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.watcher = w
}

// step lets a supervisor do the next thing.
func (s *simSupervisor) step() {
	switch {
	case !s.claimed && s.m.hasClaim(s.dir):
		// Another one was first: it is that one which is watched from now on.
		s.m.drop(s)
		first := s.m.holder(s.dir)
		switch w := s.watched(); {
		case w == nil:
		case first != nil:
			first.watch(w)
		default:
			w.Ended(true, "another was first, and is gone")
		}
	case !s.claimed:
		s.start()
	case s.canceled:
		s.end(Canceled, "Canceled")
	case !s.written:
		s.written = true
		out := "out of " + s.input
		s.m.fs.Add(path.Join(s.dir, StdoutFile), out)
		s.m.fs.Add(path.Join(s.dir, StderrFile), "err"+out[3:])
		if w := s.watched(); w != nil {
			w.OutputGrew()
		}
	default:
		s.end(Succeeded, "exit status 0")
	}
}

// start claims the unit and starts the command.
func (s *simSupervisor) start() {
	err := writeFile(s.m.fs, path.Join(s.dir, StderrFile), nil)
	if err == nil {
		err = s.m.fs.SyncDir(s.dir)
	}
	var status Status
	if err == nil {
		status, err = claim(s.m.fs, s.dir, false)
	}
	if errors.Is(err, ErrTerminal) {
		s.gone()
		return
	}
	if err != nil { // the unit is gone, or the disk does not take it
		s.m.drop(s)
		if w := s.watched(); w != nil {
			w.Ended(s.m.hasClaim(s.dir), "it could not claim the unit")
		}
		return
	}
	s.m.mu.Lock()
	s.claimed = true
	s.input = s.m.fs.input(s.dir, status)
	s.m.runs[s.input]++
	s.m.mu.Unlock()
	s.write(Running, "Running: PID 7")
}

func (s *simSupervisor) end(state State, detail string) {
	for _, name := range []string{StdoutFile, StderrFile} {
		if f, err := s.m.fs.Open(path.Join(s.dir, name), vfs.Append); err == nil {
			f.Sync()
		}
	}
	if s.write(state, detail) {
		s.gone()
	} // or else it tries again
}

func (s *simSupervisor) gone() {
	s.m.drop(s)
	if w := s.watched(); w != nil {
		w.Ended(true, "exit status 0")
	}
}

// write reports whether the disk has taken the status, or the unit is gone.
func (s *simSupervisor) write(state State, detail string) bool {
	status, err := ReadStatus(s.m.fs, s.dir)
	if err != nil {
		return true
	}
	status.State, status.Detail, status.Version = state, detail, status.Version+1
	if state.Terminal() {
		status.StdoutSize, status.ExtraData = int64(len(s.m.fs.get(path.Join(s.dir, StdoutFile)))), nil
		status.StderrSize = int64(len(s.m.fs.get(path.Join(s.dir, StderrFile))))
	}
	err = WriteStatus(s.m.fs, s.dir, status)
	if err != nil && !errors.Is(err, errDisk) {
		panic(err)
	}
	if w := s.watched(); err == nil && w != nil {
		w.StatusChanged()
	}
	return err == nil
}

// incarnation is one run of a node on a machine. Once it is dead, nothing that it
// does has any effect: it was killed.
type incarnation struct {
	m    *machine
	dead atomic.Bool
}

var errDead = errors.New("this process was killed")

func (i *incarnation) check() error {
	if i.dead.Load() {
		return errDead
	}
	return nil
}

// Start implements Processes.
func (i *incarnation) Start(job Job, w Watcher) (Process, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	s := &simSupervisor{m: i.m, dir: job.Dir, watcher: w}
	i.m.mu.Lock()
	defer i.m.mu.Unlock()
	i.m.supervisors = append(i.m.supervisors, s)
	return &simProcess{i: i, s: s}, nil
}

// Attach implements Processes.
func (i *incarnation) Attach(dir string, _ int, w Watcher) (Process, error) {
	if !i.m.hasClaim(dir) {
		return nil, ErrNeverStarted
	}
	s := i.m.holder(dir)
	if s == nil {
		return nil, ErrSupervisorGone
	}
	s.watch(w)
	return &simProcess{i: i, s: s}, nil
}

// Forbid implements Processes.
func (i *incarnation) Forbid(dir string) error {
	_, err := claim(i.m.fs.For(i.check), dir, true)
	return err
}

// simProcess is a supervisor as one incarnation of the node sees it.
type simProcess struct {
	i *incarnation
	s *simSupervisor
}

func (p *simProcess) Cancel() error {
	if err := p.i.check(); err != nil {
		return err
	}
	p.s.canceled = true
	if first := p.i.m.holder(p.s.dir); first != nil {
		first.canceled = true
	}
	return nil
}

func (p *simProcess) Sweep() error { return nil }

// WatchOutput implements Process.
func (p *simProcess) WatchOutput(bool) error { return nil }
func (p *simProcess) Forget()                {}

// left lists what is in a node's directory beside the keys of submissions.
func (m *machine) left(node string) []string {
	return slices.DeleteFunc(m.fs.Tree("/data/"+node), func(name string) bool {
		return path.Base(name) == keysFile || strings.HasPrefix(path.Base(name), "journal-")
	})
}

// input returns the stdin of a unit with a status.
func (m *memFS) input(dir string, s Status) string {
	if s.Input != nil {
		return string(*s.Input)
	}
	return m.get(path.Join(dir, StdinFile))
}

// input returns the stdin of the unit.
func (p *testProcess) input() string {
	s, err := ReadStatus(p.fs, p.Dir)
	if err != nil {
		return err.Error()
	}
	return p.fs.input(p.Dir, s)
}
