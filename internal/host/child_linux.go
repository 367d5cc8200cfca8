package host

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// child is a supervisor that this process has started. To start one costs more
// than all it does for a short command, so it runs the command of one unit after
// another. Between two it is a spare.
//
//	         job           over
//	(start) ----> of a unit ----> spare ----> (ended)
//	                  ^             |
//	                  +-------------+
//	                        job
type child struct {
	process *os.Process
	// line leads to it, and blocks. Jobs go out; a byte comes in when the unit is
	// over, and the end when the child has ended.
	line *os.File
	// idle and token are those of a spare.
	idle  *time.Timer
	token int32
}

// lineFile is the number that the line has in the child.
const lineFile = 3

// startChild starts a supervisor with its first job.
func startChild(program string, job work.Job) (*child, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	c := &child{line: os.NewFile(uintptr(ends[0]), "line to a supervisor")}
	theirs := os.NewFile(uintptr(ends[1]), "line of a supervisor")
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		defer null.Close()
		c.process, err = os.StartProcess(program, append([]string{filepath.Base(program), superviseWord, lineOption}, jobArgs(job)...), &os.ProcAttr{
			Files: []*os.File{null, null, null, lineFile: theirs},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
	}
	if err != nil {
		c.line.Close()
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	return c, nil
}

// give gives a spare a job. After an error it has ended.
func (c *child) give(job work.Job) error { return json.NewEncoder(c.line).Encode(job) }

// over returns true when the unit is over, and false when the child has ended.
func (c *child) over() bool {
	n, _ := c.line.Read(make([]byte, 1))
	return n > 0
}

// reap has the child end, if it has not, as soon as it has no unit, and returns
// how it ended.
func (c *child) reap() (*os.ProcessState, error) {
	c.line.Close()
	return c.process.Wait()
}

const (
	// maxSpares is how many children wait for a job, at most; each takes a few
	// megabytes. spareTime is how long.
	maxSpares = 8
	spareTime = 30 * time.Second
)

// spares are the children that wait for a job.
type spares struct {
	endings *endings

	mu     sync.Mutex
	closed bool
	list   []*child // the one that has waited least comes last
}

// add makes a child whose unit is over a spare, or has it end.
func (s *spares) add(c *child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if !s.closed && len(s.list) < maxSpares {
		if c.token, err = s.endings.add(c.line, func() { s.drop(c) }); err == nil {
			c.idle = time.AfterFunc(spareTime, func() { s.drop(c) })
			s.list = append(s.list, c)
			return
		}
	}
	go c.reap()
}

// take returns a spare, nil if there is none.
func (s *spares) take() *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return nil
	}
	c := s.list[len(s.list)-1]
	s.remove(c)
	return c
}

// drop has a spare end, or has ended with it.
func (s *spares) drop(c *child) {
	s.mu.Lock()
	mine := slices.Contains(s.list, c)
	if mine {
		s.remove(c)
	}
	s.mu.Unlock()
	if mine {
		_, _ = c.reap() // it had no unit
	}
}

// remove requires mu.
func (s *spares) remove(c *child) {
	s.list = slices.DeleteFunc(s.list, func(other *child) bool { return other == c })
	s.endings.take(c.token)
	c.idle.Stop()
}

func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for len(s.list) > 0 {
		c := s.list[0]
		s.remove(c)
		go c.reap()
	}
}
