// Package journal keeps directories that are small and young in one file, and in memory:
// a unit of work that comes and goes within seconds makes no file of its own, and what is
// synced for it goes to the disk together with what others sync.
//
// An FS is a file system on another one. One directory of that has subdirectories which
// may be young: those that MkdirYoung has made. What they contain is in memory; a sync of
// it (File.Sync, SyncDir) adds an image of the subdirectory, as it is then, to the
// journal. All who sync at about the same time share one write and one sync of that. A
// directory is written out, and is an ordinary one from then on, when it or all of them
// grow beyond a limit, when it has been young for a while (Settle), and at Close.
//
// What a crash, or the end of the process, leaves is what the journal has: the last image
// of each directory that has not been removed or written out. Recover brings that back.
// More than what was synced may survive, of one directory only all that was done to it up
// to some moment.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"receptor/work/vfs"
)

// Limits in bytes.
const (
	// maxDirectory is what a young directory may have in it.
	maxDirectory = 16 << 10
	// maxYoung is what all of them may have, so what they take of memory, and a quarter
	// of what the journal does of the disk.
	maxYoung = 1 << 20
)

// FS is a file system some directories of which are young. Its methods, and those of its
// files, may be called from any goroutine; those of one name by one at a time.
type FS struct {
	vfs.FS        // where all else is
	dir    string // whose subdirectories may be young

	log *log
	// writing has a value while the journal is written, syncing while dir is synced below.
	// They are channels since who has one waits for the disk.
	writing, syncing chan struct{}

	mu    sync.Mutex // for what follows, and never held while something waits
	open  bool       // directories may be young
	ready bool       // there is a journal
	young map[string]*directory
	size  int // of all that is young, in bytes
	last  uint64
	next  *batch // which who syncs next joins, if there is one
	// renamed are directories whose name the journal does not have yet, gone those of the
	// journal that are not to be brought back.
	renamed map[*directory]struct{}
	gone    map[uint64]struct{}
	// changes counts those of the entries of dir below, of which synced are safe.
	changes, synced uint64
}

// New returns a file system on another one, of which subdirectories of dir may be young
// once it has recovered.
func New(below vfs.FS, dir string) *FS {
	dir = path.Clean(dir)
	return &FS{
		FS:      below,
		dir:     dir,
		log:     newLog(below, dir),
		writing: make(chan struct{}, 1),
		syncing: make(chan struct{}, 1),
		young:   make(map[string]*directory),
		renamed: make(map[*directory]struct{}),
		gone:    make(map[uint64]struct{}),
		changes: 1, // who was here before may have been killed before a sync
	}
}

// Recover brings back the directories that were young when the file system was last in
// use, and opens it for new ones. dir must exist. A journal that cannot be used is set
// aside, or if it can be up to a damage, kept beside, and damaged says so, and what is lost.
// After an error Recover may be called again.
func (f *FS) Recover() (damaged, err error) {
	f.writing <- struct{}{}
	defer func() { <-f.writing }()
	f.mu.Lock()
	open := f.open
	f.mu.Unlock()
	if open {
		return nil, nil
	}
	images, damaged, err := f.log.load()
	if err != nil {
		return damaged, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, im := range images {
		f.last = max(f.last, im.id)
		f.add(im.directory(f.dir))
	}
	f.open = true
	return damaged, nil
}

// MkdirYoung makes a young directory, or an ordinary one if it cannot be young. As far as
// a crash is concerned it begins with its first Rename.
func (f *FS) MkdirYoung(name string) error {
	name = path.Clean(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if path.Dir(name) == f.dir && f.isReady() && f.young[name] == nil && f.size+maxDirectory <= maxYoung {
		f.last++
		f.add(newDirectory(f.last, name))
		return nil
	}
	f.mu.Unlock()
	defer f.mu.Lock()
	return f.MkdirAll(name)
}

// isReady tells whether there is a journal, and makes it if it can. It requires mu, which
// it gives up meanwhile.
func (f *FS) isReady() bool {
	if f.open && !f.ready {
		f.mu.Unlock()
		f.writing <- struct{}{}
		err := f.log.prepare()
		<-f.writing
		f.mu.Lock()
		f.ready = err == nil
	}
	return f.open && f.ready
}

// Young returns how many directories are young.
func (f *FS) Young() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.young)
}

// Settle writes out the directories that were young at the last call already. What cannot
// be written out stays young.
func (f *FS) Settle() (err error) {
	for _, d := range f.all() {
		f.mu.Lock()
		old := d.old && d.safe > 0
		d.old = true
		f.mu.Unlock()
		if old {
			err = errors.Join(err, f.writeOut(d))
		}
	}
	return err
}

// Close writes out all that is young and exists as far as a crash is concerned, and closes
// the journal. What could not be written out is brought back by another Recover.
func (f *FS) Close() (err error) {
	f.mu.Lock()
	f.open, f.ready = false, false
	f.mu.Unlock()
	for _, d := range f.all() {
		f.mu.Lock()
		exists := d.safe > 0
		f.mu.Unlock()
		if exists {
			err = errors.Join(err, f.writeOut(d))
		}
	}
	f.writing <- struct{}{}
	defer func() { <-f.writing }()
	return errors.Join(err, f.log.close())
}

// all returns what is young, the oldest first.
func (f *FS) all() []*directory {
	f.mu.Lock()
	defer f.mu.Unlock()
	return byAge(maps.Values(f.young))
}

