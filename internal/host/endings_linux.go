package host

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// endings tells of the ends of processes, and of what supervisors say, which shows
// as a file that can be read. One goroutine serves all of them.
type endings struct {
	epoll *os.File
	done  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	last    int32
	waiting map[int32]ending // by token: the number of a file may pass on to another
}

type ending struct {
	file *os.File
	tell func()
}

func newEndings() (*endings, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true) // for the runtime to wait for it
	}
	if err != nil {
		return nil, fmt.Errorf("wait for ends of processes: %w", err)
	}
	e := &endings{epoll: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}), waiting: make(map[int32]ending)}
	go e.run()
	return e, nil
}

// add has tell called, on a goroutine of its own, once the file can be read.
// Until then the file belongs to the endings.
func (e *endings) add(file *os.File, tell func()) (token int32, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	token = e.last
	err = e.control(unix.EPOLL_CTL_ADD, file, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: token})
	if err != nil {
		return 0, fmt.Errorf("wait for the end of the supervisor: %w", err)
	}
	e.waiting[token] = ending{file: file, tell: tell}
	return token, nil
}

// take gives a file back, unless tell has been called, or is about to be.
func (e *endings) take(token int32) (ending, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w, ok := e.waiting[token]
	if ok {
		delete(e.waiting, token)
		_ = e.control(unix.EPOLL_CTL_DEL, w.file, nil) // it is there, or the epoll is closed
	}
	return w, ok
}

func (e *endings) control(op int, file *os.File, event *unix.EpollEvent) error {
	conn, err := e.epoll.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := conn.Control(func(fd uintptr) { err = unix.EpollCtl(int(fd), op, int(file.Fd()), event) })
	return errors.Join(controlErr, err)
}

// Close ends the goroutine.
func (e *endings) Close() error {
	err := e.epoll.Close()
	<-e.done
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.waiting {
		w.file.Close()
	}
	clear(e.waiting)
	return err
}

func (e *endings) run() {
	defer close(e.done)
	conn, err := e.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		err := conn.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0) // interrupted, it is tried again
			return n != 0
		})
		if err != nil {
			return // closed
		}
		for _, event := range events[:max(n, 0)] {
			if w, ok := e.take(event.Fd); ok {
				go w.tell()
			}
		}
	}
}
