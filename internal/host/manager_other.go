//go:build !linux

package host

import "time"

// Manager is the service manager that has started this program; there is none
// on this system.
type Manager struct{}

// NewManager returns nil: there is none.
func NewManager(func(string) string, int) (*Manager, error) { return nil, nil }

// Watchdog returns 0.
func (m *Manager) Watchdog() time.Duration { return 0 }

// Ready does nothing.
func (m *Manager) Ready(string) error { return nil }

// Reloading does nothing.
func (m *Manager) Reloading() error { return nil }

// Stopping does nothing.
func (m *Manager) Stopping() error { return nil }

// Alive does nothing.
func (m *Manager) Alive() error { return nil }
