package work

import "time"

// A unit of another node is in the journal at first (work/journal): what comes, runs there
// and is released within seconds makes no files here.

// settlePause is how long such a unit stays there at least, and half of how long at most.
const settlePause = 5 * time.Second

// recover brings back what the journal has. It requires starting.
func (m *Manager) recover() error {
	if err := m.store.makeDir(m.store.dir); err != nil {
		return err
	}
	damaged, err := m.store.young.Recover()
	if damaged != nil {
		m.emit(JournalDamaged{Err: damaged})
	}
	return err
}

// settleJournalLater has units leave the journal when their time has come.
func (m *Manager) settleJournalLater() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && m.settling == nil && m.store.young.Young() > 0 {
		m.settling = m.clock.AfterFunc(settlePause, m.settleJournal)
	}
}

func (m *Manager) settleJournal() {
	m.mu.Lock()
	m.settling = nil
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.exchanges.Add(1)
	m.mu.Unlock()
	defer m.exchanges.Done()
	// What cannot be written out is safe where it is, and tried again.
	_ = m.store.young.Settle()
	m.settleJournalLater()
}
