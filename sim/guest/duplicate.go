package guest

import (
	"fmt"
	"slices"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// addDuplicates makes a machine for each duplicate of the timeline, which is off until
// then, and lays its cable.
func (w *world) addDuplicates() {
	for _, a := range w.scenario.Timeline {
		if a.Do != scenario.Duplicate {
			continue
		}
		of := w.machines[a.Node]
		m := &machine{
			id: of.id, name: fmt.Sprintf("%s (duplicate %d)", of.id, len(w.spare)+1), number: of.number, kind: of.kind, duplicate: a.String(),
			world: w, sockets: newSockets(), files: of.files, rules: of.rules,
		}
		m.disk, m.system = m.newDisk(), newSystem(m.name)
		m.newPower()
		c := newCable(scenario.Link{From: a.Node, To: a.Via, Backend: scenario.TCP, Cost: 1}, w)
		c.machines[dialEnd] = m
		w.cables = append(w.cables, c)
		w.spare = append(w.spare, m)
	}
}

// duplicate starts the second machine with the ID of a node that an action wants. It
// leaves, or is killed in the end.
func (m faulty) duplicate(a scenario.Action) (end func()) {
	d := m.spare[slices.IndexFunc(m.spare, func(d *machine) bool { return d.duplicate == a.String() && d.starts == 0 })]
	m.witness.doubts.Disputed = true
	m.witness.claimed[a.Node] = true
	// What is sent to the one may come to the other, and what that keeps goes with it.
	m.log.log(eventlog.Event{Kind: eventlog.Unsafe, Node: a.Node, Text: string(a.Do)})
	life := d.conceive(false)
	go func() {
		if err := d.start(life); err != nil {
			m.log.log(eventlog.Event{Kind: eventlog.Problem, Node: d.name, Problem: err.Error()})
		}
	}()
	return func() {
		d.endProcesses()
		d.kill()
	}
}

// judgeDuplicate judges what a node has told about two with one ID.
func (v *witness) judgeDuplicate(n news) {
	doubted := v.doubts.Disputed || v.doubts.Tainted
	id := v.ids[n.node]
	switch {
	case !doubted:
		v.report(n.at, id, check.RuleIdentity, "every node has an ID of its own, and no clock was set back, yet it holds that %s is there twice", n.twice)
	case n.leaves != nil && !v.claimed[id] && !v.doubts.Tainted:
		v.report(n.at, id, check.RuleIdentity, "it left, although no other node has its ID")
	}
	if n.leaves == nil {
		return
	}
	// The program ends then.
	faulty{v.world}.After(0, func() {
		if m := n.leaves.machine; m.life == n.leaves {
			m.kill()
			v.redraw(check.CauseNodeLoss)
		}
	})
}
