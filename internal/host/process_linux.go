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
}

var _ work.Processes = (*Processes)(nil)

// NewProcesses returns Processes that start this very program as supervisors:
// its main function must call SuperviseMain when the first argument is
// "supervise".
func NewProcesses() (*Processes, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file, to run it as a supervisor: %w", err)
	}
	notify, err := newNotifier()
	if err != nil {
		return nil, err
	}
	return &Processes{program: program, notify: notify}, nil
}

// Close ends all watching. The supervisors go on.
func (p *Processes) Close() error { return p.notify.Close() }

// supervisor is one that is watched.
type supervisor struct {
	p       *Processes
	dir     string
	watcher work.Watcher
	watch   int32 // of the notifier

	mu        sync.Mutex
	process   *os.Process // nil if it had ended when it was found
	pidfd     *os.File    // of one that is no child of this process, if the system has such
	canceled  bool
	forgotten bool
}

// Start implements work.Processes.
func (p *Processes) Start(job work.Job, w work.Watcher) (work.Process, error) {
	s, err := p.newSupervisor(job.Dir, w)
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		s.Forget()
		return nil, err
	}
	defer null.Close()
	job.Dir = s.dir
	argv := append([]string{filepath.Base(p.program), superviseWord}, supervisorArgs(job)...)
	child, err := os.StartProcess(p.program, argv, &os.ProcAttr{
		Files: []*os.File{null, null, null},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		s.Forget()
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	s.process = child
	go s.awaitChild(child)
	return s, nil
}

// Attach implements work.Processes.
func (p *Processes) Attach(dir string, pid int, w work.Watcher) (work.Process, error) {
	if c, _, err := readClaim(dir); err == nil && c.Done != 0 {
		return nil, work.ErrSupervisorGone // it may still be about to
	}
	s, err := p.newSupervisor(dir, w)
	if err != nil {
		return nil, err
	}
	err = s.find(pid)
	switch {
	case err == nil:
		go s.awaitOther()
		return s, nil
	case errors.Is(err, work.ErrSupervisorGone):
		s.Forget()
		return s, err
	}
	s.Forget()
	return nil, err
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

// find gets hold of the process that has claimed the unit. That of a deployed
// node makes no claim: pid is then all that is known of it.
func (s *supervisor) find(pid int) error {
	claimant, alive, err := readClaim(s.dir)
	claimed := !errors.Is(err, work.ErrNeverStarted)
	switch {
	case !claimed && pid <= 0:
		return work.ErrNeverStarted
	case !claimed:
	case err != nil:
		return err
	case !alive:
		return work.ErrSupervisorGone
	default:
		pid = claimant.Pid
	}
	if err := s.hold(pid); err != nil {
		return err
	}
	// Only now is it certain that pid has not passed on to another process.
	if claimed {
		_, alive, err = readClaim(s.dir)
	} else {
		alive, err = isRunnerOf(pid, s.dir), nil
	}
	if err == nil && !alive {
		err = work.ErrSupervisorGone
	}
	if err != nil {
		s.letGo()
	}
	return err
}

// hold opens a process that is no child of this one.
func (s *supervisor) hold(pid int) error {
	process, err := os.FindProcess(pid)
	if errors.Is(err, os.ErrProcessDone) {
		return work.ErrSupervisorGone
	}
	if err != nil {
		return fmt.Errorf("find the supervisor: %w", err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.pidfd = os.NewFile(uintptr(fd), "supervisor")
	case errors.Is(err, unix.ESRCH):
		return work.ErrSupervisorGone
	case !errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("find the supervisor: %w", err)
	}
	s.process = process
	return nil
}

func (s *supervisor) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pidfd != nil {
		s.pidfd.Close()
	}
	if s.process != nil {
		_ = s.process.Release()
	}
	s.process, s.pidfd = nil, nil
}

// awaitChild returns when the supervisor that this process has started is
// gone, and so is the one that had claimed the unit before it, if any.
func (s *supervisor) awaitChild(child *os.Process) {
	state, err := child.Wait()
	if err != nil {
		s.end(err.Error())
		return
	}
	claimant, _, err := readClaim(s.dir)
	if err != nil || claimant.Pid == child.Pid {
		s.end(describeExit(state))
		return
	}
	if err := s.find(0); err != nil {
		s.end(err.Error())
		return
	}
	s.mu.Lock()
	canceled := s.canceled
	s.mu.Unlock()
	if canceled {
		_ = s.Cancel() // whom it should have reached; an error means that it has ended
	}
	s.awaitOther()
}

// awaitOther returns when a supervisor that is no child of this process is
// gone.
func (s *supervisor) awaitOther() {
	s.mu.Lock()
	pidfd := s.pidfd
	s.mu.Unlock()
	var err error
	if pidfd != nil {
		err = awaitPidfd(pidfd)
	} else {
		err = awaitRelease(s.dir)
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		s.end(err.Error())
		return
	}
	s.end("its process is gone")
}

// awaitPidfd returns when the process is gone.
func awaitPidfd(pidfd *os.File) error {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}

// end tells the watcher that the supervisor is gone.
func (s *supervisor) end(problem string) {
	s.mu.Lock()
	forgotten := s.forgotten
	s.mu.Unlock()
	if forgotten {
		return
	}
	_, _, err := readClaim(s.dir)
	s.watcher.Ended(!errors.Is(err, work.ErrNeverStarted), problem)
	s.Forget()
}

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
	c, _, err := readClaim(s.dir)
	if errors.Is(err, work.ErrNeverStarted) {
		return nil // of a deployed node: its processes cannot be told from others
	}
	if err != nil || c.Done != 0 {
		return err
	}
	return killUnit(s.dir, c.Pid)
}

// Forget implements work.Process.
func (s *supervisor) Forget() {
	s.mu.Lock()
	forgotten := s.forgotten
	s.forgotten = true
	if s.pidfd != nil {
		s.pidfd.Close()
	}
	s.mu.Unlock()
	if !forgotten {
		s.p.notify.remove(s.watch)
	}
}
