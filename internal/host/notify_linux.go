package host

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// notifier tells watchers of changes in directories of units. One goroutine
// serves all of them.
type notifier struct {
	inotify *os.File
	done    chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	watchers map[int32]work.Watcher // by watch descriptor
}

func newNotifier() (*notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify (is fs.inotify.max_user_instances used up?): %w", err)
	}
	n := &notifier{
		inotify:  os.NewFile(uintptr(fd), "inotify"),
		done:     make(chan struct{}),
		watchers: make(map[int32]work.Watcher),
	}
	go n.run()
	return n, nil
}

// add has w told of changes in the directory of a unit, and returns what
// remove takes.
func (n *notifier) add(dir string, w work.Watcher) (int32, error) {
	conn, err := n.inotify.SyscallConn()
	if err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var wd int
	controlErr := conn.Control(func(fd uintptr) {
		wd, err = unix.InotifyAddWatch(int(fd), dir, unix.IN_MODIFY|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
	})
	if controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return 0, fmt.Errorf("watch %s (is fs.inotify.max_user_watches used up?): %w", dir, err)
	}
	n.watchers[int32(wd)] = w
	return int32(wd), nil
}

func (n *notifier) remove(wd int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watchers, wd)
	if conn, err := n.inotify.SyscallConn(); err == nil {
		// It fails if the directory, and with it the watch, is gone already.
		_ = conn.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(wd)) })
	}
}

// Close ends the goroutine. Nobody is told of anything when it has returned.
func (n *notifier) Close() error {
	err := n.inotify.Close()
	<-n.done
	return err
}

func (n *notifier) run() {
	defer close(n.done)
	buf := make([]byte, 64<<10)
	for {
		size, err := n.inotify.Read(buf)
		if err != nil {
			return // closed
		}
		n.tell(buf[:size])
	}
}

// change is what has happened in one directory.
type change struct{ output, status bool }

// tell calls the watchers for a batch of events, each of them at most once for
// its output and once for its status.
func (n *notifier) tell(events []byte) {
	changes := make(map[int32]change)
	var order []int32
	note := func(wd int32, c change) {
		old, seen := changes[wd]
		if !seen {
			order = append(order, wd)
		}
		changes[wd] = change{output: old.output || c.output, status: old.status || c.status}
	}
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:end], "\x00"))
		events = events[end:]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			for _, wd := range n.all() {
				note(wd, change{output: true, status: true})
			}
		case name == work.StdoutFile, name == work.StderrFile:
			note(wd, change{output: true})
		case name == work.StatusFile:
			note(wd, change{status: true})
		}
	}
	for _, wd := range order {
		n.mu.Lock()
		w := n.watchers[wd]
		n.mu.Unlock()
		if w == nil {
			continue
		}
		if changes[wd].output {
			w.OutputGrew()
		}
		if changes[wd].status {
			w.StatusChanged()
		}
	}
}

func (n *notifier) all() []int32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.watchers))
}
