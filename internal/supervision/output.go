package supervision

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"sync"

	"receptor/work"
	"receptor/work/vfs"
)

// Output bounds what is stored of what the processes of a unit write: its streams have
// the limit of the work type each, and leave the space free that the node keeps. What
// is beyond is dropped. Its methods may be called from any goroutine.
type Output struct {
	job   work.Job
	floor *work.Floor
	over  chan struct{}

	mu      sync.Mutex
	failure string
}

// NewOutput returns that of a job.
func NewOutput(fsys vfs.FS, job work.Job) *Output {
	return &Output{job: job, floor: work.NewFloor(fsys, job.Dir, job.MinFree), over: make(chan struct{})}
}

// Bounded reports whether there are any bounds.
func (o *Output) Bounded() bool { return o.job.MaxOutput > 0 || o.job.MinFree > 0 }

// Exceeded returns what is closed once there is more than may be stored, or than can be.
func (o *Output) Exceeded() <-chan struct{} { return o.over }

// Failure returns why not all is stored, "" if it is.
func (o *Output) Failure() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failure
}

// Fail says that something which was written is not stored, for that reason, unless
// there was one before.
func (o *Output) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failure == "" && err != nil {
		o.failure = fmt.Sprintf("Error storing the output: %v", err)
	}
}

// To returns what stores a stream in a file. It takes whatever is written to it.
func (o *Output) To(file io.Writer) io.Writer {
	left := o.job.MaxOutput
	if left <= 0 {
		left = math.MaxInt64
	}
	return &stream{o, file, left}
}

type stream struct {
	o    *Output
	file io.Writer
	left int64 // of what may be stored
}

// Write implements io.Writer.
func (s *stream) Write(b []byte) (int, error) {
	o := s.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if failure := s.store(b); failure != "" && o.failure == "" {
		o.failure = failure
		close(o.over)
	}
	return len(b), nil
}

// store stores what may be of b, and returns why that is not all.
func (s *stream) store(b []byte) (failure string) {
	part := b[:min(int64(len(b)), s.left)]
	s.left -= int64(len(part))
	if err := s.o.floor.Take(len(part)); err != nil {
		s.left = 0 // there is no output after a gap
		return fmt.Sprintf("No space for more output of unit %s: %v", filepath.Base(s.o.job.Dir), err)
	}
	if _, err := s.file.Write(part); err != nil {
		s.left = 0
		return fmt.Sprintf("Error storing the output: %v", err)
	}
	if len(part) < len(b) {
		return fmt.Sprintf("Output exceeds %d bytes, the maxoutput of the work type", s.o.job.MaxOutput)
	}
	return ""
}
