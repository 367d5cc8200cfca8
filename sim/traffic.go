package sim

import (
	"time"

	"receptor/mesh"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/stats"
)

// pingTimeout is how long the workload waits for the answer to a ping.
const pingTimeout = 10 * time.Second

// traffic is the workload of a scenario under way.
type traffic struct {
	pinged, answered, unanswered int

	lastNumber uint64 // of a datagram
}

func (t *traffic) schedule(w *world) {
	for _, p := range w.scenario.Pings {
		from := w.hosts[w.index[p.From]]
		w.repeat(p, func() { from.handle(func() { t.ping(w, from, w.index[p.To]) }) })
	}
	for _, d := range w.scenario.Datagrams {
		from := w.hosts[w.index[d.From]]
		w.repeat(d.Ping, func() { from.handle(func() { t.send(w, from, w.index[d.To], d) }) })
	}
}

// repeat calls f at the times of a series.
func (w *world) repeat(p scenario.Ping, f func()) {
	left := p.Count
	var next func()
	next = func() {
		if left--; left > 0 {
			w.after(p.Every, next)
		}
		f()
	}
	w.after(p.At, next)
}

func (t *traffic) ping(w *world, h *host, to int) {
	from := int(h.number)
	t.pinged++
	w.trace.record(w.now, eventPing, int32(from), int32(to), nil)
	certain := w.certain(from, to) && !w.firewalls.Any() // the answer goes to a service of any name
	undisturbed := w.convergence.Undisturbed()
	target := w.ids[to]
	done := false
	h.node.PingAsync(target, mesh.MaxHops, pingTimeout, func(r mesh.PingReply, err error) {
		if done {
			w.report(w.now, w.ids[from], check.RulePing, "its ping of %s ended twice", target)
		}
		done = true
		switch {
		case err == nil && r.From != target:
			w.report(w.now, w.ids[from], check.RulePing, "%s answered its ping of %s", r.From, target)
		case err == nil:
			t.answered++
			w.record.Count(w.now, stats.SeriesAnswered)
		default:
			t.unanswered++
			w.record.Count(w.now, stats.SeriesUnanswered)
			if certain && undisturbed() {
				w.report(w.now, w.ids[from], check.RulePing, "its ping of %s failed, although nothing was in the way: %v", target, err)
			}
		}
	})
}

// certain reports whether a ping that is sent now must be answered unless
// something happens in between.
func (w *world) certain(from, to int) bool {
	return w.conditions.Loss == 0 && w.convergence.Certain(from, to, pingTimeout)
}

func (t *traffic) send(w *world, h *host, to int, d scenario.Datagram) {
	from := int(h.number)
	t.lastNumber++
	w.trace.record(w.now, eventDatagram, int32(from), int32(to), nil)
	payload := check.AppendNumber(make([]byte, 0, d.Size), t.lastNumber)
	payload = payload[:d.Size]
	number := t.lastNumber
	w.datagrams.Shipped(number, from, to, d.Hops)
	addr := mesh.Addr{Node: w.ids[to], Service: check.Service}
	err := h.node.SendDatagram(check.Service, addr, payload, byte(d.Hops))
	open := w.firewalls.Open(from, to)
	if err != nil && open && w.mustTake(from, to) {
		w.report(w.now, w.ids[from], check.RuleDatagram, "it refused a datagram for %s, to which there is a path: %v", w.ids[to], err)
	}
	if open && w.certain(from, to) && d.Hops >= w.paths.MaxHops(from, to) && w.uncrowded {
		undisturbed := w.convergence.Undisturbed()
		w.after(w.paths.Travel(from, to)+instant, func() {
			if undisturbed() && !w.taint && !w.datagrams.Arrived(number) {
				w.report(w.now, w.ids[to], check.RuleDatagram, "datagram %d from %s, with %d hops to live over %d links at most, has not arrived, although nothing was in the way",
					number, w.ids[from], d.Hops, w.paths.MaxHops(from, to))
			}
		})
	}
}

// mustTake reports whether a node must have a route to another now.
func (w *world) mustTake(from, to int) bool {
	return w.convergence.Quiet() && w.paths.Reachable(from, to)
}

func (t *traffic) received(w *world, h *host, from mesh.Addr, payload []byte) {
	if w.taint || h.extra {
		return
	}
	number, ok := check.Number(payload)
	if !ok || from.Service != check.Service {
		w.report(w.now, h.id, check.RuleDatagram, "it was given a datagram from %s that is not of the workload", from)
		return
	}
	w.record.Count(w.now, stats.SeriesDelivered)
	w.datagrams.Received(w.now, int(h.number), number, from.Node)
	w.firewalls.Received(w.now, int(h.number), from.Node)
}
