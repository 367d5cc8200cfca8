package guest

import (
	"encoding/json"
	"fmt"
	"syscall"

	"receptor/internal/supervision"
	"receptor/work"
)

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
	s := m.newSupervisor(job)
	s.watch(w, i)
	m.adopt(s)
	go s.run()
	return &process{i, s}, nil
}

// Attach implements work.Processes. There are no locks on simulated disks: what a claim
// says is all that is known of who has made it.
func (i *incarnation) Attach(dir string, _ int, w work.Watcher) (work.Process, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	m := i.machine
	claim, done, err := work.ReadClaim(m.disk.For(i.check), dir)
	switch {
	case err != nil:
		return nil, err
	case claim == nil:
		return nil, work.ErrNeverStarted
	}
	var c supervision.Claim
	if err := json.Unmarshal(claim, &c); err != nil {
		return nil, fmt.Errorf("the claim in %s: %w", dir, err)
	}
	if done || !c.Lives(m.system) {
		return nil, work.ErrSupervisorGone
	}
	if _, err := m.system.StartOf(c.Pid); err != nil {
		return nil, work.ErrSupervisorGone
	}
	s := m.processOf(c.Pid)
	s.watch(w, i)
	return &process{i, s}, nil
}

// Forbid implements work.Processes: the claim is that of a supervisor which has ended.
func (i *incarnation) Forbid(dir string) error {
	_, err := takeClaim(i.machine.disk.For(i.check), dir, i.self, true)
	return err
}

// supervisorOf returns what runs for the unit in a directory, nil if nothing does.
func (m *machine) supervisorOf(dir string) *supervisor {
	for _, s := range m.running() {
		if s.job.Dir == dir {
			return s
		}
	}
	return nil
}

// processOf returns the process with an ID. If that is no supervisor, it does nothing that
// its watcher could be told of.
func (m *machine) processOf(pid int) *supervisor {
	for _, s := range m.running() {
		if s.self.Pid == pid {
			return s
		}
	}
	return &supervisor{machine: m}
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
	case p.s.told <- syscall.SIGTERM:
	default: // it was told, and has not come to that
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

// Sweep implements work.Process. A supervisor here ends before its processes only
// when its machine does.
func (p *process) Sweep() error { return p.life.check() }

// Forget implements work.Process.
func (p *process) Forget() { p.s.unwatch(p.life) }
