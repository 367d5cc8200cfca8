package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// superviseWord is the first argument of this program when it is a supervisor.
const superviseWord = "supervise"

// Processes runs the commands of units under supervisors. NewProcesses makes
// one; its methods may be called from any goroutine.
type Processes struct {
	program string
	notify  *notifier
	endings *endings
	spares  spares
}

var _ work.Processes = (*Processes)(nil)

// NewProcesses returns Processes that start this very program as supervisors:
// its main function must call SuperviseMain when the first argument is
// "supervise". It logs by the given function, which may not wait, what a person may
// want to look at; nil is nobody.
func NewProcesses(log func(format string, args ...any)) (*Processes, error) {
	if log == nil {
		log = func(string, ...any) {}
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file, to run it as a supervisor: %w", err)
	}
	endings, err := newEndings()
	if err != nil {
		return nil, err
	}
	return &Processes{program: program, notify: newNotifier(log), endings: endings, spares: spares{endings: endings}}, nil
}

// Close ends all watching. The supervisors that have a unit go on.
func (p *Processes) Close() error {
	p.spares.close()
	return errors.Join(p.notify.Close(), p.endings.Close())
}

// supervisor is one that is watched.
type supervisor struct {
	p       *Processes
	dir     string
	watcher work.Watcher
	watch   *unitWatch
	foreign bool // of a deployed node: it does not touch the unit's directory

	mu        sync.Mutex
	process   *os.Process // nil if it had ended when it was found, or has done with the unit
	token     int32       // of the endings, for one that is no child of this process
	canceled  bool
	forgotten bool
}

// Start implements work.Processes.
func (p *Processes) Start(job work.Job, w work.Watcher) (work.Process, error) {
	s, err := p.newSupervisor(job.Dir, w)
	if err != nil {
		return nil, err
	}
	job.Dir = s.dir
	c, err := p.child(job)
	if err != nil {
		s.Forget()
		return nil, err
	}
	s.process = c.process
	if _, err := p.endings.add(c.line, func() { s.heard(c) }); err != nil {
		go s.heard(c) // which waits
	}
	return s, nil
}

// child has a spare do a job, or a new child.
func (p *Processes) child(job work.Job) (*child, error) {
	for c := p.spares.take(); c != nil; c = p.spares.take() {
		if c.give(job) == nil {
			return c, nil
		}
		_, _ = c.reap() // it has ended without a job
	}
	return startChild(p.program, job)
}

// Attach implements work.Processes.
func (p *Processes) Attach(dir string, pid int, w work.Watcher) (work.Process, error) {
	if c, err := readClaim(dir); err == nil && c.done {
		return nil, work.ErrSupervisorGone // it may still be about to
	}
	s, err := p.newSupervisor(dir, w)
	if err != nil {
		return nil, err
	}
	pidfd, err := s.find(pid)
	if err == nil {
		err = s.awaitOther(pidfd)
	}
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, work.ErrSupervisorGone):
		s.Forget()
		return s, err
	}
	s.Forget()
	return nil, err
}

// Forbid implements work.Processes: the claim is that of a supervisor which has
// ended, and left nothing.
func (p *Processes) Forbid(dir string) error {
	held, _, err := takeClaim(dir, true)
	if errors.Is(err, work.ErrDeployed) {
		return nil // no supervisor of ours was ever started for it
	}
	if err != nil {
		return err
	}
	return held.Close()
}

// newSupervisor returns a supervisor whose unit's directory is being watched.
func (p *Processes) newSupervisor(dir string, w work.Watcher) (*supervisor, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	watch, err := p.notify.add(dir, w)
	if err != nil {
		return nil, err
	}
	return &supervisor{p: p, dir: dir, watcher: w, watch: watch}, nil
}

// find gets hold of the process that has claimed the unit, and returns a file by
// which its end shows, or nil where there is no such thing. The process of a
// deployed node makes no claim: pid is then all that is known of it.
func (s *supervisor) find(pid int) (*os.File, error) {
	claimant, err := readClaim(s.dir)
	claimed := !errors.Is(err, work.ErrNeverStarted)
	var alive bool
	if err == nil {
		alive, err = claimant.alive()
	}
	switch {
	case !claimed && pid <= 0:
		return nil, work.ErrNeverStarted
	case !claimed:
	case err != nil:
		return nil, err
	case !alive:
		return nil, work.ErrSupervisorGone
	default:
		pid = claimant.Pid
	}
	pidfd, err := s.hold(pid)
	if err != nil {
		return nil, err
	}
	// Only now is it certain that pid has not passed on to another process.
	if claimed {
		alive, err = claimant.alive()
	} else {
		alive = isRunnerOf(pid, s.dir)
	}
	if err == nil && !alive {
		err = work.ErrSupervisorGone
	}
	if err == nil && !claimed {
		s.foreign = true
		err = s.watch.foreignOutput()
	}
	if err != nil {
		s.letGo()
		if pidfd != nil {
			pidfd.Close()
		}
		return nil, err
	}
	return pidfd, nil
}

