package guest

import (
	"sync"
	"sync/atomic"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/fault"
	"receptor/sim/scenario"
	"receptor/sim/truth"
)

// world is the mesh with the machines and wires that it is on.
type world struct {
	scenario *scenario.Scenario
	log      *logger
	machines map[string]*machine
	spare    []*machine // duplicates of nodes, as the timeline needs them
	cables   []*cable   // in the order of the scenario's links; those of duplicates follow
	acting   sync.Mutex
	faults   *fault.Faults // guarded by acting
	ends     streamEnds
	services []*socketListener
	over     atomic.Bool // clients give up
	units    []*unit
	sessions []*acquaintance // of units, guarded by acting
	notary   *notary
	routes   []*route
	witness  *witness
	offers   *offers
	arrivals arrivals
}

func newWorld(s *scenario.Scenario, log *logger) *world {
	w := &world{scenario: s, log: log, machines: make(map[string]*machine)}
	for i, n := range s.Nodes {
		m := &machine{id: n.ID, name: n.ID, number: i, kind: n.Kind, world: w, system: newSystem(n.ID), sockets: newSockets(), files: new(files), shown: []showing{{certificate: n.Certificate}}}
		m.disk = m.newDisk()
		m.newPower()
		rules, err := n.Rules()
		if err != nil {
			panic("guest: the scenario was checked, and has a wrong rule: " + err.Error())
		}
		m.spec, m.rules = n.Clock, rules
		w.machines[n.ID] = m
	}
	for _, l := range s.Links {
		c := newCable(l, w)
		w.cables = append(w.cables, c)
		for _, m := range c.machines {
			m.lossy = m.lossy || truth.MayBreak(l.Forward) || truth.MayBreak(l.Back)
		}
	}
	w.addDuplicates()
	w.faults = fault.New(faulty{w})
	w.witness = newWitness(w)
	w.offers = &offers{witness: w.witness, check: check.NewServices(w.witness.ids, w.witness.report)}
	return w
}

// end tells what is left of units, what is not over, and then what is left of daemons.
func (w *world) end() {
	for _, n := range w.scenario.Nodes {
		for _, name := range w.left(n.ID) {
			w.log.log(eventlog.Event{Kind: eventlog.Left, Node: n.ID, Text: name})
		}
	}
	for _, u := range w.units {
		if peers := u.peers.Load(); peers != nil && (!u.done.Load() || u.owed.Load()) {
			w.log.log(eventlog.Event{Kind: eventlog.Known, Node: u.From, Unit: u.number, Trust: peers.trust()})
		}
	}
	w.ends.tell(w.log)
	w.log.log(eventlog.Event{Kind: eventlog.Stopping})
	w.stop()
	w.log.log(eventlog.Event{Kind: eventlog.End})
}

// giveUp kills every daemon at once: what they do may have no end, and so would being
// stopped.
func (w *world) giveUp() {
	w.acting.Lock()
	defer w.acting.Unlock()
	w.log.log(eventlog.Event{Kind: eventlog.GivenUp})
	for _, m := range w.all() {
		m.kill()
	}
}

// stop stops every daemon, tells what is left of them after a while, and ends what
// processes of units there are.
func (w *world) stop() {
	var ended []*incarnation
	for _, m := range w.all() {
		if life := m.stop(); life != nil {
			ended = append(ended, life)
		}
	}
	w.over.Store(true)
	for _, l := range w.services {
		l.Close()
	}
	time.Sleep(lingering)
	judgeLeft(ended...)
	for _, m := range w.all() {
		m.endProcesses()
	}
}

// all returns the machines in the order of the scenario's nodes, and then those of
// duplicates.
func (w *world) all() (all []*machine) {
	for _, n := range w.scenario.Nodes {
		all = append(all, w.machines[n.ID])
	}
	return append(all, w.spare...)
}

// laid returns the cables of the scenario's links.
func (w *world) laid() []*cable { return w.cables[:len(w.scenario.Links)] }
