// Package fault keeps the books about what is wrong in a run of either engine: what
// the actions of a timeline begin, what ends it, and when.
package fault

import (
	"slices"
	"time"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

// Mesh is what the actions of a timeline are done to.
type Mesh interface {
	// After calls f once, d from now.
	After(d time.Duration, f func())
	// Inflict begins what an action does that lasts (all but flap, which is many
	// downs), and returns what ends it.
	Inflict(a scenario.Action) (end func())
	// Do carries out an action that is done at once: restart, clock.
	Do(a scenario.Action)
	// Revive starts a node that has left or been killed, unless a fault keeps it
	// down.
	Revive(node string)
	// Begins and Ends tell of an action, for the trace; Changed that the mesh is
	// another one now.
	Begins(a scenario.Action)
	Ends(a scenario.Action)
	Changed(cause check.Cause)
}

// Faults are what is wrong in a run. The zero value does nothing: want New.
type Faults struct {
	mesh    Mesh
	list    []*fault
	settled bool // what is wrong now stays so
}

// fault is something that is wrong, until it ends.
type fault struct {
	scenario.Action
	end func() // puts it right
}

// New returns the books of a run in which nothing is wrong.
func New(mesh Mesh) *Faults { return &Faults{mesh: mesh} }

// Act carries out an action of the timeline.
func (f *Faults) Act(a scenario.Action) {
	if f.settled {
		return
	}
	f.mesh.Begins(a)
	switch a.Do {
	case scenario.Up:
		f.endAll(func(o *fault) bool { return onLink(o, a.Link) && (o.Do == scenario.Down || o.Do == scenario.Flap) })
	case scenario.Unclog:
		f.endAll(func(o *fault) bool { return onLink(o, a.Link) && o.Do == scenario.Clog })
	case scenario.Heal:
		f.endAll(func(o *fault) bool { return o.Do == scenario.Split })
	case scenario.Resume:
		f.endAll(func(o *fault) bool { return o.Node == a.Node && (o.Do == scenario.Pause || o.Do == scenario.Slow) })
	case scenario.Restart:
		// How the node starts again is said by the restart, not by the crash.
		f.remove(func(o *fault) bool { return o.Node == a.Node && keepsDown(o.Do) })
		f.mesh.Do(a)
	case scenario.SetClock, scenario.Renew:
		f.mesh.Do(a)
	case scenario.Settle:
		f.settle(a.Nodes)
	default:
		f.begin(a)
	}
	f.mesh.Changed(CauseOf(a.Do))
}

// KeptDown reports whether a fault keeps a node from running.
func (f *Faults) KeptDown(node string) bool {
	return slices.ContainsFunc(f.list, func(o *fault) bool { return o.Node == node && keepsDown(o.Do) })
}

// Any reports whether there is a fault of a kind.
func (f *Faults) Any(do scenario.Do) bool {
	return slices.ContainsFunc(f.list, func(o *fault) bool { return o.Do == do })
}

func keepsDown(do scenario.Do) bool {
	return do == scenario.Crash || do == scenario.Wipe || do == scenario.PowerCut
}

func onLink(o *fault, ends [2]string) bool {
	return o.Link == ends || o.Link == [2]string{ends[1], ends[0]}
}

// CauseOf returns what an action is to the mesh.
func CauseOf(do scenario.Do) check.Cause {
	switch do {
	case scenario.Down, scenario.Flap, scenario.Split, scenario.Clog:
		return check.CauseLinkLoss
	case scenario.Crash, scenario.Wipe, scenario.PowerCut, scenario.Pause:
		return check.CauseNodeLoss
	case scenario.Up, scenario.Unclog, scenario.Heal, scenario.Resume, scenario.Restart, scenario.Settle:
		return check.CauseHeal
	}
	return check.CauseOther
}

// begin begins a fault, and sees to its end.
func (f *Faults) begin(a scenario.Action) {
	o := &fault{Action: a, end: f.inflict(a)}
	f.list = append(f.list, o)
	if a.For == 0 {
		return
	}
	f.mesh.After(a.For, func() {
		if !f.settled {
			f.endAll(func(other *fault) bool { return other == o })
			f.mesh.Changed(check.CauseHeal)
		}
	})
}

func (f *Faults) inflict(a scenario.Action) (end func()) {
	if a.Do == scenario.Flap {
		return f.flap(a)
	}
	return f.mesh.Inflict(a)
}

// endAll ends the faults that match.
func (f *Faults) endAll(match func(*fault) bool) {
	for _, o := range f.remove(match) {
		o.end()
	}
}

// remove takes the faults that match for ended, and returns them: what they have
// done is still to be put right.
func (f *Faults) remove(match func(*fault) bool) (ended []*fault) {
	f.list = slices.DeleteFunc(f.list, func(o *fault) bool {
		if match(o) {
			ended = append(ended, o)
			return true
		}
		return false
	})
	for _, o := range ended {
		f.mesh.Ends(o.Action)
	}
	return ended
}

// flap takes a wire down for half of every turn.
func (f *Faults) flap(a scenario.Action) (end func()) {
	down := scenario.Action{Do: scenario.Down, Link: a.Link, OneWay: a.OneWay}
	over := false
	restore := func() {}
	var turn func()
	turn = func() {
		if over {
			return
		}
		up := f.mesh.Inflict(down)
		done := false
		restore = func() {
			if !done {
				done = true
				up()
			}
		}
		f.mesh.After(a.Every/2, func() {
			restore()
			f.mesh.Changed(check.CauseHeal)
		})
		f.mesh.After(a.Every, turn)
		f.mesh.Changed(check.CauseLinkLoss)
	}
	turn()
	return func() {
		over = true
		restore()
	}
}

// settle makes the links between some nodes, and these themselves, sound; all
// else stays as it is.
func (f *Faults) settle(core []string) {
	in := make(map[string]bool, len(core))
	for _, id := range core {
		in[id] = true
	}
	f.endAll(func(o *fault) bool {
		switch o.Do {
		case scenario.Down, scenario.Flap, scenario.Clog:
			return o.Do == scenario.Flap || in[o.Link[0]] && in[o.Link[1]]
		case scenario.Pause, scenario.Crash, scenario.Wipe, scenario.PowerCut:
			return in[o.Node]
		default:
			return true // what keeps all from being clear
		}
	})
	f.settled = true
	for _, id := range core {
		f.mesh.Revive(id)
	}
}
