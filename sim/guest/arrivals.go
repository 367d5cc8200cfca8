package guest

import (
	"sync"
	"time"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

// pingTimeout is how long a node waits for the answer to a ping.
const pingTimeout = 10 * time.Second

// uncrowded is how many bytes of datagrams a scenario may have if none is to be lost
// for want of room: a quarter of what is queued on a link.
const uncrowded = 1 << 20

// arrivals are the numbers of the datagrams that were delivered.
type arrivals struct {
	mu      sync.Mutex
	numbers map[uint64]bool
}

func (a *arrivals) add(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.numbers == nil {
		a.numbers = make(map[uint64]bool)
	}
	a.numbers[number] = true
}

func (a *arrivals) has(number uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.numbers[number]
}

// expectPing is told of a ping that is about to be sent, and returns what is to be told
// that it has failed: that is wrong if nothing has been in the way.
func (v *witness) expectPing(p scenario.Ping) (failed func(error)) {
	v.world.acting.Lock()
	defer v.world.acting.Unlock()
	must := v.certain(p.From, p.To)
	return func(err error) {
		v.world.acting.Lock()
		defer v.world.acting.Unlock()
		if must() {
			v.report(v.now(), p.From, check.RulePing, "its ping of %s failed, although nothing was in the way: %v", p.To, err)
		}
	}
}

// expectDatagram is told of a datagram that is about to be sent, and returns what is to
// be called when that was done: then it must arrive if nothing comes in the way.
func (v *witness) expectDatagram(d scenario.Datagram, number uint64) (sent func()) {
	w := v.world
	w.acting.Lock()
	defer w.acting.Unlock()
	from, to := v.index[d.From], v.index[d.To]
	must := v.certain(d.From, d.To)
	if !must() || v.crowded || d.Hops < v.paths.MaxHops(from, to) {
		return func() {}
	}
	// Longer than it takes, as a TCP-like link has a window.
	by := time.Second + 10*v.paths.Travel(from, to)
	return func() {
		faulty{w}.After(by, func() {
			if must() && !w.arrivals.has(number) {
				v.report(v.now(), d.To, check.RuleDatagram, "datagram %d from %s has not arrived within %v, although nothing was in the way", number, d.From, by)
			}
		})
	}
}

// certain returns a question for later: must what one node sends another now have
// arrived, and been answered? It requires the mutex acting of the world.
func (v *witness) certain(from, to string) func() bool {
	v.take()
	if v.guarded || v.conditions.Loss > 0 || !v.convergence.Certain(v.index[from], v.index[to], pingTimeout) {
		return func() bool { return false }
	}
	undisturbed := v.convergence.Undisturbed()
	return func() bool {
		v.take()
		return !v.dismissed && undisturbed()
	}
}
