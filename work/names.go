package work

import "fmt"

// remoteName is the name of a unit on another node.
type remoteName struct{ node, id string }

// takenName is for a name by which a node has called two units. Whatever was done
// about one of them would be done about the other: output, cancel, release.
type takenName struct {
	remoteName
	unit string // whose it is here
}

func (e *takenName) Error() string {
	return fmt.Sprintf("node %s has answered with unit %s, which is that of unit %s here", e.node, e.id, e.unit)
}

// takeName makes a name on the remote node that of the unit, or returns a
// *takenName.
func (r *remote) takeName(id string) error {
	name := remoteName{r.target.RemoteNode, id}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errStopped // nobody would give it back
	}
	m := r.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if other, taken := m.names[name]; taken && other != r.id {
		return &takenName{name, other}
	}
	m.names[name] = r.id
	return nil
}

// giveName gives a name back, if it is that of the unit. It may be called with mu
// held.
func (r *remote) giveName(id string) {
	name := remoteName{r.target.RemoteNode, id}
	m := r.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[name] == r.id {
		delete(m.names, name)
	}
}
