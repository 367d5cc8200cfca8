package work

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A unit whose release has been impossible for long, because its node cannot be
// reached, is forgotten here: no command knows it any more, and its stdin and
// output are gone. Its status stays, as a tombstone, in a directory that ends in
// endingOwed: the node is still owed the release, and gets it when it returns.

// endingOwed is that of such a directory.
const endingOwed = ".owed"

// owedDir is the directory of a unit that is forgotten here.
func (st store) owedDir(id string) string { return st.unitDir(id) + endingOwed }

// owe makes the directory of a unit a tombstone.
func (st store) owe(id string) error {
	err := st.fs.Rename(st.unitDir(id), st.owedDir(id))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = st.fs.ReadDir(st.owedDir(id)) // an earlier try may have come so far
	}
	if err == nil {
		err = st.fs.SyncDir(st.dir)
	}
	if err == nil {
		err = st.strip(id)
	}
	if err != nil {
		return fmt.Errorf("forget unit %s: %w", id, err)
	}
	return nil
}

// strip removes from a tombstone all but the status.
func (st store) strip(id string) error {
	names, err := st.fs.ReadDir(st.owedDir(id))
	for _, name := range names {
		if name != StatusFile {
			err = errors.Join(err, st.fs.RemoveAll(path.Join(st.owedDir(id), name)))
		}
	}
	return err
}

// settle removes a tombstone.
func (st store) settle(id string) error {
	err := st.fs.RemoveAll(st.owedDir(id))
	if err == nil {
		err = st.fs.SyncDir(st.dir)
	}
	if err != nil {
		return fmt.Errorf("remove what is left of unit %s: %w", id, err)
	}
	return nil
}

// scanOwed returns the units that are forgotten here, sorted.
func (st store) scanOwed() ([]string, error) {
	names, err := st.fs.ReadDir(st.dir)
	if err != nil {
		return nil, fmt.Errorf("list units of work: %w", err)
	}
	var ids []string
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, endingOwed); ok && validUnitID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// isTaken tells whether a directory has the name of a unit, or of what is left
// of one.
func (st store) isTaken(id string) bool {
	return slices.ContainsFunc([]string{st.unitDir(id), st.owedDir(id)}, func(dir string) bool {
		_, err := st.fs.ReadDir(dir)
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// takeUpOwed takes up a release that former runs still owed to another node.
func (m *Manager) takeUpOwed(id string) {
	r, err := m.restoreOwed(id)
	if err != nil {
		m.emit(UnitUnreadable{Unit: id, Err: err})
		return
	}
	m.mu.Lock()
	m.owed[id] = r
	m.mu.Unlock()
	r.resume()
}

func (m *Manager) restoreOwed(id string) (*remote, error) {
	dir := m.store.owedDir(id)
	s, err := settleStatus(m.store.fs, dir)
	if err != nil {
		return nil, err
	}
	if err := m.store.strip(id); err != nil {
		return nil, err
	}
	s.Submission = nil // its key is a tombstone, too
	u := newUnit(m, id, s)
	u.owed = true
	r, err := restoreRemote(u)
	if err != nil {
		return nil, err
	}
	r.f.extra.LocalReleased, r.f.forgotten = true, true
	r.publish(func(v *snapshot) { v.released = true })
	return r, nil
}

// forget forgets the unit here. It requires mu.
func (r *remote) forget() {
	err := r.buryKey()
	if err == nil {
		err = r.m.store.owe(r.id)
	}
	if err != nil {
		r.m.emit(UnitProblem{Unit: r.id, Err: err})
		return // the next try to release it brings the next to forget it
	}
	r.f.forgotten = true
	r.owed = true
	r.closeOutput()
	r.m.mu.Lock()
	delete(r.m.units, r.id)
	r.m.owed[r.id] = r
	r.m.mu.Unlock()
	r.publish(func(v *snapshot) { v.released = true })
	r.m.emit(UnitForgotten{Unit: r.id, Node: r.target.RemoteNode})
}

// settle ends a unit that was forgotten here and is now gone there too. It
// requires mu.
func (r *remote) settle() error {
	if err := r.m.store.settle(r.id); err != nil {
		return err
	}
	r.closed = true
	r.m.mu.Lock()
	delete(r.m.owed, r.id)
	r.m.mu.Unlock()
	r.m.emit(UnitReleased{Unit: r.id})
	return nil
}
