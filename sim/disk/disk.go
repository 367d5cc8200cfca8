// Package disk is a simulated disk. What is written to it is seen at once by
// all who use it, and survives a power cut only once it was synced: the content
// of a file by a sync of the file, its name by a sync of the directory. Disks
// can fail in the ways that real ones do. Equal calls give equal disks: nothing
// here draws by itself or depends on the order of a map.
package disk

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Op is what is done to a disk.
type Op string

// Operations. All but Open and ReadDir are changes.
const (
	Open     Op = "open" // to read
	ReadDir  Op = "readdir"
	Create   Op = "create" // or Append, which may make a file
	Mkdir    Op = "mkdir"
	Rename   Op = "rename"
	Remove   Op = "remove"
	Write    Op = "write"
	Truncate Op = "truncate"
	Sync     Op = "sync"
	SyncDir  Op = "syncdir"
)

// Changes tells whether an operation can change what a disk holds, or what of
// that is safe.
func (o Op) Changes() bool { return o != Open && o != ReadDir }

// Options are what a disk is given. All may be left out.
type Options struct {
	// Before is called before each change, without a lock. name is the new one of a
	// rename.
	Before func(op Op, name string)
	// After is called after each change that was made, with the disk locked.
	// written is what was written, also of a write that failed half way.
	After func(op Op, name string, written []byte)
	// Sleep waits, for a disk with a latency.
	Sleep func(time.Duration)
}

// Fault decides whether an operation fails, and how: nil if it does not. It is
// called with the disk locked. A sync that fails loses what it was to make safe,
// as on Linux: it can be read until the power fails, and another sync does not
// help.
type Fault func(op Op, name string) error

// Errors of broken and full disks.
const (
	ErrIO   = syscall.EIO
	ErrFull = syscall.ENOSPC
)

// freeSpace is what a disk has that was not told otherwise.
const freeSpace = 1 << 40

// Disk is what a machine keeps its files on. Its methods may be called from any
// goroutine.
type Disk struct {
	options Options

	mu      sync.Mutex
	root    *inode
	changes uint64
	fault   Fault
	latency time.Duration
	lying   bool  // syncs do nothing
	room    int64 // bytes that can be written
	free    int64 // what is told, if that is less
}

// New returns an empty disk.
func New(o Options) *Disk { return &Disk{options: o, root: newDir(), room: freeSpace, free: freeSpace} }

// SetFault breaks the disk, or with nil mends it.
func (d *Disk) SetFault(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SetLatency is how long each change takes from now on.
func (d *Disk) SetLatency(latency time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latency = latency
}

// SetLying has the disk forget syncs: it says that it has done them.
func (d *Disk) SetLying(lying bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lying = lying
}

// SetRoom is how many bytes can be written from now on, negative for all that
// the disk had at first. Removing files gives nothing back. Without room no file
// can be made.
func (d *Disk) SetRoom(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if bytes < 0 {
		bytes = freeSpace
	}
	d.room = bytes
}

// SetFree is how many bytes are free for who asks, if there is room for more.
func (d *Disk) SetFree(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = bytes
}

// Wipe loses all there is.
func (d *Disk) Wipe() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.root = newDir()
}

// enter is before each operation, and locks the disk if it returns no error.
func (d *Disk) enter(op Op, name string, alive func() error) error {
	if alive == nil {
		alive = func() error { return nil }
	}
	if err := alive(); err != nil {
		return err
	}
	if op.Changes() {
		if d.options.Before != nil {
			d.options.Before(op, name)
		}
		if latency := d.delay(); latency > 0 {
			d.options.Sleep(latency)
		}
	}
	if err := alive(); err != nil { // it may have died meanwhile
		return err
	}
	d.mu.Lock()
	return nil
}

func (d *Disk) delay() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.latency
}

// broken requires mu.
func (d *Disk) broken(op Op, name string) error {
	if d.fault == nil {
		return nil
	}
	if err := d.fault(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

// begin is enter and broken.
func (d *Disk) begin(op Op, name string, alive func() error) error {
	if err := d.enter(op, name, alive); err != nil {
		return err
	}
	if err := d.broken(op, name); err != nil {
		d.mu.Unlock()
		return err
	}
	return nil
}

// end is after each change that was made.
func (d *Disk) end(op Op, name string, written []byte) {
	if d.options.After != nil {
		d.options.After(op, name, written)
	}
}

// parts splits a path.
func parts(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
}

// find returns what has a name, nil if nothing has. It requires mu.
func (d *Disk) find(name string) *inode {
	node := d.root
	for _, part := range parts(name) {
		if node = node.entries[part]; node == nil {
			return nil
		}
	}
	return node
}

// dirOf returns the directory of a name, nil if there is none. It requires mu.
func (d *Disk) dirOf(name string) *inode {
	if dir := d.find(path.Dir(name)); dir.isDir() {
		return dir
	}
	return nil
}

// link gives a directory another entry, or takes one away if child is nil. It
// requires mu.
func (d *Disk) link(dir *inode, name string, child *inode) {
	d.change(dir, change{name: name, child: child})
}

// change changes what is seen of a file or directory. It requires mu.
func (d *Disk) change(n *inode, c change) {
	d.changes++
	c.number = d.changes
	c.apply(&n.image)
	n.unsafe = append(n.unsafe, c)
}

// commit makes all changes of a file or directory safe. It requires mu.
func (d *Disk) commit(n *inode) {
	if d.lying {
		return
	}
	for _, c := range n.unsafe {
		c.apply(&n.safe)
	}
	n.unsafe = nil
}

// Put makes a file with its directory, safe from a power cut.
func (d *Disk) Put(name, content string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := d.makeDirs(path.Dir(name))
	file := new(inode)
	d.change(file, change{data: []byte(content)})
	d.link(dir, path.Base(name), file)
	for n := file; ; n, name = d.find(path.Dir(name)), path.Dir(name) {
		d.commit(n)
		if n == d.root {
			return
		}
	}
}

// Add adds to the end of a file that is there.
func (d *Disk) Add(name, content string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	d.change(n, change{at: len(n.data), data: []byte(content)})
}

// makeDirs requires mu. It returns nil if a file is in the way.
func (d *Disk) makeDirs(name string) *inode {
	node := d.root
	for _, part := range parts(name) {
		if !node.isDir() {
			return nil
		}
		if node.entries[part] == nil {
			d.link(node, part, newDir())
		}
		node = node.entries[part]
	}
	if !node.isDir() {
		return nil
	}
	return node
}

// Content returns what a file holds, and whether it is there.
func (d *Disk) Content(name string) (content []byte, found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil || n.isDir() {
		return nil, false
	}
	return slices.Clone(n.data), true
}

// Tree lists all there is below a directory, each directory before what is in
// it, sorted.
func (d *Disk) Tree(dir string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(dir).list(strings.TrimSuffix(dir, "/"))
}

func (n *inode) list(name string) (all []string) {
	if !n.isDir() {
		return nil
	}
	for _, entry := range slices.Sorted(maps.Keys(n.entries)) {
		below := name + "/" + entry
		all = append(append(all, below), n.entries[entry].list(below)...)
	}
	return all
}

func notExist(op Op, name string) error {
	return &fs.PathError{Op: string(op), Path: name, Err: fs.ErrNotExist}
}

func isDirectory(op Op, name string) error {
	return fmt.Errorf("%s %s: it is a directory", op, name)
}
