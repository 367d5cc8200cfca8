package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"receptor/sim/disk"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/work"
	"receptor/work/vfs"
)

const (
	// workType is that of the simulated command, and its name.
	workType = "simulated"
	// claimFile is what a supervisor that has claimed a unit leaves in its directory.
	claimFile = "supervisor"
	// resultPause is how long a supervisor waits before it writes a result again.
	resultPause = time.Second
)

// supervisor is a process of a machine that was started for a unit. It outlives
// the daemon.
type supervisor struct {
	machine  *machine
	disk     disk.View
	job      work.Job
	canceled chan struct{}

	mu      sync.Mutex
	watcher work.Watcher // nil: nobody watches
	life    *incarnation // that does
	outputs bool         // whether the watcher wants to know of output

	lost chan struct{} // closed when its machine loses its power
}

func (s *supervisor) check() error {
	select {
	case <-s.lost:
		return errDead
	default:
		return nil
	}
}

// behaviour is what a command does, as its parameter says.
type behaviour struct {
	Unit     int // of the scenario
	Stdout   int
	Duration time.Duration
	Exit     int
	Children int // that it leaves in the background
	// IgnoreSIGINT has it go on when it is interrupted.
	IgnoreSIGINT bool
	Output       scenario.Output
}

// pace returns how long the command pauses before each part of its output, and how
// many there are.
func (b behaviour) pace() (pause time.Duration, parts int) {
	switch b.Output {
	case scenario.Drip:
		parts = 100
	case scenario.Burst:
		parts = 2 // of which the second is empty
	default:
		parts = 4
	}
	return b.Duration / time.Duration(parts), parts
}

// part returns the nth part of its output.
func (b behaviour) part(output []byte, n, parts int) []byte {
	switch {
	case b.Output != scenario.Burst:
		return output[len(output)*n/parts : len(output)*(n+1)/parts]
	case n == 0:
		return output
	}
	return nil
}

// Start implements work.Processes.
func (i *incarnation) Start(job work.Job, w work.Watcher) (work.Process, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	m := i.machine
	if first := m.supervisorOf(job.Dir); first != nil {
		first.watch(w, i)
		return &process{i, first}, nil
	}
	s := &supervisor{machine: m, job: job, watcher: w, life: i, canceled: make(chan struct{}), lost: make(chan struct{})}
	s.disk = m.disk.For(s.check)
	if _, claimed := m.disk.Content(path.Join(job.Dir, claimFile)); claimed {
		go s.ended(true, "another supervisor had claimed the unit, and is gone")
		return &process{i, s}, nil
	}
	m.adopt(s)
	go s.run()
	return &process{i, s}, nil
}

// Attach implements work.Processes.
func (i *incarnation) Attach(dir string, _ int, w work.Watcher) (work.Process, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	s := i.machine.supervisorOf(dir)
	if s == nil {
		if _, claimed := i.machine.disk.Content(path.Join(dir, claimFile)); !claimed {
			return nil, work.ErrNeverStarted
		}
		return nil, work.ErrSupervisorGone
	}
	s.watch(w, i)
	return &process{i, s}, nil
}

// Forbid implements work.Processes.
func (i *incarnation) Forbid(dir string) error {
	s := &supervisor{job: work.Job{Dir: dir}, disk: i.machine.disk.For(i.check)}
	if _, claimed := s.disk.Content(path.Join(dir, claimFile)); claimed {
		return work.ErrClaimed
	}
	if !s.claim() {
		return errors.New("the disk does not take the claim")
	}
	return i.check()
}

func (m *machine) supervisorOf(dir string) *supervisor {
	for _, s := range m.running() {
		if s.job.Dir == dir {
			return s
		}
	}
	return nil
}

// watch lets a daemon know of what the supervisor does, instead of another one.
func (s *supervisor) watch(w work.Watcher, life *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watcher, s.life = w, life
}

// notify tells who watches, if anybody does. What that starts is its daemon's.
func (s *supervisor) notify(f func(work.Watcher)) {
	s.mu.Lock()
	w, life := s.watcher, s.life
	s.mu.Unlock()
	if w != nil {
		life.own()
		defer disown()
		f(w)
	}
}

// isFollowed reports whether somebody watches who wants to know of output.
func (s *supervisor) isFollowed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watcher != nil && s.outputs
}

// unwatch is when a daemon was killed.
func (s *supervisor) unwatch(life *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == life {
		s.watcher, s.life, s.outputs = nil, nil, false
	}
}

func (s *supervisor) ended(claimed bool, problem string) {
	s.machine.forget(s)
	s.notify(func(w work.Watcher) { w.Ended(claimed, problem) })
}

// run claims the unit, runs the command, writes its status, and stays until no
// process of the unit is left.
func (s *supervisor) run() {
	disown() // it outlives the daemon that has started it
	var b behaviour
	known := len(s.job.Args) == 1 && json.Unmarshal([]byte(s.job.Args[0]), &b) == nil
	s.tell(eventlog.Claiming, b, "")
	if !s.claim() {
		_, claimed := s.disk.Content(path.Join(s.job.Dir, claimFile))
		s.ended(claimed, "it could not claim the unit's directory")
		return
	}
	if status, err := work.ReadStatus(s.disk, s.job.Dir); err == nil && status.State.Terminal() {
		s.ended(true, "")
		return
	}
	if !known {
		s.write(work.Failed, fmt.Sprintf("arguments %q: want one, a JSON object", s.job.Args))
		s.ended(true, "")
		return
	}
	s.tell(eventlog.Ran, b, "")
	t := newTree(b, func(kind eventlog.Kind, process string) { s.tell(kind, b, process) })
	defer t.timer.Stop()
	state, detail := s.command(b, t)
	s.outlast(t, state, detail)
	if s.check() == nil {
		s.ended(true, "")
	}
}