// hold opens a process that is no child of this one.
func (s *supervisor) hold(pid int) (*os.File, error) {
	process, err := os.FindProcess(pid)
	if errors.Is(err, os.ErrProcessDone) {
		return nil, work.ErrSupervisorGone
	}
	if err != nil {
		return nil, fmt.Errorf("find the supervisor: %w", err)
	}
	pidfd, err := openPidfd(pid)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil, work.ErrSupervisorGone
	case err != nil && !errors.Is(err, unix.ENOSYS):
		return nil, fmt.Errorf("find the supervisor: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = process
	return pidfd, nil
}

func (s *supervisor) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		_ = s.process.Release()
	}
	s.process = nil
}

// heard takes in what the child says, also when nobody wants to know any more: it
// is to be of further use, or no zombie.
func (s *supervisor) heard(c *child) {
	if !c.over() {
		s.childEnded(c)
		return
	}
	s.mu.Lock()
	s.process = nil
	canceled := s.canceled
	s.mu.Unlock()
	if canceled { // that signal is not for another unit
		go c.reap()
	} else {
		s.p.spares.add(c)
	}
	s.end("it says that all is done")
}

// childEnded tells of the end of the child, or, if another one had claimed the
// unit before, goes on to wait for that one's.
func (s *supervisor) childEnded(c *child) {
	state, err := c.reap()
	if err != nil {
		s.end(err.Error())
		return
	}
	claimant, err := readClaim(s.dir)
	if err != nil || claimant.Pid == c.process.Pid {
		s.end(describeExit(state))
		return
	}
	pidfd, err := s.find(0)
	if err == nil {
		err = s.awaitOther(pidfd)
	}
	if err != nil {
		s.end(err.Error())
		return
	}
	s.mu.Lock()
	canceled := s.canceled
	s.mu.Unlock()
	if canceled {
		_ = s.Cancel() // whom it should have reached; an error means that it has ended
	}
}

// awaitOther has the end of a supervisor told that is no child of this process.
// Without a pidfd, on systems that have none, its lock tells.
func (s *supervisor) awaitOther(pidfd *os.File) error {
	if pidfd == nil {
		go func() {
			problem := "its process is gone"
			if err := awaitRelease(s.dir); err != nil {
				problem = err.Error()
			}
			s.end(problem)
		}()
		return nil
	}
	token, err := s.p.endings.add(pidfd, func() {
		pidfd.Close()
		s.end("its process is gone")
	})
	if err != nil {
		pidfd.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
	return err
}

// openPidfd returns a file by which the end of a process shows.
func openPidfd(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "supervisor"), nil
}

// end tells the watcher that the supervisor is gone.
func (s *supervisor) end(problem string) {
	s.mu.Lock()
	forgotten := s.forgotten
	s.mu.Unlock()
	if forgotten {
		return
	}
	_, err := readClaim(s.dir)
	s.watcher.Ended(!errors.Is(err, work.ErrNeverStarted), problem)
	s.Forget()
}

// WatchOutput implements work.Process.
func (s *supervisor) WatchOutput(on bool) error { return s.watch.output(on || s.foreign) }

// Cancel implements work.Process.
func (s *supervisor) Cancel() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.canceled = true
	if s.process == nil {
		return nil
	}
	err := s.process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		return nil // Ended is on its way
	}
	return err
}

// Sweep implements work.Process.
func (s *supervisor) Sweep() error {
	c, err := readClaim(s.dir)
	if errors.Is(err, work.ErrNeverStarted) {
		return nil // of a deployed node: its processes cannot be told from others
	}
	if err != nil || c.done {
		return err
	}
	return killUnit(s.dir, c.Pid)
}

// Forget implements work.Process.
func (s *supervisor) Forget() {
	s.mu.Lock()
	forgotten := s.forgotten
	s.forgotten = true
	token := s.token
	s.mu.Unlock()
	if !forgotten {
		s.watch.remove()
		if w, ok := s.p.endings.take(token); ok {
			w.file.Close()
		}
	}
}
