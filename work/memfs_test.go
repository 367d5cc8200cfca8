package work

import (
	"errors"
	"strings"
	"sync"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// memFS is the disk of a node, and what tests do with it.
type memFS struct {
	disk.View

	mu     sync.Mutex
	broken func(op disk.Op, name string) error // decides about each change
	unread string                              // what cannot be opened to be read
	before func(name string)                   // called before a file is opened to be read
	ops    []string                            // all changes that were tried, in order
	// journal: there can be one.
	journal bool
}

func newMemFS() *memFS {
	m := new(memFS)
	m.View = disk.New(disk.Options{Before: m.record}).For(nil)
	m.SetFault(m.fault)
	return m
}

func (m *memFS) record(op disk.Op, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !strings.HasSuffix(name, "/journal-0.tmp") {
		m.ops = append(m.ops, string(op)+" "+name)
	}
}

func (m *memFS) fault(op disk.Op, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.journal && strings.HasSuffix(name, "/journal-0.tmp"):
		return errors.New("no journal is wanted here")
	case op == disk.Open && name == m.unread:
		return errors.New("too many open files")
	case m.broken == nil || !op.Changes():
		return nil
	}
	return m.broken(op, name)
}

// setBroken changes what is broken, also while the file system is in use.
func (m *memFS) setBroken(broken func(op disk.Op, name string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

// Open implements vfs.FS.
func (m *memFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil && mode == vfs.Read {
		before(name)
	}
	return m.View.Open(name, mode)
}

// setJournal decides whether there can be a journal.
func (m *memFS) setJournal(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.journal = on
}

// beforeOpen has a function called, which may wait, before a file is opened to be read.
func (m *memFS) beforeOpen(f func(name string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = f
}

// setUnread has a file that cannot be opened to be read, "" for none.
func (m *memFS) setUnread(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread = name
}

// space is what who asks is told.
func (m *memFS) space() int64 {
	free, _ := m.Free("/")
	return free
}

// get returns the content of a file, "" if there is none.
func (m *memFS) get(name string) string {
	content, _ := m.Content(name)
	return string(content)
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

var errDisk = errors.New("the disk is broken")
