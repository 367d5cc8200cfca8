package guest

import (
	"slices"
	"sync/atomic"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// patience is how long a sound core may take, beyond the longest of its units,
// to find all its routes and to be done with its units: nodes ask for what a
// broken session owes them after at most minutes.
const patience = 10 * time.Minute

// route is a way between two nodes that must be there in the end.
type route struct {
	from, to string
	found    atomic.Bool
}

// converge makes the cores sound if that has not been done. It lets time pass
// until the nodes of each reach one another in a ring, the units within a core are
// done, and nothing is left of them, and the mesh has come to rest if the scenario
// wants that, or until patience is at its end. It reports false if there are too many
// violations for that.
func (w *world) converge() bool {
	cores := w.scenario.Cores()
	w.acting.Lock()
	w.faults.Act(scenario.Action{Do: scenario.Settle, Nodes: slices.Concat(cores...)})
	w.acting.Unlock()
	for _, core := range cores {
		for i, id := range core {
			if next := core[(i+1)%len(core)]; next != id {
				r := &route{from: id, to: next}
				w.routes = append(w.routes, r)
				go w.find(r)
			}
		}
	}
	var longest, queued time.Duration
	for _, u := range w.scenario.Units {
		longest = max(longest, u.At-w.scenario.For+u.Duration, u.Duration, u.ReleaseAt-w.scenario.For)
		if w.node(u.To).MaxParallel > 0 {
			queued += u.Duration // of others before it
		}
	}
	for end := time.Now().Add(patience + longest + queued); !(w.converged(cores) && w.witness.rests()) && time.Now().Before(end); {
		if !w.witness.letPass(time.Second) {
			return false
		}
	}
	return true
}

// find pings until there is an answer.
func (w *world) find(r *route) {
	if !w.insist(func() error { return w.ping(r.from, r.to) }, func(error) {}) {
		return
	}
	r.found.Store(true)
	w.log.log(eventlog.Event{Kind: eventlog.Reached, Node: r.from, Text: r.to})
}

func (w *world) converged(cores [][]string) bool {
	for _, r := range w.routes {
		if !r.found.Load() {
			return false
		}
	}
	within := true // every unit is within a core
	for _, u := range w.units {
		switch {
		case !scenario.Joined(cores, u.From, u.To):
			within = false
		case !u.done.Load() && !u.byDeployed(): // one of these may never be
			return false
		}
	}
	for _, core := range cores {
		for _, id := range core {
			// A deployed node may have what nobody can have it release.
			if within && w.machines[id].kind != scenario.KindDeployed && len(w.left(id)) > 0 {
				return false
			}
		}
	}
	return true
}

// left names what the disk of a node still has of units.
func (w *world) left(node string) (names []string) {
	d, dir := w.machines[node].disk, dataDir+"/"+node
	all, err := d.For(nil).ReadDir(dir)
	if err != nil {
		return nil // it never had a unit
	}
	for _, name := range all {
		if _, isFile := d.Content(dir + "/" + name); !isFile {
			names = append(names, name)
		}
	}
	return names
}
