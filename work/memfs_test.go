package work

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// memFS is a file system in memory. Directories are what has something in it,
// or was made.
type memFS struct {
	mu    sync.Mutex
	files map[string]*memFile
	dirs  map[string]bool
	// broken, if set, decides about each change; op is "create", "rename"…
	broken func(op, name string) error
	ops    []string // all changes, in order
}

type memFile struct {
	fs   *memFS
	name string
	data []byte
}

func newMemFS() *memFS {
	return &memFS{files: make(map[string]*memFile), dirs: map[string]bool{"/": true}}
}

// setBroken changes what is broken, also while the file system is in use.
func (m *memFS) setBroken(broken func(op, name string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

func (m *memFS) check(op, name string) error {
	m.ops = append(m.ops, op+" "+name)
	if m.broken == nil {
		return nil
	}
	return m.broken(op, name)
}

func (m *memFS) Open(name string, mode OpenMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	switch {
	case mode == OpenRead && f == nil:
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	case mode == OpenRead:
		return f, nil
	case !m.dirs[path.Dir(name)]:
		return nil, fmt.Errorf("open %s: no directory: %w", name, fs.ErrNotExist)
	}
	if err := m.check("create", name); err != nil {
		return nil, err
	}
	if f == nil || mode == OpenCreate {
		f = &memFile{fs: m, name: name}
		m.files[name] = f
	}
	return f, nil
}

func (m *memFS) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; name != "/"; name = path.Dir(name) {
		m.dirs[name] = true
	}
	return nil
}

func (m *memFS) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[name] != nil {
		return nil, fmt.Errorf("%s is not a directory", name)
	}
	if !m.dirs[name] {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	var names []string
	for n := range m.files {
		if path.Dir(n) == name {
			names = append(names, path.Base(n))
		}
	}
	for n := range m.dirs {
		if n != name && path.Dir(n) == name {
			names = append(names, path.Base(n))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m *memFS) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[oldName] == nil && !m.dirs[oldName] {
		return fmt.Errorf("rename %s: %w", oldName, fs.ErrNotExist)
	}
	if err := m.check("rename", newName); err != nil {
		return err
	}
	for n, f := range m.files {
		if rest, ok := strings.CutPrefix(n, oldName); ok && (rest == "" || rest[0] == '/') {
			delete(m.files, n)
			f.name = newName + rest
			m.files[f.name] = f
		}
	}
	if m.dirs[oldName] {
		delete(m.dirs, oldName)
		m.dirs[newName] = true
	}
	return nil
}

func (m *memFS) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("remove", name); err != nil {
		return err
	}
	for n := range m.files {
		if n == name || strings.HasPrefix(n, name+"/") {
			delete(m.files, n)
		}
	}
	delete(m.dirs, name)
	return nil
}

func (m *memFS) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.check("syncdir", name)
}

// put makes a file with its directory.
func (m *memFS) put(name, content string) {
	m.MkdirAll(path.Dir(name))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = &memFile{fs: m, name: name, data: []byte(content)}
}

// get returns the content of a file, "" if there is none.
func (m *memFS) get(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[name]; f != nil {
		return string(f.data)
	}
	return ""
}

// append adds to a file.
func (m *memFS) append(name, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
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

// tree lists all there is below a directory.
func (m *memFS) tree(dir string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for n := range m.files {
		all = append(all, n)
	}
	for n := range m.dirs {
		all = append(all, n)
	}
	all = slices.DeleteFunc(all, func(n string) bool { return !strings.HasPrefix(n, dir+"/") })
	slices.Sort(all)
	return all
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
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
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.fs.check("sync", f.name)
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.data = f.data[:size]
	return f.fs.check("truncate", f.name)
}

func (f *memFile) Close() error { return nil }

var errDisk = errors.New("the disk is broken")
