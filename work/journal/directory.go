package journal

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"path"
	"slices"

	"receptor/work/vfs"
)

// directory is a young directory. The mu of its FS is for all of it but id.
type directory struct {
	id    uint64 // never that of another one that the journal is to bring back
	name  string
	files map[string]*content
	open  map[*file]struct{}
	size  int // of an image of it, in bytes
	// version counts its changes, of which safe says how many the journal has: none at all
	// if it is 0.
	version, safe uint64
	// logged: the journal is to bring it back, as it has it, or is about to. That begins
	// only while it is not leaving.
	logged bool
	// old: the last Settle has seen it.
	old bool
	// shadowed: there may be something of its name below, as it is about to be written
	// out, or was when that failed. Who wants the directory finds the young one.
	shadowed bool
	// leaving is there while it is written out, and closed once that is over. It is not
	// changed meanwhile.
	leaving chan struct{}
	// dropped: it was written out, or removed.
	dropped bool
}

// content is that of a file, whose name in the directory is empty once it has none.
type content struct {
	name string
	data []byte
	// updating is there while somebody has it open for Update.
	updating chan struct{}
}

func newDirectory(id uint64, name string) *directory {
	return &directory{id: id, name: name, files: make(map[string]*content), open: make(map[*file]struct{}), version: 1, size: imageSize(name)}
}

// isUnsafe tells of a directory that exists as far as a crash is concerned, but not as it is
// now.
func (d *directory) isUnsafe() bool { return d.safe > 0 && d.safe < d.version }

// byAge sorts directories.
func byAge(all iter.Seq[*directory]) []*directory {
	return slices.SortedFunc(all, func(a, b *directory) int { return cmp.Compare(a.id, b.id) })
}

// writeOut makes a young directory an ordinary one. If it fails, it stays young.
func (f *FS) writeOut(d *directory) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for d.leaving != nil || d.shadowed && !d.dropped && d.isUnsafe() { // if it is shadowed: as in unshadow
		if d.leaving != nil {
			f.await(d.leaving)
		} else if err := f.commit(d); err != nil {
			return err
		}
	}
	if d.dropped {
		return nil
	}
	d.leaving = make(chan struct{})
	logged := d.logged
	f.mu.Unlock()
	err := f.copyOut(d) // nobody changes it now
	if err == nil && logged {
		err = f.syncBelow(allChanges)
	}
	f.mu.Lock()
	if err == nil && logged {
		err = f.forget(d)
	}
	if err == nil {
		f.reopen(d)
		f.drop(d)
	}
	f.stays(d)
	return err
}

// forget has the journal not bring back a directory. It requires mu, which it gives up
// meanwhile.
func (f *FS) forget(d *directory) error {
	d.logged = false // now, or a journal that begins anew would have it again
	f.gone[d.id] = struct{}{}
	err := f.commit()
	if err != nil {
		delete(f.gone, d.id)
		d.logged = true
		d.version++ // the journal may have forgotten it all the same
	}
	return err
}

// stays ends the time in which a directory is not changed. It requires mu.
func (f *FS) stays(d *directory) {
	close(d.leaving)
	d.leaving = nil
}

// copyOut writes a directory below, which is safe then but for its name.
func (f *FS) copyOut(d *directory) error {
	if d.shadowed {
		if err := f.FS.RemoveAll(d.name); err != nil {
			return err
		}
	}
	d.shadowed = true
	err := f.FS.MkdirAll(d.name)
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if err == nil {
			err = f.copyFile(path.Join(d.name, name), d.files[name].data)
		}
	}
	if err == nil {
		err = f.FS.SyncDir(d.name)
	}
	if err != nil && f.FS.RemoveAll(d.name) == nil {
		d.shadowed = false
	}
	f.changed(d.name)
	return err
}

func (f *FS) copyFile(name string, data []byte) error {
	h, err := f.FS.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		if _, err = h.Write(data); err == nil {
			err = h.Sync()
		}
	}
	return errors.Join(err, h.Close())
}

// reopen has the open files of a directory that was written out go on there. It requires
// mu, which it gives up meanwhile.
func (f *FS) reopen(d *directory) {
	var files []*file
	for h := range d.open {
		if h.content.name != "" {
			files = append(files, h)
		}
	}
	for _, h := range files {
		mode := h.mode
		if mode == vfs.Create {
			mode = vfs.Append
		}
		name := path.Join(d.name, h.content.name)
		f.mu.Unlock()
		below, err := f.FS.Open(name, mode)
		f.mu.Lock()
		if h.closed && err == nil {
			f.mu.Unlock()
			below.Close()
			f.mu.Lock()
			continue
		}
		h.below, h.err = below, err
	}
}

// findAlone is find, and removes what may be below in the name of the directory: it would
// come back once that has another name, or is gone.
func (f *FS) findAlone(name string) (*directory, error) {
	for {
		d := f.find(name)
		if d == nil || !d.shadowed {
			return d, nil
		}
		if err := f.unshadow(d); err != nil {
			return nil, err
		}
	}
}

// unshadow does so, unless the directory is, or was, written out meanwhile. It requires mu,
// which it gives up meanwhile.
func (f *FS) unshadow(d *directory) error {
	err := f.syncYoung(d) // or else what is below might be all that a crash leaves
	if err != nil || d.dropped || d.leaving != nil {
		return err
	}
	d.leaving = make(chan struct{})
	f.mu.Unlock()
	err = f.FS.RemoveAll(d.name)
	f.changed(d.name)
	f.mu.Lock()
	d.shadowed = err != nil
	f.stays(d)
	return err
}
