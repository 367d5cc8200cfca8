package journal

import (
	"maps"
	"slices"
)

// batch is what goes to the journal in one record, for all who wait for that.
type batch struct {
	directories map[*directory]struct{}
	done        chan struct{}
	err         error // once done is closed
}

// written is what a record has of a directory.
type written struct {
	of      *directory
	version uint64
	name    string
}

// commit adds images of directories, and what is gone, to the journal. It leaves out what
// was dropped, or is about to be written out, by then: who wants to know looks at what is
// safe. It requires mu, which it gives up meanwhile.
func (f *FS) commit(directories ...*directory) error {
	b, joined := f.next, true
	if b == nil {
		b, joined = &batch{directories: make(map[*directory]struct{}), done: make(chan struct{})}, false
		f.next = b
	}
	for _, d := range directories {
		b.directories[d] = struct{}{}
	}
	if joined {
		f.await(b.done)
		return b.err
	}
	f.mu.Unlock()
	f.writing <- struct{}{}
	b.err = f.write(b)
	<-f.writing
	close(b.done)
	f.mu.Lock()
	return b.err
}

// write writes a batch. It requires writing.
func (f *FS) write(b *batch) error {
	f.mu.Lock()
	f.next = nil
	record, images, gone := f.record(b.directories)
	fits := f.log.fits(record)
	if !fits {
		record, images = f.snapshot(b.directories)
	}
	f.mu.Unlock()
	var err error
	switch {
	case !fits:
		err = f.log.restart(record)
	case len(record) > 0:
		err = f.log.add(record)
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range images {
		w.of.safe = max(w.of.safe, w.version)
		if w.of.name == w.name {
			delete(f.renamed, w.of)
		}
	}
	for id := range gone {
		delete(f.gone, id)
	}
	return nil
}

// record returns a record of directories and of what is gone. It requires mu.
func (f *FS) record(directories map[*directory]struct{}) (record []byte, images []written, gone map[uint64]struct{}) {
	for _, d := range byAge(maps.Keys(directories)) {
		if !d.dropped && d.leaving == nil {
			record, images = f.image(record, images, d)
		}
	}
	gone = maps.Clone(f.gone)
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		record = appendGone(record, id)
	}
	return record, images, gone
}

// snapshot returns a record of those directories, and of all others that the journal is to
// bring back. It requires mu.
func (f *FS) snapshot(directories map[*directory]struct{}) (record []byte, images []written) {
	for _, d := range byAge(maps.Values(f.young)) {
		_, asked := directories[d]
		if d.logged || asked && d.leaving == nil {
			record, images = f.image(record, images, d)
		}
	}
	return record, images
}

// image requires mu.
func (f *FS) image(record []byte, images []written, d *directory) ([]byte, []written) {
	d.logged = true
	return appendImage(record, d), append(images, written{d, d.version, d.name})
}
