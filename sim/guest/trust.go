package guest

import (
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// validity is when a certificate is valid, by the clock of whom it is shown to.
type validity struct{ first, last time.Time }

// validity returns that of the certificate of a node. It has whole seconds, and is
// valid up to the last.
func (w *world) validity(node string) validity {
	from, until := w.node(node).Certificate.Span()
	start := w.log.start
	return validity{start.Add(from).Truncate(time.Second), start.Add(until).Truncate(time.Second)}
}

func (v validity) covers(t time.Time) bool { return !t.Before(v.first) && !t.After(v.last) }

// node returns a node of the scenario.
func (w *world) node(id string) scenario.Node { return w.scenario.Nodes[w.machines[id].number] }

// acquaintance is two nodes, of which the client makes streams to the service, from some
// moment on: do they believe each other?
type acquaintance struct {
	world *world
	tls   scenario.TLS
	ends  [2]string       // client, service
	lives [2]*incarnation // that looked at certificates from the first moment on; nil: none did
	since [2]time.Time    // which their clocks showed then
}

// acquaint returns two nodes that begin to have to do with each other now.
func (w *world) acquaint(tls scenario.TLS, client, service string) *acquaintance {
	a := &acquaintance{world: w, tls: tls, ends: [2]string{client, service}}
	w.acting.Lock()
	defer w.acting.Unlock()
	for i, id := range a.ends {
		if life := w.machines[id].life; life != nil {
			a.lives[i], a.since[i] = life, life.Now()
		}
	}
	return a
}

// session returns the nodes of a unit. If an earlier one of the same daemons has left
// a session, the client still looks at certificates for each unit, but the service only
// did when that was made.
func (w *world) session(u scenario.Unit) *acquaintance {
	a := w.acquaint(u.TLS, u.From, u.To)
	w.acting.Lock()
	defer w.acting.Unlock()
	for _, o := range w.sessions {
		if o.tls == a.tls && o.ends == a.ends && o.lives == a.lives {
			a.since[1] = o.since[1]
			return a
		}
	}
	w.sessions = append(w.sessions, a)
	return a
}

// trust says what is known of the whole time until now.
func (a *acquaintance) trust() eventlog.Trust {
	switch {
	case a.tls == scenario.NoTLS:
		return ""
	case a.tls != scenario.BothTLS:
		return eventlog.Never
	}
	a.world.acting.Lock()
	defer a.world.acting.Unlock()
	first, second := a.believes(0), a.believes(1)
	switch {
	case first == eventlog.Never || second == eventlog.Never:
		return eventlog.Never
	case first == eventlog.Always && second == eventlog.Always:
		return eventlog.Always
	}
	return eventlog.Sometimes
}

// believes says whether one end, which has a clock that does not jump while it lives,
// believed the other all the time. It requires the mutex acting of the world.
func (a *acquaintance) believes(end int) eventlog.Trust {
	other := a.ends[1-end]
	shown := a.world.node(other).Certificate
	life := a.world.machines[a.ends[end]].life
	switch {
	case shown.Node != "" && shown.Node != other:
		return eventlog.Never
	case !shown.Bounded():
		return eventlog.Always
	case life == nil || life != a.lives[end]:
		return eventlog.Sometimes
	}
	v, now := a.world.validity(other), life.Now()
	switch {
	case v.covers(a.since[end]) && v.covers(now):
		return eventlog.Always
	case v.last.Before(a.since[end]) || now.Before(v.first):
		return eventlog.Never
	}
	return eventlog.Sometimes
}
