package guest

import (
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// faulty is the world as the keeper of faults has it. One action is carried out at
// a time: mu is held meanwhile.
type faulty struct{ *world }

// playTimeline carries out the actions, each at its time.
func (w *world) playTimeline() {
	for _, a := range w.scenario.Timeline {
		faulty{w}.After(a.At, func() { w.act(a) })
	}
}

// act carries out an action at once, or at the instant that it waits for.
func (w *world) act(a scenario.Action) {
	if a.When == (scenario.When{}) {
		w.faults.Act(a)
		return
	}
	w.machines[a.Node].instants.await(a.When, func() {
		w.acting.Lock()
		defer w.acting.Unlock()
		w.faults.Act(a)
	})
}

// After implements fault.Mesh. What is due after the run is not done.
func (m faulty) After(d time.Duration, f func()) {
	time.AfterFunc(d, func() {
		m.acting.Lock()
		defer m.acting.Unlock()
		if !m.witness.dismissed {
			f()
		}
	})
}

// Begins implements fault.Mesh.
func (m faulty) Begins(a scenario.Action) {
	m.log.log(eventlog.Event{Kind: eventlog.Fault, Node: a.Node, Text: a.String()})
}

// Ends implements fault.Mesh.
func (m faulty) Ends(a scenario.Action) {
	m.log.log(eventlog.Event{Kind: eventlog.FaultOver, Node: a.Node, Text: a.String()})
}

// Changed implements fault.Mesh.
func (m faulty) Changed(cause check.Cause) { m.witness.redraw(cause) }

// Inflict implements fault.Mesh.
func (m faulty) Inflict(a scenario.Action) (end func()) {
	m.witness.suspect(a)
	switch a.Do {
	case scenario.Down:
		c, sides := m.sides(a)
		return c.takeDown(sides...)
	case scenario.Clog:
		c, sides := m.sides(a)
		return c.clogUp(sides...)
	case scenario.Split:
		return m.split(a.Nodes)
	case scenario.Duplicate:
		return m.duplicate(a)
	case scenario.Pause:
		return m.machines[a.Node].pause()
	}
	return m.machines[a.Node].inflict(a)
}

// Do implements fault.Mesh.
func (m faulty) Do(a scenario.Action) {
	n := m.machines[a.Node]
	switch a.Do {
	case scenario.Restart:
		m.witness.suspect(a)
		n.kill()
		for n.isOff() { // the faults that have taken its power are over, without an end of their own
			n.powerOn()
		}
		m.boot(a.Node, a.OldEpoch)
	case scenario.Renew:
		m.renew(n, a.Certificate)
	case scenario.SetClock:
		// A daemon that runs goes by its monotonic clock: of the offset the next one
		// learns.
		n.spec = a.Clock
		if n.life != nil {
			n.life.setDrift(a.Clock.Drift)
		}
	}
}

// Revive implements fault.Mesh.
func (m faulty) Revive(node string) { m.boot(node, false) }

// restartPause is how long a service manager waits before it starts a daemon
// again that could not start.
const restartPause = time.Second

// boot starts a daemon that is down, unless a fault keeps it down. No action waits
// for that.
func (m faulty) boot(node string, old bool) {
	n := m.machines[node]
	if n.life != nil || m.faults.KeptDown(node) {
		return
	}
	// The epoch of a deployed node that restarts within a second need not be newer.
	atOnce := n.kind == scenario.KindDeployed && time.Since(n.begun) < time.Second
	if old || atOnce || n.spec.Offset != 0 || n.spec.Offset < n.offset {
		m.witness.doubts.Disputed = true
	}
	life := n.conceive(old)
	go func() {
		if err := n.start(life); err != nil {
			m.log.log(eventlog.Event{Kind: eventlog.Problem, Node: node, Problem: err.Error()})
			m.After(restartPause, func() { m.boot(node, old) })
			return
		}
		m.After(0, func() { m.started(life) })
	}()
}

// started takes note of a daemon that has started, and may have been killed since.
func (w *world) started(life *incarnation) {
	life.serves = true
	if life.machine.life == life {
		w.witness.redraw(check.CauseHeal)
	}
}

// sides returns the cable of an action, and the ends whose frames it concerns.
func (w *world) sides(a scenario.Action) (c *cable, sides []int) {
	for _, c := range w.laid() {
		switch a.Link {
		case [2]string{c.link.From, c.link.To}:
			sides = []int{dialEnd, listenEnd}
		case [2]string{c.link.To, c.link.From}:
			sides = []int{listenEnd, dialEnd}
		default:
			continue
		}
		if a.OneWay {
			sides = sides[:1]
		}
		return c, sides
	}
	panic("guest: the scenario was checked, and has no link " + a.Link[0] + "-" + a.Link[1])
}

// split takes down every wire between these nodes and the others.
func (w *world) split(ids []string) (heal func()) {
	inside := make(map[string]bool, len(ids))
	for _, id := range ids {
		inside[id] = true
	}
	var restore []func()
	for _, c := range w.laid() {
		if inside[c.link.From] != inside[c.link.To] {
			restore = append(restore, c.takeDown(dialEnd, listenEnd))
		}
	}
	return func() {
		for _, f := range restore {
			f()
		}
	}
}

// paused reports whether the daemon is stopped as by SIGSTOP: nothing goes in or
// out of it, and its timers wait. (Those of QUIC do not: it cannot be stopped,
// but what it sends does not leave.)
func (m *machine) paused() bool { return m.pauses.Load() > 0 }

// pause stops the daemon, until the answer is called.
func (m *machine) pause() (resume func()) {
	m.pauses.Add(1)
	return m.resume
}

// resume ends one reason for the daemon to be stopped.
func (m *machine) resume() {
	for _, f := range m.awake() {
		go f()
	}
	for _, c := range m.world.cables {
		c.wake(0)
	}
}

// awake ends one reason to be stopped, and returns what waits if it was the last.
func (m *machine) awake() (late []func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pauses.Add(-1) > 0 {
		return nil
	}
	late, m.late = m.late, nil
	return late
}

// whenAwake calls a function at once, or when the daemon is no longer paused.
func (m *machine) whenAwake(f func()) {
	if !m.isLate(f) {
		f()
	}
}

// isLate keeps a function for later, if there is a reason to.
func (m *machine) isLate(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.paused() {
		m.late = append(m.late, f)
	}
	return m.paused()
}
