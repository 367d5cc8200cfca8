package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// notifier tells watchers of changes in the directories of units. One goroutine
// serves all of them, and one watch of inotify all units of a node: a supervisor
// touches its unit's directory when it has written a status, which shows in the
// directory above. Only where somebody wants to know of output is a unit's own
// directory watched.
type notifier struct {
	inotify *os.File
	done    chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex
	nodes map[int32]map[string]*unitWatch // by the watch descriptor above, then by name
	units map[int32]*unitWatch            // by that of the unit's own directory
}

// unitWatch is what a notifier does for one unit.
type unitWatch struct {
	n       *notifier
	dir     string
	watcher work.Watcher
	foreign bool  // the supervisor is that of a deployed node
	node    int32 // watch descriptors
	own     int32 // -1 if there is none
}

func newNotifier() (*notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify (is fs.inotify.max_user_instances used up?): %w", err)
	}
	n := &notifier{
		inotify: os.NewFile(uintptr(fd), "inotify"),
		done:    make(chan struct{}),
		nodes:   make(map[int32]map[string]*unitWatch),
		units:   make(map[int32]*unitWatch),
	}
	go n.run()
	return n, nil
}

// touch tells notifiers that the status of the unit in dir is another. If it
// fails, they learn it at the end of the supervisor.
func touch(dir string) {
	now := time.Now()
	_ = os.Chtimes(dir, now, now)
}

// add has w told of changes of the status of the unit in dir.
func (n *notifier) add(dir string, w work.Watcher) (*unitWatch, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	wd, err := n.watchDir(filepath.Dir(dir), unix.IN_ATTRIB)
	if err != nil {
		return nil, err
	}
	if n.nodes[wd] == nil {
		n.nodes[wd] = make(map[string]*unitWatch)
	}
	added := &unitWatch{n: n, dir: dir, watcher: w, node: wd, own: -1}
	n.nodes[wd][filepath.Base(dir)] = added
	return added, nil
}

// watchDir returns the watch descriptor of a directory; it is the same each
// time. It requires mu.
func (n *notifier) watchDir(dir string, mask uint32) (int32, error) {
	conn, err := n.inotify.SyscallConn()
	if err != nil {
		return 0, err
	}
	var wd int
	controlErr := conn.Control(func(fd uintptr) { wd, err = unix.InotifyAddWatch(int(fd), dir, mask|unix.IN_ONLYDIR) })
	if err = errors.Join(controlErr, err); err != nil {
		return 0, fmt.Errorf("watch %s (is fs.inotify.max_user_watches used up?): %w", dir, err)
	}
	return int32(wd), nil
}

// output has the watcher told of output, too, or no more.
func (w *unitWatch) output(on bool) error {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	switch {
	case on == (w.own >= 0):
		return nil
	case !on:
		w.drop()
		return nil
	}
	wd, err := w.n.watchDir(w.dir, unix.IN_MODIFY|unix.IN_MOVED_TO)
	if err != nil {
		return err
	}
	w.own = wd
	w.n.units[wd] = w
	return nil
}

// foreignOutput is output for the supervisor of a deployed node, whose statuses show
// in the unit's own directory.
func (w *unitWatch) foreignOutput() error {
	w.n.mu.Lock()
	w.foreign = true
	w.n.mu.Unlock()
	return w.output(true)
}

// drop requires the notifier's mu.
func (w *unitWatch) drop() {
	if w.own < 0 {
		return
	}
	wd := w.own
	w.own = -1
	if w.n.units[wd] != w {
		return // another one has taken over
	}
	delete(w.n.units, wd)
	if conn, err := w.n.inotify.SyscallConn(); err == nil {
		// It fails if the directory, and with it the watch, is gone already.
		_ = conn.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(wd)) })
	}
}

func (w *unitWatch) remove() {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	w.drop()
	if name := filepath.Base(w.dir); w.n.nodes[w.node][name] == w {
		delete(w.n.nodes[w.node], name)
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

// change is what has happened to one unit. With lost it is a guess: nobody has said
// that a status is safe.
type change struct{ output, status, lost bool }

// tell calls the watchers for a batch of events, each of them at most once for
// its output and once for its status.
func (n *notifier) tell(events []byte) {
	changes := make(map[*unitWatch]change)
	var order []*unitWatch
	note := func(w *unitWatch, c change) {
		old, seen := changes[w]
		if !seen {
			order = append(order, w)
		}
		changes[w] = change{output: old.output || c.output, status: old.status || c.status, lost: old.lost || c.lost}
	}
	n.mu.Lock()
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:end], "\x00"))
		events = events[end:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			for _, units := range n.nodes {
				for _, w := range units {
					note(w, change{output: w.own >= 0, status: true, lost: true})
				}
			}
			continue
		}
		if w := n.nodes[wd][name]; w != nil {
			note(w, change{status: true})
		}
		if w := n.units[wd]; w != nil {
			note(w, change{output: name == work.StdoutFile || name == work.StderrFile, status: w.foreign && name == work.StatusFile})
		}
	}
	n.mu.Unlock()
	for _, w := range order {
		if changes[w].output {
			w.watcher.OutputGrew()
		}
		if changes[w].lost && (FS{}).SyncDir(w.dir) != nil {
			continue // the unit is gone, or its end will tell
		}
		if changes[w].status {
			w.watcher.StatusChanged()
		}
	}
}
