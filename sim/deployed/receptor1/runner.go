package receptor1

import (
	"context"
	"fmt"
	"path"
	"syscall"
	"time"

	"receptor/transport"
	"receptor/work"
	"receptor/work/vfs"
)

const (
	// reportPause is how often a runner writes a status.
	reportPause = 250 * time.Millisecond
	// killAfter is how long a command may take to end that was interrupted.
	killAfter = 10 * time.Second
	// maxReportFailures is how many of these may fail in a row.
	maxReportFailures = 3
)

// Job is what a runner does.
type Job struct{ Command, Params, Dir string }

// Processes are those of a machine, beside the daemon. They outlive it.
type Processes interface {
	// Run has RunJob called in a process of its own. exited is closed when that has
	// ended.
	Run(Job) (pid int, exited <-chan struct{})
	// Interrupt sends a process SIGINT, if there is one.
	Interrupt(pid int) (exited <-chan struct{}, there bool)
	// Lock returns what locks a file for all processes of the machine. It is free
	// when the machine starts.
	Lock(name string) chan struct{}
}

// Process is a runner's.
type Process interface {
	// Context is done when the machine has lost its power.
	Context() context.Context
	Clock() transport.Clock
	FS() vfs.FS
	Lock(name string) chan struct{}
	// Interrupted yields a value when the process is sent SIGINT.
	Interrupted() <-chan struct{}
	// Start starts a command, with what it reads, and where it writes.
	Start(command, params string, stdin []byte, stdout vfs.File) (Command, error)
}

// Command is a process that a runner has started.
type Command interface {
	Pid() int
	Exited() <-chan struct{}
	// Code is its exit code once it has exited, negative if a signal has ended it.
	Code() int
	Signal(syscall.Signal)
}

// RunJob is what a runner does: it starts a command, interrupts it when it is
// interrupted, and writes every now and then how far that has come.
func RunJob(p Process, j Job) {
	name := path.Join(j.Dir, statusName)
	r := &runner{p, j, statusFile{p.FS(), name, p.Lock(name)}, status{}}
	_ = r.report(work.Pending, "Not started yet", 0)
	if err := r.run(); err != nil {
		_ = r.report(work.Failed, err.Error(), r.size())
	}
}

type runner struct {
	Process
	job    Job
	file   statusFile
	status status
}

func (r *runner) report(s work.State, detail string, size int64) error {
	return r.file.update(&r.status, basic(s, detail, size))
}

func (r *runner) size() int64 { return stdoutSize(r.FS(), r.job.Dir) }

// run runs the command to its end. The error says why it could not start.
func (r *runner) run() error {
	stdin, err := content(r.FS(), path.Join(r.job.Dir, stdinName))
	if err != nil {
		return err
	}
	out, err := r.FS().Open(path.Join(r.job.Dir, stdoutName), vfs.Append)
	if err != nil {
		return err
	}
	defer out.Close()
	c, err := r.Start(r.job.Command, r.job.Params, stdin, syncedFile{out})
	if err != nil {
		return err
	}
	return r.watch(c)
}

// watch reports until the command has ended. When it cannot, it leaves that alone.
func (r *runner) watch(c Command) error {
	for failures := 0; ; {
		tick := make(chan struct{})
		timer := r.Clock().AfterFunc(reportPause, func() { close(tick) })
		select {
		case <-r.Context().Done():
			return nil
		case <-c.Exited():
			timer.Stop()
			state := work.Succeeded
			if c.Code() != 0 {
				state = work.Failed
			}
			_ = r.report(state, fmt.Sprintf("exit status %d", c.Code()), r.size())
			return nil
		case <-r.Interrupted():
			timer.Stop()
			r.kill(c)
			_ = r.report(work.Failed, detailKilled, r.size())
			return nil
		case <-tick:
		}
		if r.report(work.Running, fmt.Sprintf("Running: PID %d", c.Pid()), r.size()) == nil {
			failures = 0
		} else if failures++; failures > maxReportFailures {
			return nil
		}
	}
}

// kill ends the command, and nothing that it has started.
func (r *runner) kill(c Command) {
	c.Signal(syscall.SIGINT)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-c.Exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	if pause(ctx, r.Clock(), killAfter) {
		c.Signal(syscall.SIGKILL)
	}
}

// syncedFile is a file that is open for synchronous writes.
type syncedFile struct{ vfs.File }

// Write implements io.Writer.
func (f syncedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err == nil {
		err = f.Sync()
	}
	return n, err
}

// content reads a file.
func content(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name, vfs.Read)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if n == len(b) {
		err = nil
	}
	return b, err
}
