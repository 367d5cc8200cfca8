package work

import (
	"fmt"
	"maps"
	"slices"
)

// unavailableText begins the answers of a node about units that it may have and
// cannot read just now. Another node asks it again later.
const unavailableText = "not available at the moment:"

// Start takes up the units of former runs. Directories that it cannot use it puts
// into quarantine. If the node's directory as a whole cannot be read or synced,
// units are unavailable, and that is told by an event. It is tried again until
// Close, as are directories of units which could not be read for a reason that may
// pass.
func (m *Manager) Start() {
	m.starting.Lock()
	defer m.starting.Unlock()
	m.start()
}

// Available returns why commands about units are refused at present, or nil.
func (m *Manager) Available() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unavailable == nil {
		return nil
	}
	return fmt.Errorf("%s units of work: %w (tried again every %v)", unavailableText, m.unavailable, retryPause)
}

// Problem returns why no unit is taken at present, or nil: what Available returns, or
// that the disk has too little space. It looks at the disk.
func (m *Manager) Problem() error {
	if err := m.Available(); err != nil {
		return err
	}
	if err := m.floor.checkNew(); err != nil {
		return fmt.Errorf("units of work: %w", err)
	}
	return nil
}

// start requires starting.
func (m *Manager) start() {
	found, err := m.survey()
	if err == nil {
		m.takeUp(found)
	}
	m.mu.Lock()
	before := m.unavailable
	m.unavailable = err
	m.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		m.emit(UnitsUnavailable{Err: err})
	case err == nil && before != nil:
		m.emit(UnitsAvailable{})
	}
	m.startLater()
}

// startLater has what is left of a start tried again. It requires starting.
func (m *Manager) startLater() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && (m.unavailable != nil || len(m.unreadUnits()) > 0) {
		m.startAgain = m.clock.AfterFunc(retryPause, m.retryStart)
	}
}

func (m *Manager) retryStart() {
	m.starting.Lock()
	defer m.starting.Unlock()
	m.mu.Lock()
	closed, unavailable, ids := m.closed, m.unavailable, m.unreadUnits()
	m.mu.Unlock()
	switch {
	case closed:
		return
	case unavailable != nil:
		m.start()
		return
	}
	for _, id := range ids {
		m.takeUpUnit(id)
	}
	m.startWaiting(m.places.fillAll())
	m.startLater()
}

// endStart ends what is left of a start, after the Manager was closed.
func (m *Manager) endStart() {
	m.starting.Lock()
	defer m.starting.Unlock()
	if m.startAgain != nil {
		m.startAgain.Stop()
	}
}

// unreadUnits are those in quarantine that may be whole, by ID. It requires mu.
func (m *Manager) unreadUnits() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(m.damaged)) {
		if isUnread(m.damaged[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

// found is what the node's directory has.
type found struct {
	units []string // by ID
	owed  []string
}

// survey finds what former runs have left, and the keys of their submissions. It may
// be called again if it fails. It requires starting.
func (m *Manager) survey() (f found, err error) {
	if err := m.lockDir(); err != nil {
		return f, err
	}
	if err := m.recover(); err != nil {
		return f, fmt.Errorf("read the journal of units: %w", err)
	}
	m.settleJournalLater()
	if f.units, err = m.store.scan(); err != nil {
		return f, err
	}
	if f.owed, err = m.store.scanOwed(); err != nil {
		return f, err
	}
	return f, m.keys.load(m.clock.Now())
}

// lockDir makes certain that no other node has the directory. It requires starting.
func (m *Manager) lockDir() error {
	if m.lock == nil || m.unlock != nil {
		return nil
	}
	if err := m.store.makeDir(m.store.dir); err != nil {
		return fmt.Errorf("make the directory for units of work: %w", err)
	}
	unlock, err := m.lock(m.store.dir)
	if err != nil {
		return fmt.Errorf("lock the directory for units of work: %w", err)
	}
	m.unlock = unlock
	return nil
}

// takeUp requires starting.
func (m *Manager) takeUp(f found) {
	for _, id := range f.units {
		m.takeUpUnit(id)
	}
	m.startWaiting(m.places.fillAll())
	for _, id := range f.owed {
		m.takeUpOwed(id)
	}
}

// takeUpUnit requires starting.
func (m *Manager) takeUpUnit(id string) {
	r, err := m.restore(id)
	if err != nil {
		m.quarantine(id, err)
		return
	}
	m.store.unmarkDamaged(id)
	m.mu.Lock()
	delete(m.damaged, id)
	m.units[id] = r
	m.mu.Unlock()
	r.resume()
}

// restore makes a unit of what is on disk. The key of its submission is taken even if
// the rest is damaged: the unit may have run.
func (m *Manager) restore(id string) (runner, error) {
	s, err := m.store.restoreStatus(id)
	of := s.Submission
	if err != nil {
		of = m.store.findIdentity(id)
	}
	if of != nil {
		if err := m.keys.add(of.Key, id); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	u := newUnit(m, id, s)
	if s.WorkType != remoteType {
		return newCommand(u), nil
	}
	return restoreRemote(u)
}

// quarantine keeps a directory that cannot be used, for a person to look at. It
// is marked, not moved: what is damaged may be a status that the supervisor of
// a deployed node is just writing, and the next start finds it whole.
func (m *Manager) quarantine(id string, why error) {
	m.mu.Lock()
	before := m.damaged[id]
	m.damaged[id] = why
	m.mu.Unlock()
	if before != nil && before.Error() == why.Error() {
		return
	}
	m.store.markDamaged(id, why)
	m.emit(UnitUnreadable{Unit: id, Err: why, Again: isUnread(why)})
}

// removeDamaged removes a directory that is in quarantine.
func (m *Manager) removeDamaged(id string) error {
	m.starting.Lock()
	defer m.starting.Unlock()
	if _, damaged := m.isDamaged(id); !damaged {
		return fmt.Errorf("unit %s is no longer damaged: try again", id)
	}
	if of := m.store.findIdentity(id); of != nil {
		if err := m.keys.bury(of.Key, of.From, m.clock.Now()); err != nil {
			return err
		}
	}
	if err := m.store.remove(id); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.damaged, id)
	m.mu.Unlock()
	m.emit(UnitReleased{Unit: id})
	return nil
}

// isDamaged tells of a unit that is in quarantine, and why.
func (m *Manager) isDamaged(id string) (why error, damaged bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	why, damaged = m.damaged[id]
	return why, damaged
}
