package work

import (
	"errors"
	"io/fs"
	"path"
	"sync"
)

// testProcesses are supervisors that do what a test says.
type testProcesses struct {
	fs        *memFS
	started   chan *testProcess
	mu        sync.Mutex
	found     map[string]error // what Attach says, by directory; nil error: it runs
	starts    int
	forbidden []string // by directory
	noForbid  error    // of Forbid
	claiming  string
	fail      error
}

type testProcess struct {
	Job
	all      *testProcesses
	fs       *memFS
	watcher  Watcher
	canceled chan struct{}
	mu       sync.Mutex
	swept    bool
	watched  bool // its output
	gone     bool
}

func (p *testProcesses) Start(job Job, w Watcher) (Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return nil, p.fail
	}
	p.starts++
	proc := &testProcess{Job: job, all: p, fs: p.fs, watcher: w, canceled: make(chan struct{}, 10)}
	p.started <- proc
	return proc, nil
}

func (p *testProcesses) Attach(dir string, _ int, w Watcher) (Process, error) {
	if _, _, err := ReadClaim(p.fs, dir); errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err, ok := p.found[dir]
	proc := &testProcess{Job: Job{Dir: dir}, all: p, fs: p.fs, watcher: w, canceled: make(chan struct{}, 10)}
	switch {
	case !ok:
		return nil, ErrNeverStarted
	case err == nil:
		p.started <- proc
		return proc, nil
	case errors.Is(err, ErrSupervisorGone):
		p.started <- proc
		return proc, err
	}
	return nil, err
}

func (p *testProcesses) Forbid(dir string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.noForbid != nil:
		return p.noForbid
	case p.claiming == dir:
		p.claiming = ""
		p.found[dir] = nil
		return ErrClaimed
	}
	p.forbidden = append(p.forbidden, dir)
	return nil
}

// failForbid has Forbid fail, or not with nil.
func (p *testProcesses) failForbid(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noForbid = err
}

// claimNext has a supervisor claim a unit just before that is forbidden.
func (p *testProcesses) claimNext(dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claiming = dir
}

func (p *testProcess) Cancel() error {
	p.canceled <- struct{}{}
	return nil
}

func (p *testProcess) WatchOutput(on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watched = on
	return nil
}

func (p *testProcess) Sweep() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swept = true
	return nil
}

func (p *testProcess) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

// output is what the command writes.
func (p *testProcess) output(s string) {
	p.fs.Add(path.Join(p.Dir, StdoutFile), s)
	p.watcher.OutputGrew()
}

// status is what the supervisor writes.
func (p *testProcess) status(state State, detail string) {
	s, err := ReadStatus(p.fs, p.Dir)
	if err != nil {
		panic(err)
	}
	s.State, s.Detail, s.StdoutSize = state, detail, int64(len(p.fs.get(path.Join(p.Dir, StdoutFile))))
	s.StderrSize = int64(len(p.fs.get(path.Join(p.Dir, StderrFile))))
	if state.Terminal() {
		s.ExtraData = nil
	}
	if err := WriteStatus(p.fs, p.Dir, s); err != nil {
		panic(err)
	}
	p.watcher.StatusChanged()
}

// exit is a command that ends.
func (p *testProcess) exit(state State, detail string) {
	p.status(state, detail)
	p.all.mu.Lock()
	delete(p.all.found, p.Dir) // and nothing of it is left
	p.all.mu.Unlock()
	p.watcher.Ended(true, "exit status 0")
}
