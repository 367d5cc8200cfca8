package guest

import (
	"hash/fnv"
	"strconv"
	"time"

	"receptor/mesh"
	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// takeDatagrams runs the service that the datagrams of the workload go to, and
// lets this daemon send them.
func (i *incarnation) takeDatagrams(node node) {
	_, err := node.HandleDatagrams(check.Service, nil, func(from mesh.Addr, payload []byte) {
		if i.dead.Load() || i.machine.duplicate != "" {
			return // nobody knows which of two it is sent to
		}
		number, _ := check.Number(payload) // 0, which none has, if it is too short
		i.machine.world.arrivals.add(number)
		i.machine.world.log.log(eventlog.Event{
			Kind: eventlog.Delivered, Node: i.machine.id, Text: from.Node, Datagram: number, Size: len(payload), Sum: sumOf(payload),
		})
	})
	if err != nil {
		return // it has been closed already
	}
	i.node = node
	i.machine.sender.Store(i)
}

// datagrams sends a series of datagrams, of which the first has the number after
// last.
func (w *world) datagrams(d scenario.Datagram, last int) {
	time.Sleep(d.At)
	for n := range d.Count {
		if w.over.Load() {
			return
		}
		w.machines[d.From].whenAwake(func() { w.sendDatagram(d, uint64(last+n+1)) })
		time.Sleep(d.Every)
	}
}

// sendDatagram sends one, unless no daemon is there to do it.
func (w *world) sendDatagram(d scenario.Datagram, number uint64) {
	life := w.machines[d.From].sender.Load()
	if life == nil || life.dead.Load() {
		return
	}
	life.own()
	defer disown()
	payload := w.payload(d.Size, number)
	lost := w.witness.expectDatagram(d, number)
	// Logged first: it may arrive before SendDatagram returns.
	w.log.log(eventlog.Event{Kind: eventlog.Sent, Node: d.From, Text: d.To, Datagram: number, Size: len(payload), Sum: sumOf(payload)})
	if err := life.node.SendDatagram(check.Service, mesh.Addr{Node: d.To, Service: check.Service}, payload, byte(d.Hops)); err != nil {
		w.log.log(eventlog.Event{Kind: eventlog.Problem, Node: d.From, Datagram: number, Problem: err.Error()})
	}
	lost()
}

// payload is the number of a datagram, and what fills it up.
func (w *world) payload(size int, number uint64) []byte {
	payload := check.AppendNumber(make([]byte, 0, size), number)
	r := seed.Rand(w.scenario.Seed, "datagram", strconv.FormatUint(number, 10))
	for len(payload) < size {
		payload = append(payload, byte(r.Uint32()))
	}
	return payload
}

func sumOf(payload []byte) uint64 {
	sum := fnv.New64a()
	sum.Write(payload)
	return sum.Sum64()
}
