package disk

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"receptor/work/vfs"
)

// View is a disk in the hands of one process.
type View struct {
	*Disk
	alive func() error
}

var _ vfs.FS = View{}

// For returns the disk as a process sees it whose operations, from the moment
// at which alive returns an error, fail with that and do nothing. A nil alive is
// for who does not die.
func (d *Disk) For(alive func() error) View { return View{d, alive} }

// Open implements vfs.FS.
func (v View) Open(name string, mode vfs.Mode) (vfs.File, error) {
	op := Create
	if mode == vfs.Read || mode == vfs.Update {
		op = Open
	}
	if err := v.begin(op, name, v.alive); err != nil {
		return nil, err
	}
	defer v.mu.Unlock()
	node, dir := v.find(name), v.dirOf(name)
	switch {
	case op == Open && node == nil, dir == nil:
		return nil, notExist(op, name)
	case node.isDir():
		return nil, isDirectory(op, name)
	case op == Open:
		return &file{v, node, name}, nil
	case node == nil && v.room <= 0:
		return nil, fmt.Errorf("%s %s: %w", op, name, ErrFull)
	case node == nil:
		node = new(inode)
		v.link(dir, path.Base(name), node)
	case mode == vfs.Create:
		v.change(node, change{})
	}
	v.end(op, name, nil)
	return &file{v, node, name}, nil
}

// MkdirAll implements vfs.FS.
func (v View) MkdirAll(name string) error {
	if err := v.begin(Mkdir, name, v.alive); err != nil {
		return err
	}
	defer v.mu.Unlock()
	switch {
	case v.find(name).isDir():
		return nil
	case v.room <= 0:
		return fmt.Errorf("%s %s: %w", Mkdir, name, ErrFull)
	case v.makeDirs(name) == nil:
		return fmt.Errorf("%s %s: a file is in the way", Mkdir, name)
	}
	v.end(Mkdir, name, nil)
	return nil
}

// ReadDir implements vfs.FS.
func (v View) ReadDir(name string) ([]string, error) {
	if err := v.begin(ReadDir, name, v.alive); err != nil {
		return nil, err
	}
	defer v.mu.Unlock()
	node := v.find(name)
	switch {
	case node == nil:
		return nil, notExist(ReadDir, name)
	case !node.isDir():
		return nil, fmt.Errorf("%s %s: it is not a directory", ReadDir, name)
	}
	return slices.Sorted(maps.Keys(node.entries)), nil
}

// Rename implements vfs.FS.
func (v View) Rename(oldName, newName string) error {
	if err := v.begin(Rename, newName, v.alive); err != nil {
		return err
	}
	defer v.mu.Unlock()
	node, to := v.find(oldName), v.dirOf(newName)
	switch {
	case node == nil:
		return notExist(Rename, oldName)
	case to == nil:
		return notExist(Rename, newName)
	}
	v.link(to, path.Base(newName), node)
	v.link(v.dirOf(oldName), path.Base(oldName), nil)
	v.end(Rename, newName, nil)
	return nil
}

// RemoveAll implements vfs.FS.
func (v View) RemoveAll(name string) error {
	if err := v.begin(Remove, name, v.alive); err != nil {
		return err
	}
	defer v.mu.Unlock()
	if node := v.find(name); node != nil {
		v.remove(v.dirOf(name), path.Base(name), node)
		v.end(Remove, name, nil)
	}
	return nil
}

// remove requires mu. What is in a directory goes before it does.
func (d *Disk) remove(dir *inode, name string, node *inode) {
	for _, below := range slices.Sorted(maps.Keys(node.entries)) {
		d.remove(node, below, node.entries[below])
	}
	d.link(dir, name, nil)
}

// SyncDir implements vfs.FS.
func (v View) SyncDir(name string) error {
	if err := v.begin(SyncDir, name, v.alive); err != nil {
		return err
	}
	defer v.mu.Unlock()
	node := v.find(name)
	if !node.isDir() {
		return notExist(SyncDir, name)
	}
	v.commit(node)
	v.end(SyncDir, name, nil)
	return nil
}

// Free implements vfs.FS.
func (v View) Free(string) (int64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return min(v.free, v.room), nil
}

// file is an open file.
type file struct {
	view View
	node *inode
	name string // when it was opened
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer. It writes at the end.
func (f *file) Write(p []byte) (n int, err error) {
	return f.writeAt(p, func() int { return len(f.node.data) })
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	return f.writeAt(p, func() int { return int(off) })
}

func (f *file) writeAt(p []byte, at func() int) (n int, err error) {
	d := f.view.Disk
	if err := d.begin(Write, f.name, f.view.alive); err != nil {
		return 0, err
	}
	defer d.mu.Unlock()
	off := at()
	more := off + len(p) - len(f.node.data) // bytes that it adds to the file
	n = len(p)
	if lack := int64(more) - d.room; lack > 0 {
		n = max(n-int(lack), 0)
		err = fmt.Errorf("%s %s: %w", Write, f.name, ErrFull)
	}
	if n > 0 {
		d.room -= int64(max(off+n-len(f.node.data), 0))
		d.change(f.node, change{at: off, data: slices.Clone(p[:n])})
		d.end(Write, f.name, p[:n])
	}
	return n, err
}

// Sync implements vfs.File.
func (f *file) Sync() error {
	d := f.view.Disk
	if err := d.enter(Sync, f.name, f.view.alive); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := d.broken(Sync, f.name); err != nil {
		f.node.unsafe = nil // see Fault
		return err
	}
	d.commit(f.node)
	d.end(Sync, f.name, nil)
	return nil
}

// Size implements vfs.File.
func (f *file) Size() (int64, error) {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	return int64(len(f.node.data)), nil
}

// Truncate implements vfs.File.
func (f *file) Truncate(size int64) error {
	d := f.view.Disk
	if err := d.begin(Truncate, f.name, f.view.alive); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if size < 0 || size > int64(len(f.node.data)) {
		return fmt.Errorf("%s %s to %d bytes: it has %d", Truncate, f.name, size, len(f.node.data))
	}
	d.change(f.node, change{at: int(size)})
	d.end(Truncate, f.name, nil)
	return nil
}

// Close implements io.Closer.
func (f *file) Close() error { return nil }
