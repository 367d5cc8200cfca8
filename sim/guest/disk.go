package guest

import (
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"receptor/sim/eventlog"
	"receptor/work/vfs"
)

// freeSpace is what is told to who asks how much the disk still holds.
const freeSpace = 1 << 40

// disk is the file system of a machine, in memory. It needs no lock: nothing in
// it waits, and the guest is one thread.
type disk struct {
	machine *machine
	root    *inode
}

// inode is a file or a directory.
type inode struct {
	entries map[string]*inode // nil for a file
	data    []byte
}

func newDir() *inode { return &inode{entries: make(map[string]*inode)} }

// find returns what has a name, nil if nothing has.
func (d *disk) find(name string) *inode {
	node := d.root
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		if node = node.entries[part]; node == nil {
			return nil
		}
	}
	return node
}

// dirOf returns the directory of a name, nil if there is none.
func (d *disk) dirOf(name string) *inode {
	if dir := d.find(path.Dir(name)); dir != nil && dir.entries != nil {
		return dir
	}
	return nil
}

func (d *disk) changed(op, name string, content []byte) {
	sum := fnv.New64a()
	sum.Write(content)
	d.machine.world.log.log(eventlog.Event{Kind: eventlog.Disk, Node: d.machine.id, Text: op + " " + name, Size: len(content), Sum: sum.Sum64()})
}

// Open implements vfs.FS.
func (d *disk) Open(name string, mode vfs.Mode) (vfs.File, error) {
	node, dir := d.find(name), d.dirOf(name)
	switch {
	case mode == vfs.Read && node == nil, dir == nil:
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	case node != nil && node.entries != nil:
		return nil, fmt.Errorf("open %s: it is a directory", name)
	case mode == vfs.Read:
		return &file{d, node, name}, nil
	}
	if node == nil {
		node = new(inode)
		dir.entries[path.Base(name)] = node
	}
	if mode == vfs.Create {
		node.data = nil
	}
	d.changed("open", name, nil)
	return &file{d, node, name}, nil
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(name string) error {
	node := d.root
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if node.entries == nil {
			return fmt.Errorf("mkdir %s: a file is in the way", name)
		}
		if node.entries[part] == nil {
			node.entries[part] = newDir()
		}
		node = node.entries[part]
	}
	d.changed("mkdir", name, nil)
	return nil
}

// ReadDir implements vfs.FS.
func (d *disk) ReadDir(name string) ([]string, error) {
	node := d.find(name)
	if node == nil || node.entries == nil {
		return nil, fmt.Errorf("read directory %s: %w", name, fs.ErrNotExist)
	}
	return slices.Sorted(maps.Keys(node.entries)), nil
}

// Rename implements vfs.FS.
func (d *disk) Rename(oldName, newName string) error {
	node, from, to := d.find(oldName), d.dirOf(oldName), d.dirOf(newName)
	if node == nil || to == nil {
		return fmt.Errorf("rename %s: %w", oldName, fs.ErrNotExist)
	}
	delete(from.entries, path.Base(oldName))
	to.entries[path.Base(newName)] = node
	d.changed("rename "+oldName, newName, nil)
	return nil
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	if dir := d.dirOf(name); dir != nil {
		delete(dir.entries, path.Base(name))
	}
	d.changed("remove", name, nil)
	return nil
}

// SyncDir implements vfs.FS.
func (d *disk) SyncDir(name string) error {
	if node := d.find(name); node == nil || node.entries == nil {
		return fmt.Errorf("sync %s: %w", name, fs.ErrNotExist)
	}
	d.changed("syncdir", name, nil)
	return nil
}

// Free implements vfs.FS.
func (d *disk) Free(string) (int64, error) { return freeSpace, nil }

// file is an open file.
type file struct {
	disk *disk
	node *inode
	name string // when it was opened
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	f.node.data = append(f.node.data, p...)
	f.disk.changed("write", f.name, p)
	return len(p), nil
}

// Sync implements vfs.File.
func (f *file) Sync() error {
	f.disk.changed("sync", f.name, nil)
	return nil
}

// Size implements vfs.File.
func (f *file) Size() (int64, error) { return int64(len(f.node.data)), nil }

// Truncate implements vfs.File.
func (f *file) Truncate(size int64) error {
	if size < 0 || size > int64(len(f.node.data)) {
		return fmt.Errorf("truncate %s to %d bytes: it has %d", f.name, size, len(f.node.data))
	}
	f.node.data = f.node.data[:size:size]
	f.disk.changed("truncate", f.name, nil)
	return nil
}

// Close implements io.Closer.
func (f *file) Close() error { return nil }

// mortalFS is the disk in the hands of a daemon that may be killed.
type mortalFS struct {
	*disk
	life *incarnation
}

// Open implements vfs.FS.
func (m mortalFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	if err := m.life.check(); err != nil {
		return nil, err
	}
	f, err := m.disk.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return mortalFile{f, m.life}, nil
}

func (m mortalFS) alive(f func() error) error {
	if err := m.life.check(); err != nil {
		return err
	}
	return f()
}

// MkdirAll implements vfs.FS.
func (m mortalFS) MkdirAll(name string) error {
	return m.alive(func() error { return m.disk.MkdirAll(name) })
}

// Rename implements vfs.FS.
func (m mortalFS) Rename(oldName, newName string) error {
	return m.alive(func() error { return m.disk.Rename(oldName, newName) })
}

// RemoveAll implements vfs.FS.
func (m mortalFS) RemoveAll(name string) error {
	return m.alive(func() error { return m.disk.RemoveAll(name) })
}

// SyncDir implements vfs.FS.
func (m mortalFS) SyncDir(name string) error {
	return m.alive(func() error { return m.disk.SyncDir(name) })
}

// mortalFile is a file that such a daemon has opened.
type mortalFile struct {
	vfs.File
	life *incarnation
}

// Write implements io.Writer.
func (f mortalFile) Write(p []byte) (int, error) {
	if err := f.life.check(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// Sync implements vfs.File.
func (f mortalFile) Sync() error {
	if err := f.life.check(); err != nil {
		return err
	}
	return f.File.Sync()
}

// Truncate implements vfs.File.
func (f mortalFile) Truncate(size int64) error {
	if err := f.life.check(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}
