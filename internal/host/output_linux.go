package host

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"receptor/internal/supervision"
	"receptor/work"
)

// unitOutput is where the output of a unit's command goes: to its files at once,
// or, if there is a limit or space to be left free, by way of pipes and this
// process, so that not a byte more is stored.
type unitOutput struct {
	*supervision.Output
	job    work.Job
	stdout *os.File
	stderr *os.File // the same unless it is kept apart
	pipes  []*pipe  // none if nothing bounds the output
}

// pipe leads from the command to a file.
type pipe struct {
	read, write *os.File
	to          io.Writer
	done        chan struct{} // closed when nobody reads any more
}

func openOutput(job work.Job) (*unitOutput, error) {
	o := &unitOutput{Output: supervision.NewOutput(FS{}, job), job: job}
	if err := o.open(); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *unitOutput) open() (err error) {
	job := o.job
	if o.stdout, err = openAppend(filepath.Join(job.Dir, work.StdoutFile)); err != nil {
		return err
	}
	o.stderr = o.stdout
	if job.SeparateStderr {
		if o.stderr, err = openAppend(filepath.Join(job.Dir, work.StderrFile)); err != nil {
			return err
		}
	}
	if !o.Bounded() {
		return nil
	}
	for _, to := range o.files() {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		o.pipes = append(o.pipes, &pipe{read: r, write: w, to: o.To(to), done: make(chan struct{})})
	}
	return nil
}

// close closes all files. Nobody is left who writes to the pipes.
func (o *unitOutput) close() {
	for _, p := range o.pipes {
		p.read.Close()
		p.write.Close() // again, once the command has been started
	}
	o.stdout.Close() // nil if it could not be opened, which is only an error
	if o.stderr != o.stdout {
		o.stderr.Close()
	}
}

func openAppend(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
}

func (o *unitOutput) files() []*os.File {
	if o.stderr == o.stdout {
		return []*os.File{o.stdout}
	}
	return []*os.File{o.stdout, o.stderr}
}

// ends returns what the command gets as its stdout and stderr.
func (o *unitOutput) ends() (stdout, stderr *os.File) {
	if len(o.pipes) == 0 {
		return o.stdout, o.stderr
	}
	return o.pipes[0].write, o.pipes[len(o.pipes)-1].write
}

// started is called when the command has got its ends.
func (o *unitOutput) started() {
	for _, p := range o.pipes {
		p.write.Close()
		go func() {
			defer close(p.done)
			// To its end, or to the deadline of finish.
			_, _ = io.CopyBuffer(p.to, onlyReader{p.read}, make([]byte, pipeSize))
		}()
	}
}

// pipeSize is what a pipe holds at first.
const pipeSize = 64 << 10

// onlyReader has io.CopyBuffer use its buffer: the count must be exact.
type onlyReader struct{ io.Reader }

// finish returns when all is stored that was written up to now, and drops what
// comes later. It returns the sizes of the files, which are on disk then, and
// why the unit fails although its command may not have, if so.
func (o *unitOutput) finish() (stdout, stderr int64, failure string) {
	var broken error
	for _, p := range o.pipes {
		broken = errors.Join(broken, p.finish())
	}
	var sizes [2]int64
	for i, f := range o.files() {
		info, err := f.Stat()
		if err == nil {
			sizes[i] = info.Size()
			// What could not be made safe once may be lost although it works another
			// time.
			err = f.Sync()
		}
		broken = errors.Join(broken, err)
	}
	o.Fail(broken)
	return sizes[0], sizes[1], o.Failure()
}

// finish takes what is in the pipe, and drops what comes later.
func (p *pipe) finish() error {
	if err := p.read.SetReadDeadline(time.Unix(0, 1)); err != nil {
		return err
	}
	<-p.done
	err := p.drain()
	go func() {
		_ = p.read.SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, p.read)
	}()
	return err
}

// drain takes what is in the pipe, without waiting for more.
func (p *pipe) drain() error {
	conn, err := p.read.SyscallConn()
	if err != nil {
		return err
	}
	var readErr error
	buf := make([]byte, pipeSize)
	err = conn.Control(func(fd uintptr) {
		size := 0 // a process in the background may write for ever
		for size <= maxPipe {
			n, err := unix.Read(int(fd), buf)
			if err == unix.EINTR {
				continue
			}
			if err != nil && err != unix.EAGAIN {
				readErr = err
			}
			if n <= 0 {
				return
			}
			size += n
			_, _ = p.to.Write(buf[:n])
		}
	})
	return errors.Join(err, readErr)
}

// maxPipe is the most that a pipe can hold, unless root has raised that.
const maxPipe = 1 << 20
