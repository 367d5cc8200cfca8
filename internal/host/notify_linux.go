package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
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
//
// A user has few instances of inotify, and others may use them up. So one is made
// when the first unit needs it, and units are polled while there is none.
type notifier struct {
	open    func() (*os.File, error)
	every   time.Duration // between polls
	log     func(format string, args ...any)
	running sync.WaitGroup // the goroutines
	closing chan struct{}  // closed, with mu held, by Close

	mu      sync.Mutex
	inotify *os.File                        // nil until there is one
	nodes   map[int32]map[string]*unitWatch // by the watch descriptor above, then by name
	units   map[int32]*unitWatch            // by that of the unit's own directory
	polled  map[*unitWatch]bool             // those that have not all their watches
	polling bool                            // by a goroutine
	scarce  bool                            // somebody was told that there is nothing but polls
}

// unitWatch is what a notifier does for one unit.
type unitWatch struct {
	n       *notifier
	dir     string
	watcher work.Watcher
	foreign bool  // the supervisor is that of a deployed node
	reads   bool  // the watcher wants to know of output
	node    int32 // watch descriptors, -1 if there is none
	own     int32
	seen    time.Time // when a poll last found the directory changed
}

// newNotifier returns a notifier that logs, by a function that must not wait, when
// it begins to poll, and ends.
func newNotifier(log func(format string, args ...any)) *notifier {
	return &notifier{
		open: openInotify, every: pollEvery, log: log,
		closing: make(chan struct{}),
		nodes:   make(map[int32]map[string]*unitWatch),
		units:   make(map[int32]*unitWatch),
		polled:  make(map[*unitWatch]bool),
	}
}

func openInotify() (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify (is fs.inotify.max_user_instances, or the limit of open files, used up?): %w", err)
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
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
	added := &unitWatch{n: n, dir: dir, watcher: w, node: -1, own: -1}
	return added, added.watch()
}

// watch gets what watches the unit needs, or else has it polled. It requires the
// notifier's mu.
func (w *unitWatch) watch() error {
	err := w.watchStatus()
	if err == nil && w.reads {
		err = w.watchOutput()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err // that is not for want of anything
	case err != nil:
		w.n.poll(w, err)
	default:
		delete(w.n.polled, w)
	}
	return nil
}

// watchStatus requires the notifier's mu.
func (w *unitWatch) watchStatus() error {
	if w.node >= 0 {
		return nil
	}
	wd, err := w.n.watchDir(filepath.Dir(w.dir), unix.IN_ATTRIB)
	if err != nil {
		return err
	}
	if w.n.nodes[wd] == nil {
		w.n.nodes[wd] = make(map[string]*unitWatch)
		w.n.watches()
	}
	w.node = wd
	w.n.nodes[wd][filepath.Base(w.dir)] = w
	return nil
}

// watchOutput requires the notifier's mu.
func (w *unitWatch) watchOutput() error {
	if w.own >= 0 {
		return nil
	}
	wd, err := w.n.watchDir(w.dir, unix.IN_MODIFY|unix.IN_MOVED_TO)
	if err != nil {
		return err
	}
	w.own = wd
	w.n.units[wd] = w
	w.n.watches()
	return nil
}

// watchDir returns the watch descriptor of a directory; it is the same each
// time. It requires mu.
func (n *notifier) watchDir(dir string, mask uint32) (int32, error) {
	if err := n.start(); err != nil {
		return 0, err
	}
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

// start makes the instance of inotify, unless there is one. It requires mu.
func (n *notifier) start() error {
	if n.inotify != nil {
		return nil
	}
	if n.closed() {
		return os.ErrClosed
	}
	file, err := n.open()
	if err != nil {
		return err
	}
	n.inotify = file
	n.running.Add(1)
	go n.run(file)
	return nil
}

// output has the watcher told of output, too, or no more.
func (w *unitWatch) output(on bool) error {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	if on == w.reads {
		return nil
	}
	if w.reads = on; !on {
		w.drop()
	}
	err := w.watch()
	if err != nil {
		w.reads = false
	}
	return err
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
	delete(w.n.polled, w)
	if name := filepath.Base(w.dir); w.n.nodes[w.node][name] == w {
		delete(w.n.nodes[w.node], name)
	}
}

// Close ends the goroutines. Nobody is told of anything when it has returned.
func (n *notifier) Close() error {
	n.mu.Lock()
	var err error
	if !n.closed() {
		close(n.closing)
		if n.inotify != nil {
			err = n.inotify.Close()
		}
	}
	n.mu.Unlock()
	n.running.Wait()
	return err
}

// closed requires mu.
func (n *notifier) closed() bool {
	select {
	case <-n.closing:
		return true
	default:
		return false
	}
}

func (n *notifier) run(inotify *os.File) {
	defer n.running.Done()
	buf := make([]byte, 64<<10)
	for {
		size, err := inotify.Read(buf)
		if err != nil {
			return // closed
		}
		n.read(buf[:size]).tell()
	}
}

// change is what has happened to one unit. With lost it is a guess: nobody has said
// that a status is safe.
type change struct{ output, status, lost bool }

// changes are those of several units, in their order.
type changes struct {
	of    map[*unitWatch]change
	order []*unitWatch
}

func (c *changes) note(w *unitWatch, more change) {
	old, seen := c.of[w]
	if !seen {
		c.order = append(c.order, w)
	}
	c.of[w] = change{output: old.output || more.output, status: old.status || more.status, lost: old.lost || more.lost}
}

// tell calls each of the watchers at most once for its output and once for its
// status.
func (c *changes) tell() {
	for _, w := range c.order {
		change := c.of[w]
		if change.output {
			w.watcher.OutputGrew()
		}
		if !change.status || change.lost && (FS{}).SyncDir(w.dir) != nil {
			continue // the unit is gone, or its end will tell
		}
		w.watcher.StatusChanged()
	}
}

// read returns what a batch of events says.
func (n *notifier) read(events []byte) *changes {
	found := &changes{of: make(map[*unitWatch]change)}
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:end], "\x00"))
		events = events[end:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			for _, units := range n.nodes {
				for _, w := range units {
					found.note(w, change{output: w.own >= 0, status: true, lost: true})
				}
			}
			continue
		}
		if w := n.nodes[wd][name]; w != nil {
			found.note(w, change{status: true})
		}
		if w := n.units[wd]; w != nil {
			found.note(w, change{output: name == work.StdoutFile || name == work.StderrFile, status: w.foreign && name == work.StatusFile})
		}
	}
	return found
}
