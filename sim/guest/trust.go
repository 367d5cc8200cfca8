package guest

import (
	"slices"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// validity is when a certificate is valid, by the clock of whom it is shown to.
type validity struct{ first, last time.Time }

// showing is a certificate of a machine, from when it was put in place on.
type showing struct {
	certificate scenario.Certificate
	since       map[*incarnation]time.Time // what clocks of daemons showed then; others have never seen the one before
}

// validity is when the certificate is valid. It has whole seconds, and is valid up to
// the last.
func (w *world) validity(c scenario.Certificate) validity {
	from, until := c.Span()
	start := w.log.start
	return validity{start.Add(from).Truncate(time.Second), start.Add(until).Truncate(time.Second)}
}

// shows returns the certificate that a node has now. It requires the mutex acting.
func (w *world) shows(node string) scenario.Certificate {
	all := w.machines[node].shown
	return all[len(all)-1].certificate
}

// renew puts another certificate in the files of a machine. It requires the mutex
// acting.
func (w *world) renew(m *machine, c scenario.Certificate) {
	if err := w.issue(w.node(m.id), c); err != nil {
		panic("guest: the scenario was checked, and has a certificate that cannot be made: " + err.Error())
	}
	since := make(map[*incarnation]time.Time)
	for _, o := range w.machines {
		if o.life != nil {
			since[o.life] = o.life.Now()
		}
	}
	m.shown = append(m.shown, showing{c, since})
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
	shown := a.world.machines[other].shown
	life := a.world.machines[a.ends[end]].life
	switch named := shown[0].certificate.Node; {
	case named != "" && named != other:
		return eventlog.Never
	case !slices.ContainsFunc(shown, func(s showing) bool { return s.certificate.Bounded() }):
		return eventlog.Always
	case life == nil || life != a.lives[end]:
		return eventlog.Sometimes
	}
	var all eventlog.Trust // of the certificates that there were meanwhile
	now, valid := life.Now(), false
	for i, s := range shown {
		v, from, until := a.world.validity(s.certificate), a.since[end], now
		valid = valid || v.meets(from, until)
		if t := s.since[life]; t.After(from) {
			from = t
		}
		if i+1 < len(shown) {
			until = shown[i+1].since[life] // the zero time: it was gone before
		}
		if until.Before(from) {
			continue
		}
		if this := v.within(from, until); all == "" || all == this {
			all = this
		} else {
			all = eventlog.Sometimes
		}
	}
	if all == eventlog.Never && valid {
		return eventlog.Sometimes // a session that was made with an earlier certificate may be there
	}
	return all
}

// within says whether a certificate is valid all the time between two moments.
func (v validity) within(from, until time.Time) eventlog.Trust {
	switch {
	case v.covers(from) && v.covers(until):
		return eventlog.Always
	case !v.meets(from, until):
		return eventlog.Never
	}
	return eventlog.Sometimes
}

// meets reports whether it is valid at some time between two moments.
func (v validity) meets(from, until time.Time) bool {
	return !v.last.Before(from) && !until.Before(v.first)
}
