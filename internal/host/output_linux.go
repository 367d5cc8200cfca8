package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// unitOutput is where the output of a unit's command goes: to its files at once,
// or, if there is a limit, by way of pipes and this process, so that not a byte
// more is stored.
type unitOutput struct {
	stdout *os.File
	stderr *os.File // the same unless it is kept apart
	limit  int64    // in bytes, of each; 0 for none
	pipes  []*pipe

	// over is closed once there is more than the limit, or it cannot be stored.
	over chan struct{}

	mu     sync.Mutex
	excess bool
	broken error // of storing it
}

// pipe leads from the command to a file.
type pipe struct {
	read, write *os.File
	to          *os.File
	left        int64         // of the limit
	done        chan struct{} // closed when nobody reads any more
}

func openOutput(dir string, limit int64, separate bool) (*unitOutput, error) {
	o := &unitOutput{limit: limit, over: make(chan struct{})}
	var err error
	if o.stdout, err = openAppend(filepath.Join(dir, work.StdoutFile)); err != nil {
		return nil, err
	}
	o.stderr = o.stdout
	if separate {
		if o.stderr, err = openAppend(filepath.Join(dir, work.StderrFile)); err != nil {
			return nil, err
		}
	}
	if limit == 0 {
		return o, nil
	}
	for _, to := range o.files() {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		o.pipes = append(o.pipes, &pipe{read: r, write: w, to: to, left: limit, done: make(chan struct{})})
	}
	return o, nil
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
	if o.limit == 0 {
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
			_, _ = io.Copy(storer{o, p}, onlyReader{p.read}) // to its end, or to the deadline of finish
		}()
	}
}

// onlyReader and storer have io.Copy use a buffer: the count must be exact.
type onlyReader struct{ io.Reader }

type storer struct {
	o *unitOutput
	p *pipe
}

// Write implements io.Writer. What is too much is dropped.
func (s storer) Write(b []byte) (int, error) {
	o := s.o
	o.mu.Lock()
	defer o.mu.Unlock()
	store := b[:min(int64(len(b)), s.p.left)]
	s.p.left -= int64(len(store))
	if o.broken == nil {
		_, o.broken = s.p.to.Write(store)
	}
	if !o.excess && (len(store) < len(b) || o.broken != nil) {
		o.excess = true
		close(o.over)
	}
	return len(b), nil
}

// finish returns when all is stored that was written up to now, and drops what
// comes later. It returns the sizes of the files, which are on disk then, and
// why the unit fails although its command may not have, if so.
func (o *unitOutput) finish() (stdout, stderr int64, failure string, err error) {
	for _, p := range o.pipes {
		if err := p.read.SetReadDeadline(time.Unix(0, 1)); err != nil {
			return 0, 0, "", err
		}
		<-p.done
		if err := p.drain(storer{o, p}); err != nil {
			return 0, 0, "", err
		}
		go func() {
			_ = p.read.SetReadDeadline(time.Time{})
			_, _ = io.Copy(io.Discard, p.read)
		}()
	}
	var sizes [2]int64
	for i, f := range o.files() {
		info, err := f.Stat()
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			return 0, 0, "", err
		}
		sizes[i] = info.Size()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.broken != nil:
		failure = fmt.Sprintf("Error storing the output: %v", o.broken)
	case o.excess:
		failure = fmt.Sprintf("Output exceeds %d bytes, the maxoutput of the work type", o.limit)
	}
	return sizes[0], sizes[1], failure, nil
}

// drain takes what is in the pipe, without waiting for more.
func (p *pipe) drain(to io.Writer) error {
	conn, err := p.read.SyscallConn()
	if err != nil {
		return err
	}
	var readErr error
	buf := make([]byte, 64<<10)
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
			_, _ = to.Write(buf[:n])
		}
	})
	return errors.Join(err, readErr)
}

// maxPipe is the most that a pipe can hold, unless root has raised that.
const maxPipe = 1 << 20
