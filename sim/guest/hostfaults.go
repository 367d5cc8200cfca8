package guest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"receptor/sim/disk"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/transport"
)

var losses = map[scenario.Loss]disk.Loss{
	"": disk.LoseAll, scenario.LoseAll: disk.LoseAll, scenario.Torn: disk.Torn, scenario.Reordered: disk.Reordered,
}

// powerCut ends all that runs on the machine, until powerOn. Its disk keeps what was
// synced.
func (m *machine) powerCut(l scenario.Loss) {
	m.off.Add(1)
	m.endProcesses()
	m.tell(eventlog.PowerOff, string(l))
	m.die((*cable).vanish)
	m.system.reboot()
	cut := m.powerCuts.Add(1)
	m.disk.PowerCut(losses[l], seed.Rand(m.world.scenario.Seed, "power cut", fmt.Sprintf("%s %d", m.id, cut)))
}

// revive gives the machine its power back, and starts its daemon.
func (m *machine) revive() {
	m.powerOn()
	faulty{m.world}.Revive(m.id)
}

// endProcesses ends all that are not the daemon, at once.
func (m *machine) endProcesses() {
	for _, s := range m.running() {
		s.lose()
		m.forget(s)
	}
	m.processes.Lock()
	defer m.processes.Unlock()
	m.newPower()
}

func (m *machine) tell(kind eventlog.Kind, what string) {
	m.world.log.log(eventlog.Event{Kind: kind, Node: m.name, Text: what})
}

// inflict begins what an action does to the machine, its daemon or its disk, and
// returns what ends it.
func (m *machine) inflict(a scenario.Action) (end func()) {
	switch a.Do {
	case scenario.Crash:
		m.kill()
		return func() { faulty{m.world}.boot(m.id, a.OldEpoch) }
	case scenario.PowerCut:
		m.powerCut(a.Loss)
		return m.revive
	case scenario.Wipe:
		m.powerCut(scenario.LoseAll)
		m.disk.Wipe()
		m.tell(eventlog.Unsafe, string(a.Do))
		return m.revive
	case scenario.Slow:
		return m.slow.begin(a.By)
	case scenario.Forge:
		return m.forge(a)
	case scenario.DiskFull:
		m.tell(eventlog.Impaired, string(a.Do))
		m.disk.SetRoom(0)
		return func() { m.disk.SetRoom(-1) }
	case scenario.DiskSlow:
		m.disk.SetLatency(a.By)
		return func() { m.disk.SetLatency(0) }
	case scenario.DiskErrors:
		m.tell(eventlog.Impaired, string(a.Do))
		r := seed.Rand(m.world.scenario.Seed, "disk errors", fmt.Sprintf("%s %v", m.id, a.At))
		m.disk.SetFault(func(op disk.Op, _ string) error {
			if op.Changes() && r.Float64() < a.Probability {
				return disk.ErrIO
			}
			return nil
		})
		return func() { m.disk.SetFault(nil) }
	case scenario.DiskLies:
		m.tell(eventlog.Unsafe, string(a.Do))
		m.disk.SetLying(true)
		return func() { m.disk.SetLying(false) }
	}
	panic("guest: the host has let an action pass that is not possible: " + string(a.Do))
}

// instants are those that actions wait for.
type instants struct {
	mu      sync.Mutex
	awaited []*instant
}

type instant struct {
	when scenario.When
	left int
	act  func()
}

// await has act called just before the instant, by who makes it.
func (i *instants) await(w scenario.When, act func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.awaited = append(i.awaited, &instant{w, w.Count, act})
}

// happens is called before each change of the disk, and before each frame is
// taken, without a lock.
func (i *instants) happens(op, name string) {
	i.mu.Lock()
	var due []*instant
	i.awaited = slices.DeleteFunc(i.awaited, func(t *instant) bool {
		if (t.when.Op == "" || t.when.Op == op) && (t.when.File == "" || t.when.File == path.Base(strings.TrimSuffix(name, ".tmp"))) {
			t.left--
		}
		if t.left == 0 {
			due = append(due, t)
		}
		return t.left == 0
	})
	i.mu.Unlock()
	for _, t := range due {
		t.act()
	}
}

// counted is a backend whose frames are instants in the life of its node, and counted
// as its control traffic.
type counted struct {
	transport.Backend
	life *incarnation
}

// Start implements transport.Backend.
func (c counted) Start(accept transport.Acceptor) error {
	return c.Backend.Start(func(l transport.Link) transport.Receiver {
		c.life.links.add(l)
		return countedLink{accept(countedSender{l, c.life.machine}), c.life, l}
	})
}

// countedSender is a link as the node has it.
type countedSender struct {
	transport.Link
	machine *machine
}

// Send implements transport.Link.
func (s countedSender) Send(frame []byte) bool {
	if len(frame) > 0 && !transport.IsData(frame) && s.machine.duplicate == "" {
		s.machine.world.witness.sent(s.machine.number, frame) // which is the link's from here on
	}
	return s.Link.Send(frame)
}

type countedLink struct {
	transport.Receiver
	life *incarnation
	link transport.Link
}

// Closed implements transport.Receiver.
func (c countedLink) Closed(err error) {
	c.life.links.remove(c.link)
	c.Receiver.Closed(err)
}

// Refused implements transport.Refuser.
func (c countedLink) Refused() bool { return transport.OutcomeOf(c.Receiver) == transport.Refused }

// Receive implements transport.Receiver.
func (c countedLink) Receive(frame []byte) {
	c.life.machine.toil()
	c.life.machine.instants.happens(scenario.Frame, "")
	if c.life.check() == nil {
		c.Receiver.Receive(frame)
	}
}
