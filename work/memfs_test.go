package work

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"receptor/work/vfs"
)

// memFS is a file system in memory that can crash: then only what was synced is
// left.
type memFS struct {
	mu   sync.Mutex
	root *memNode
	// broken, if set, decides about each change; op is "create", "rename"…
	broken func(op, name string) error
	unread string   // what cannot be opened to be read
	ops    []string // all changes, in order
	free   int64    // bytes, for who asks
}

// memNode is a file or a directory. What is synced of it survives a crash.
type memNode struct {
	entries, syncedEntries map[string]*memNode // nil for a file
	data, syncedData       []byte
}

func newMemDir() *memNode {
	return &memNode{entries: make(map[string]*memNode), syncedEntries: make(map[string]*memNode)}
}

func newMemFS() *memFS { return &memFS{root: newMemDir()} }

// setBroken changes what is broken, also while the file system is in use.
func (m *memFS) setBroken(broken func(op, name string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

// setFree changes how many bytes are free, for who asks.
func (m *memFS) setFree(free int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = free
}

func (m *memFS) space() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free
}

// setUnread has a file that cannot be opened to be read, "" for none.
func (m *memFS) setUnread(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread = name
}

func (m *memFS) check(op, name string) error {
	m.ops = append(m.ops, op+" "+name)
	if m.broken == nil {
		return nil
	}
	return m.broken(op, name)
}

// find returns what has a name, nil if nothing has. It requires mu.
func (m *memFS) find(name string) *memNode {
	node := m.root
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

// dirOf returns the directory of a name, nil if there is none. It requires mu.
func (m *memFS) dirOf(name string) *memNode {
	if d := m.find(path.Dir(name)); d != nil && d.entries != nil {
		return d
	}
	return nil
}

func (m *memFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, dir := m.find(name), m.dirOf(name)
	switch {
	case mode == vfs.Read && node == nil, dir == nil:
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	case node != nil && node.entries != nil:
		return nil, fmt.Errorf("open %s: it is a directory", name)
	case mode == vfs.Read && name == m.unread:
		return nil, fmt.Errorf("open %s: too many open files", name)
	case mode == vfs.Read:
		return &memFile{fs: m, node: node, name: name}, nil
	}
	if err := m.check("create", name); err != nil {
		return nil, err
	}
	if node == nil {
		node = new(memNode)
		dir.entries[path.Base(name)] = node
	}
	if mode == vfs.Create {
		node.data = nil
	}
	return &memFile{fs: m, node: node, name: name}, nil
}

func (m *memFS) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.root
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if node.entries[part] == nil {
			node.entries[part] = newMemDir()
		}
		node = node.entries[part]
	}
	return nil
}

func (m *memFS) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	switch {
	case node == nil:
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	case node.entries == nil:
		return nil, fmt.Errorf("%s is not a directory", name)
	}
	return slices.Sorted(maps.Keys(node.entries)), nil
}

func (m *memFS) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(oldName)
	if node == nil || m.dirOf(newName) == nil {
		return fmt.Errorf("rename %s: %w", oldName, fs.ErrNotExist)
	}
	if err := m.check("rename", newName); err != nil {
		return err
	}
	delete(m.dirOf(oldName).entries, path.Base(oldName))
	m.dirOf(newName).entries[path.Base(newName)] = node
	return nil
}

func (m *memFS) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("remove", name); err != nil {
		return err
	}
	if dir := m.dirOf(name); dir != nil {
		delete(dir.entries, path.Base(name))
	}
	return nil
}

func (m *memFS) Free(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free, nil
}

func (m *memFS) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("syncdir", name); err != nil {
		return err
	}
	node := m.find(name)
	if node == nil || node.entries == nil {
		return fmt.Errorf("sync %s: %w", name, fs.ErrNotExist)
	}
	node.syncedEntries = maps.Clone(node.entries)
	return nil
}

// crash loses what was not synced. Of each change since, keep says whether it
// came to the disk all the same.
func (m *memFS) crash(keep func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.root.crash(keep, make(map[*memNode]bool))
}

func (n *memNode) crash(keep func() bool, seen map[*memNode]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if n.entries == nil {
		if !bytes.Equal(n.data, n.syncedData) && !keep() {
			n.data = n.syncedData
		}
		n.data = bytes.Clone(n.data)
		n.syncedData = bytes.Clone(n.data)
		return
	}
	union := maps.Clone(n.entries)
	maps.Copy(union, n.syncedEntries)
	for _, name := range slices.Sorted(maps.Keys(union)) {
		now, synced := n.entries[name], n.syncedEntries[name]
		if now != synced && !keep() {
			now = synced
		}
		delete(n.entries, name)
		if now != nil {
			n.entries[name] = now
			now.crash(keep, seen)
		}
	}
	n.syncedEntries = maps.Clone(n.entries)
}

// put makes a file with its directory, safe from a crash.
func (m *memFS) put(name, content string) {
	m.MkdirAll(path.Dir(name))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirOf(name).entries[path.Base(name)] = &memNode{data: []byte(content), syncedData: []byte(content)}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		node := m.find(dir)
		node.syncedEntries = maps.Clone(node.entries)
		if dir == "/" {
			return
		}
	}
}

// get returns the content of a file, "" if there is none.
func (m *memFS) get(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.find(name); f != nil {
		return string(f.data)
	}
	return ""
}

// append adds to a file.
func (m *memFS) append(name, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.find(name)
	f.data = append(f.data, content...)
}

// history returns the changes so far to what is below a directory, without its
// name.
func (m *memFS) history(dir string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []string
	for _, op := range m.ops {
		if strings.Contains(op, dir) {
			list = append(list, strings.ReplaceAll(op, dir, "."))
		}
	}
	return list
}

// tree lists all there is below a directory, sorted.
func (m *memFS) tree(dir string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(dir)
	if node == nil {
		return nil
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(node.entries)) {
		all = append(all, node.entries[name].list(path.Join(dir, name))...)
	}
	return all
}

func (n *memNode) list(name string) []string {
	all := []string{name}
	for _, below := range slices.Sorted(maps.Keys(n.entries)) {
		all = append(all, n.entries[below].list(path.Join(name, below))...)
	}
	return all
}

// memFile is an open file.
type memFile struct {
	fs   *memFS
	node *memNode
	name string // when it was opened
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.check("write", f.name); err != nil {
		return 0, err
	}
	f.node.data = append(f.node.data, p...)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.check("sync", f.name); err != nil {
		return err
	}
	f.node.syncedData = bytes.Clone(f.node.data)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.data = f.node.data[:size:size]
	return f.fs.check("truncate", f.name)
}

func (f *memFile) Close() error { return nil }

var errDisk = errors.New("the disk is broken")
