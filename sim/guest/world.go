package guest

import (
	"time"

	"receptor/internal/daemon"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// world is the mesh with the machines and wires that it is on.
type world struct {
	scenario *scenario.Scenario
	log      *logger
	machines map[string]*machine
	cables   []*cable // in the order of the scenario's links
	closers  map[*incarnation]*daemon.Daemon
	ends     streamEnds
}

func newWorld(s *scenario.Scenario, log *logger) *world {
	w := &world{scenario: s, log: log, machines: make(map[string]*machine), closers: make(map[*incarnation]*daemon.Daemon)}
	for _, l := range s.Links {
		w.cables = append(w.cables, newCable(l, s.Seed, log))
	}
	for _, n := range s.Nodes {
		m := &machine{id: n.ID, world: w, sockets: newSockets()}
		m.disk = m.newDisk()
		w.machines[n.ID] = m
	}
	return w
}

// playTimeline carries out the actions, each at its time.
func (w *world) playTimeline() {
	for _, a := range w.scenario.Timeline {
		time.AfterFunc(a.At, func() { w.act(a) })
	}
}

func (w *world) act(a scenario.Action) {
	w.log.log(eventlog.Event{Kind: eventlog.Fault, Node: a.Node, Text: string(a.Do)})
	var undo func()
	switch a.Do {
	case scenario.Down:
		w.cableOf(a.Link).setDown(true)
		undo = func() { w.cableOf(a.Link).setDown(false) }
	case scenario.Up:
		w.cableOf(a.Link).setDown(false)
	case scenario.Crash:
		w.machines[a.Node].kill()
		undo = func() { w.restart(a.Node) }
	case scenario.Restart:
		w.restart(a.Node)
	}
	if a.For > 0 {
		time.AfterFunc(a.For, undo)
	}
}

func (w *world) restart(id string) {
	m := w.machines[id]
	if m.life != nil {
		return
	}
	if err := m.start(); err != nil {
		w.log.log(eventlog.Event{Kind: eventlog.Problem, Node: id, Problem: err.Error()})
	}
}

func (w *world) cableOf(ends [2]string) *cable {
	for _, c := range w.cables {
		if ends == [2]string{c.link.From, c.link.To} || ends == [2]string{c.link.To, c.link.From} {
			return c
		}
	}
	panic("guest: the scenario was checked, and has no link " + ends[0] + "-" + ends[1])
}

// end tells what is left.
func (w *world) end() {
	for _, n := range w.scenario.Nodes {
		m := w.machines[n.ID]
		names, err := m.disk.For(nil).ReadDir("/data/" + n.ID)
		if err != nil {
			continue // it never had a unit
		}
		for _, name := range names {
			if _, isFile := m.disk.Content("/data/" + n.ID + "/" + name); !isFile {
				w.log.log(eventlog.Event{Kind: eventlog.Left, Node: n.ID, Text: name})
			}
		}
	}
	w.ends.tell(w.log)
	w.log.log(eventlog.Event{Kind: eventlog.Stopping})
	w.stop()
	w.log.log(eventlog.Event{Kind: eventlog.End})
}

// stop stops every daemon, and tells what is left of them after a while.
func (w *world) stop() {
	var ended []*incarnation
	for _, n := range w.scenario.Nodes {
		if life := w.machines[n.ID].stop(); life != nil {
			ended = append(ended, life)
		}
	}
	time.Sleep(lingering)
	for _, life := range ended {
		life.judgeLeft()
	}
}
