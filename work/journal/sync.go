package journal

import (
	"maps"
	"math"
	"path"
)

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(name string) error {
	name = path.Clean(name)
	f.mu.Lock()
	if d := f.find(name); d != nil {
		defer f.mu.Unlock()
		return f.syncYoung(d)
	}
	f.mu.Unlock()
	if name != f.dir {
		return f.FS.SyncDir(name)
	}
	f.mu.Lock()
	changes, names := f.changes, len(f.renamed)+len(f.gone)
	f.mu.Unlock()
	if names == 0 { // the journal has those of all that is young
		return f.syncBelow(changes)
	}
	// What is below first: a directory that comes back in its place must not do so after
	// the young one has another name, or none. And last, as one may be written out meanwhile.
	err := f.syncBelow(allChanges)
	if err == nil {
		err = f.syncNames()
	}
	if err == nil {
		err = f.syncBelow(allChanges)
	}
	return err
}

// syncYoung makes a young directory safe as it is now, if it exists as far as a crash is
// concerned. It requires mu, which it gives up meanwhile.
func (f *FS) syncYoung(d *directory) error {
	for want := d.version; d.safe > 0 && d.safe < want && !d.dropped; {
		if d.leaving != nil {
			f.await(d.leaving)
		} else if err := f.commit(d); err != nil {
			return err
		}
	}
	return nil
}

// syncNames makes safe which young directories there are, and their names.
func (f *FS) syncNames() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	renamed := byAge(maps.Keys(f.renamed))
	if len(renamed)+len(f.gone) == 0 {
		return nil
	}
	if err := f.commit(renamed...); err != nil {
		return err
	}
	for _, d := range renamed { // which commit has left out
		for f.isRenamed(d) {
			if d.leaving != nil {
				f.await(d.leaving)
			} else if err := f.commit(renamed...); err != nil {
				return err
			}
		}
	}
	return nil
}

// isRenamed requires mu.
func (f *FS) isRenamed(d *directory) bool {
	_, renamed := f.renamed[d]
	return renamed
}

// changed counts a change that was made below, which may be one of the entries of dir.
func (f *FS) changed(name string) {
	if path.Dir(name) != f.dir {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
}

// allChanges is for syncBelow: as many as there are when it can begin.
const allChanges = math.MaxUint64

// syncBelow makes so many changes of the entries of dir below safe. One who waits for
// another that does so has it done for him by the next.
func (f *FS) syncBelow(want uint64) error {
	f.syncing <- struct{}{}
	defer func() { <-f.syncing }()
	f.mu.Lock()
	changes, synced := f.changes, f.synced
	f.mu.Unlock()
	if synced >= min(want, changes) {
		return nil
	}
	if err := f.FS.SyncDir(f.dir); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced = changes
	return nil
}
