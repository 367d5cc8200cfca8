package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"

	"receptor/internal/supervision"
	"receptor/sim/disk"
	"receptor/sim/eventlog"
	"receptor/work"
	"receptor/work/vfs"
)

// workType is that of the simulated command, and its name.
const workType = "simulated"

// supervisor is a process of a machine that was started for a unit. It outlives
// the daemon.
type supervisor struct {
	machine   *machine
	self      supervision.Claim // as it makes it
	disk      disk.View
	job       work.Job
	behaviour behaviour
	malformed bool           // the arguments say no behaviour
	told      chan os.Signal // to end the unit

	ctx  context.Context // done when its machine has lost its power
	lose context.CancelFunc

	mu      sync.Mutex
	watcher work.Watcher // nil: nobody watches
	life    *incarnation // that does
	outputs bool         // whether the watcher wants to know of output
}

var _ supervision.Self = (*supervisor)(nil)

func (m *machine) newSupervisor(job work.Job) *supervisor {
	s := &supervisor{machine: m, self: m.spawn(), job: job, told: make(chan os.Signal, 1)}
	s.ctx, s.lose = context.WithCancel(context.Background())
	s.disk = m.disk.For(s.check)
	s.malformed = len(job.Args) != 1 || json.Unmarshal([]byte(job.Args[0]), &s.behaviour) != nil
	return s
}

func (s *supervisor) check() error {
	if s.ctx.Err() != nil {
		return errDead
	}
	return nil
}

// run runs the unit.
func (s *supervisor) run() {
	disown() // it outlives the daemon that has started it
	defer s.lose()
	s.tell(eventlog.Claiming, "")
	exit, _ := supervision.Supervisor{
		Job: s.job, FS: s.disk, Self: s, Told: s.told, Timing: supervision.DefaultTiming(),
	}.Run(s.ctx)
	if s.check() != nil {
		return
	}
	problem := exit.Describe()
	if problem == "" {
		problem = fmt.Sprintf("exit status %d", exit)
	}
	claim, _, err := work.ReadClaim(s.disk, s.job.Dir)
	claimed := err == nil && claim != nil
	s.machine.forget(s)
	s.machine.system.exit(s.self.Pid)
	s.notify(func(w work.Watcher) { w.Ended(claimed, problem) })
}

// Pid implements supervision.Self.
func (s *supervisor) Pid() int { return s.self.Pid }

// Claim implements supervision.Self.
func (s *supervisor) Claim() (work.Status, error) { return takeClaim(s.disk, s.job.Dir, s.self, false) }

// takeClaim claims a unit.
func takeClaim(d disk.View, dir string, c supervision.Claim, done bool) (work.Status, error) {
	claim, err := json.Marshal(c)
	if err != nil {
		return work.Status{}, err
	}
	f, err := d.Open(path.Join(dir, work.StatusFile), vfs.Update)
	if err != nil {
		return work.Status{}, err
	}
	defer f.Close()
	return work.ClaimStatus(f, claim, done)
}

// Start implements supervision.Self.
func (s *supervisor) Start(kept *[]byte) (supervision.Processes, error) {
	if s.malformed {
		return nil, fmt.Errorf("arguments %q: want one, a JSON object", s.job.Args)
	}
	var input []byte
	if kept != nil {
		input = *kept
	} else if content, found := s.disk.Content(path.Join(s.job.Dir, work.StdinFile)); found {
		input = content
	} else {
		return nil, fmt.Errorf("stdin: %w", fs.ErrNotExist)
	}
	out, err := s.disk.Open(path.Join(s.job.Dir, work.StdoutFile), vfs.Append)
	if err != nil {
		return nil, err
	}
	s.tell(eventlog.Ran, "")
	return newTree(s, out, outputOf(input, s.behaviour.Stdout)), nil
}

// Changed implements supervision.Self.
func (s *supervisor) Changed() { s.notify(work.Watcher.StatusChanged) }

func (s *supervisor) notifyOutput() { s.notify(work.Watcher.OutputGrew) }

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

// tell tells the log, unless the supervisor is dead.
func (s *supervisor) tell(kind eventlog.Kind, process string) {
	if s.check() == nil {
		s.machine.world.log.log(eventlog.Event{Kind: kind, Node: s.machine.name, Unit: s.behaviour.Unit, Text: process})
	}
}
