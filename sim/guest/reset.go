package guest

import (
	"errors"
	"time"

	"receptor/sim/lane"
)

// What a machine that loses its power does to connections over TCP-like links: nothing.
// Its peers hear no end. What they send is not acknowledged, which ends a connection
// after a while; and when the machine is back, it is answered by a reset.

var (
	errPowerOff = errors.New("the machine has lost its power")
	errReset    = errors.New("connection reset by peer")
)

// vanish ends what a process has on a machine that loses its power.
func (c *cable) vanish(life *incarnation) {
	c.mu.Lock()
	var lost []*conn
	for _, e := range c.conns {
		if e.life == life {
			lost = append(lost, e)
		}
	}
	for _, e := range lost {
		e.lost = true
		e.fail(errPowerOff)
		if e.held > 0 && e.peer.over == nil {
			e.peer.goUnanswered(c.now())
		}
	}
	c.mu.Unlock()
	c.kill(life) // its sockets, of whose ends no peer hears
}

// goUnanswered is when something was sent to a peer that is lost, and arrives then. It
// requires the mutex.
func (e *conn) goUnanswered(arrives time.Duration) {
	if e.unanswered || e.over != nil {
		return
	}
	e.unanswered = true
	c := e.cable
	later := func(in time.Duration, f func()) {
		time.AfterFunc(in, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			f()
		})
	}
	later(lane.BrokenAfter, func() { e.fail(lane.ErrDead) })
	if arrives < never {
		later(arrives-c.now(), e.reset)
	}
}

// reset has the machine of a lost peer answer what was sent to that, if it can. It
// requires the mutex.
func (e *conn) reset() {
	c := e.cable
	if !e.unanswered || !c.flows(e.side) || !c.flows(1-e.side) || c.machines[1-e.side].isOff() {
		return
	}
	at, ok := c.lanes[1-e.side].Transit(c.now(), 0)
	if !ok {
		return
	}
	time.AfterFunc(at-c.now(), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.fail(errReset)
	})
}

// resetLost is when a machine, or the wire to it, may work again. It requires the mutex.
func (c *cable) resetLost() {
	for _, e := range c.conns {
		e.reset()
	}
}

// isOff reports whether the machine is without power.
func (m *machine) isOff() bool { return m.off.Load() > 0 }

// powerOn ends one reason for the machine to be without power.
func (m *machine) powerOn() {
	m.off.Add(-1)
	for _, c := range m.world.cables {
		c.mu.Lock()
		c.resetLost()
		c.stir()
		c.mu.Unlock()
	}
}
