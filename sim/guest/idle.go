package guest

import (
	"slices"
	"strings"
	"time"

	"receptor/sim/check"
)

// A daemon that has done all that it was asked keeps sessions for the next command, and
// connections for the next session, each for a minute at most. Then it holds nothing of
// units and streams any more. What it forgets to give back would be seen at its end only
// if it outlives that, too; and a daemon runs for months.

// idling is how long after that a daemon has at most until it holds nothing of them.
const idling = 5 * time.Minute

// busy are functions that no goroutine of a daemon is in which has neither units that are
// not complete nor streams.
var busy = []string{"receptor/work.", "receptor/work/", "receptor/internal/proxy.pump", "quic-go.(*Conn)."}

// judgeIdle lets time pass until no daemon holds anything of units and streams, if all of
// them are over, and tells what is still held when that takes too long.
func (w *world) judgeIdle() {
	if !w.idles() {
		return
	}
	for end := time.Now().Add(idling); ; {
		time.Sleep(time.Minute)
		held := w.heldBusily()
		switch {
		case len(held) == 0:
			return
		case time.Now().Before(end):
			continue
		}
		w.acting.Lock()
		defer w.acting.Unlock()
		for _, h := range held {
			w.witness.report(w.witness.now(), h.node, check.RuleLeak, "%v after all units and streams are over a daemon still holds %s", idling, h.what)
		}
		return
	}
}

// idles reports whether the daemons have nothing to do any more: there were units or
// streams, all nodes are there, in one sound mesh, and all units are released and all
// streams over. Deployed nodes do not end all that is over.
func (w *world) idles() bool {
	if len(w.units)+len(w.scenario.Streams) == 0 {
		return false
	}
	cores := w.scenario.Cores()
	if len(cores) != 1 || len(cores[0]) != len(w.scenario.Nodes) || w.witness.doubts.Deployed || len(w.spare) > 0 || w.ends.any() {
		return false
	}
	return !slices.ContainsFunc(w.units, func(u *unit) bool { return !u.done.Load() })
}

// held is something that a daemon has not given back.
type held struct{ node, what string }

// heldBusily returns what daemons hold of units and streams.
func (w *world) heldBusily() (all []held) {
	goroutines := goroutinesByLife()
	for _, m := range w.all() {
		life := m.life
		if life == nil {
			continue
		}
		for _, name := range life.holdings.openFiles() {
			if strings.Count(name, "/") > strings.Count(dataDir+"/NODE/FILE", "/") { // it is of a unit
				all = append(all, held{m.name, "the open file " + name})
			}
		}
		for _, stack := range goroutines[life.name()] {
			if slices.ContainsFunc(busy, func(f string) bool { return strings.Contains(stack, f) }) {
				all = append(all, held{m.name, stack})
			}
		}
	}
	return all
}