// outlast writes the result, again and again if the disk does not take it, until it
// is told to end; and stays until no process is left.
func (s *supervisor) outlast(t *tree, state work.State, detail string) {
	err := s.write(state, detail)
	canceled, told := s.canceled, t.ending.Begun()
	retry := time.NewTicker(resultPause)
	defer retry.Stop()
	for s.check() == nil && (!t.gone() || mayPass(err) && !told) {
		select {
		case <-s.lost:
		case <-canceled:
			canceled, told = nil, true
			t.end()
		case <-t.timer.C:
			t.next()
		case <-retry.C:
			if mayPass(err) {
				err = s.write(state, detail)
			}
		}
	}
}

// mayPass tells whether it helps to write a status again.
func mayPass(err error) bool {
	return err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, work.ErrTerminal)
}

// tell tells the log, unless the supervisor is dead.
func (s *supervisor) tell(kind eventlog.Kind, b behaviour, process string) {
	if s.check() == nil {
		s.machine.world.log.log(eventlog.Event{Kind: kind, Node: s.machine.name, Unit: b.Unit, Text: process})
	}
}

// claim leaves a mark that the unit is this supervisor's. It is complete and on
// disk before it can be seen.
func (s *supervisor) claim() bool {
	name := path.Join(s.job.Dir, claimFile)
	f, err := s.disk.Open(name+".1", vfs.Create)
	return err == nil && f.Sync() == nil && s.disk.Rename(name+".1", name) == nil && s.disk.SyncDir(s.job.Dir) == nil
}

// command is what the command does: it reads its input, and writes output that
// depends on that. It returns in which state the unit ends: when the command has
// ended, or, once cancelled, when the last of its processes has.
func (s *supervisor) command(b behaviour, t *tree) (work.State, string) {
	input, found := s.disk.Content(path.Join(s.job.Dir, work.StdinFile))
	out, err := s.disk.Open(path.Join(s.job.Dir, work.StdoutFile), vfs.Append)
	if !found || err != nil {
		t.exited()
		return work.Failed, "the unit's files are gone"
	}
	defer out.Close()
	output, canceled := outputOf(input, b.Stdout), s.canceled
	pause, parts := b.pace()
	step, running := time.NewTimer(pause), time.NewTimer(work.RunningAfter)
	defer step.Stop()
	defer running.Stop()
	for n := 0; s.check() == nil; {
		select {
		case <-s.lost:
		case <-canceled:
			canceled = nil
			t.end()
		case <-t.timer.C:
			t.next()
		case <-running.C:
			s.write(work.Running, "Running: PID 1")
		case <-step.C:
			_, failure := out.Write(b.part(output, n, parts))
			if s.isFollowed() {
				s.notify(work.Watcher.OutputGrew)
			}
			if n++; n < parts && failure == nil {
				step.Reset(pause)
				break
			}
			t.exited()
			if !t.ending.Begun() {
				return outcome(b, failure, out)
			}
		}
		if t.gone() {
			return work.Canceled, "Canceled"
		}
		if !t.command {
			step.Stop()
		}
	}
	return work.Failed, "signal: killed"
}

// outcome is what a unit is whose command has ended by itself, if it could write its
// output. That is safe first.
func outcome(b behaviour, failure error, out vfs.File) (work.State, string) {
	if failure != nil {
		return work.Failed, fmt.Sprintf("exit status 1 (%v)", failure)
	}
	if err := out.Sync(); err != nil {
		return work.Failed, fmt.Sprintf("store the output: %v", err)
	}
	if b.Exit != 0 {
		return work.Failed, fmt.Sprintf("exit status %d", b.Exit)
	}
	return work.Succeeded, "exit status 0"
}

func (s *supervisor) write(state work.State, detail string) error {
	status, err := work.ReadStatus(s.disk, s.job.Dir)
	if err != nil {
		return err
	}
	status.State, status.Detail, status.Version = state, detail, status.Version+1
	if output, found := s.disk.Content(path.Join(s.job.Dir, work.StdoutFile)); found && state.Terminal() {
		status.StdoutSize, status.ExtraData = int64(len(output)), nil
	}
	err = work.WriteStatus(s.disk, s.job.Dir, status)
	if err == nil {
		s.notify(work.Watcher.StatusChanged)
	}
	return err
}

// process is a supervisor in the hands of a daemon.
type process struct {
	life *incarnation
	s    *supervisor
}

// Cancel implements work.Process.
func (p *process) Cancel() error {
	if err := p.life.check(); err != nil {
		return err
	}
	select {
	case <-p.s.canceled:
	default:
		close(p.s.canceled)
	}
	return nil
}

// WatchOutput implements work.Process.
func (p *process) WatchOutput(on bool) error {
	if err := p.life.check(); err != nil {
		return err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.outputs = on
	return nil
}

// Done implements work.Process: the daemon is told of the end at the same moment.
func (p *process) Done() bool { return false }

// Sweep implements work.Process. A supervisor here ends before its processes only
// when its machine does.
func (p *process) Sweep() error { return p.life.check() }

// Forget implements work.Process.
func (p *process) Forget() { p.s.unwatch(p.life) }