// find returns the young directory of a name, nil if there is none, once it is not about
// to be written out. It requires mu, which it gives up meanwhile.
func (f *FS) find(name string) *directory {
	for {
		d := f.young[name]
		if d == nil || d.leaving == nil {
			return d
		}
		f.await(d.leaving)
	}
}

// await gives up mu until c is closed.
func (f *FS) await(c <-chan struct{}) {
	f.mu.Unlock()
	<-c
	f.mu.Lock()
}

// Open implements vfs.FS.
func (f *FS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	name = path.Clean(name)
	if h, err := f.openYoung(name, mode); h != nil || err != nil {
		return h, err
	}
	h, err := f.FS.Open(name, mode)
	if mode == vfs.Create || mode == vfs.Append {
		f.changed(name)
	}
	return h, err
}

// openYoung opens a file of a young directory. It returns nil if it is not in one.
func (f *FS) openYoung(name string, mode vfs.Mode) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		d := f.find(path.Dir(name))
		if d == nil {
			return nil, nil
		}
		base := path.Base(name)
		c := d.files[base]
		switch {
		case c == nil && (mode == vfs.Read || mode == vfs.Update):
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case c == nil:
			c = &content{name: base}
			d.files[base] = c
			f.grow(d, fileSize(base, 0))
		case mode == vfs.Create:
			f.grow(d, -len(c.data))
			c.data = nil
		case mode == vfs.Update && c.updating != nil:
			f.await(c.updating)
			continue
		}
		return newFile(f, d, c, mode), nil
	}
}

// grow is for each change of a young directory, which makes it larger by some bytes. It
// requires mu.
func (f *FS) grow(d *directory, by int) {
	d.size += by
	f.size += by
	d.version++
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(name string) error {
	name = path.Clean(name)
	f.mu.Lock()
	d := f.find(name)
	f.mu.Unlock()
	if d != nil {
		return nil
	}
	err := f.FS.MkdirAll(name)
	f.changed(name)
	return err
}

// ReadDir implements vfs.FS.
func (f *FS) ReadDir(name string) ([]string, error) {
	name = path.Clean(name)
	f.mu.Lock()
	if d := f.find(name); d != nil {
		defer f.mu.Unlock()
		return slices.Sorted(maps.Keys(d.files)), nil
	}
	var young []string // before what is below, or one that is written out meanwhile were in neither
	if name == f.dir {
		for other := range f.young {
			young = append(young, path.Base(other))
		}
	}
	f.mu.Unlock()
	names, err := f.FS.ReadDir(name)
	if err != nil {
		return nil, err
	}
	names = append(names, young...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Rename implements vfs.FS. A young directory, and the files in one, stay where they are.
func (f *FS) Rename(oldName, newName string) error {
	oldName, newName = path.Clean(oldName), path.Clean(newName)
	if done, err := f.renameYoung(oldName, newName); done {
		return err
	}
	err := f.FS.Rename(oldName, newName)
	f.changed(oldName)
	f.changed(newName)
	return err
}

func (f *FS) renameYoung(oldName, newName string) (done bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, err := f.findAlone(oldName)
	in := f.find(path.Dir(oldName))
	switch {
	case err != nil:
		return true, err
	case d == nil && in == nil:
		return false, nil
	case path.Dir(newName) != path.Dir(oldName):
		return true, fmt.Errorf("rename %s: %s is in another directory", oldName, newName)
	case d == nil:
		return true, f.renameFile(in, path.Base(oldName), path.Base(newName))
	}
	delete(f.young, oldName)
	d.name = newName
	f.grow(d, len(newName)-len(oldName))
	f.young[newName] = d
	f.renamed[d] = struct{}{}
	return true, nil
}

// renameFile requires mu.
func (f *FS) renameFile(d *directory, oldName, newName string) error {
	c := d.files[oldName]
	if c == nil {
		return &fs.PathError{Op: "rename", Path: path.Join(d.name, oldName), Err: fs.ErrNotExist}
	}
	delete(d.files, oldName)
	f.removeFile(d, newName)
	d.files[newName] = c
	c.name = newName
	f.grow(d, len(newName)-len(oldName))
	return nil
}

// removeFile requires mu.
func (f *FS) removeFile(d *directory, name string) {
	if c := d.files[name]; c != nil {
		delete(d.files, name)
		f.grow(d, -fileSize(name, len(c.data)))
		c.name = ""
	}
}

// RemoveAll implements vfs.FS.
func (f *FS) RemoveAll(name string) error {
	name = path.Clean(name)
	if done, err := f.removeYoung(name); done {
		return err
	}
	err := f.FS.RemoveAll(name)
	f.changed(name)
	return err
}

func (f *FS) removeYoung(name string) (done bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.find(path.Dir(name)); d != nil {
		f.removeFile(d, path.Base(name))
		return true, nil
	}
	d, err := f.findAlone(name)
	if d == nil || err != nil {
		return err != nil, err
	}
	f.drop(d)
	for _, c := range d.files {
		c.name = ""
	}
	return true, nil
}

// add has a directory be young. It requires mu.
func (f *FS) add(d *directory) {
	f.young[d.name] = d
	f.size += d.size
}

// drop has a directory be young no more. It requires mu.
func (f *FS) drop(d *directory) {
	delete(f.young, d.name)
	delete(f.renamed, d)
	f.size -= d.size
	d.dropped = true
	if d.logged {
		f.gone[d.id] = struct{}{}
	}
}
