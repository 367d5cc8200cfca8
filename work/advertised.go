package work

import (
	"maps"
	"slices"

	"receptor/mesh/wire"
)

// WorkCommands returns what the advertisements of the node's control services
// say about its work types, sorted.
func (m *Manager) WorkCommands() []wire.WorkCommand {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []wire.WorkCommand
	for _, name := range slices.Sorted(maps.Keys(m.types)) {
		list = append(list, wire.WorkCommand{WorkType: name, Secure: m.types[name].VerifySignature})
	}
	return list
}

// Features returns what the node's control services advertise in their tag
// "features".
func (m *Manager) Features() []string {
	return []string{FeatureSubmission, FeatureFollow, FeatureSession}
}

// pushes reports whether a node knows "work follow", as far as is known; before
// is what was known before.
func (m *Manager) pushes(node string, before bool) bool {
	if features, known := m.features(node); known {
		return slices.Contains(features, FeatureFollow)
	}
	return before
}
