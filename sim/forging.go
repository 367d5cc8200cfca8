package sim

import (
	"receptor/sim/forge"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/transport"
)

// forge lets a node send its peers frames that no node would send, or not in
// its own name.
func (w *world) forge(h *host, a scenario.Action) (end func()) {
	f := &forge.Forger{ID: h.id, IDs: w.ids, Rand: seed.Rand(w.seed, "forge", a.String())}
	over := false
	var turn func()
	turn = func() {
		if over {
			return
		}
		w.after(a.Every, turn)
		links := h.openLinks()
		if len(links) == 0 {
			return
		}
		w.tainted()
		links[f.Rand.IntN(len(links))].Send(f.Frame(startOfTime.Add(w.now)))
	}
	w.after(0, turn) // once it is known that somebody forges
	return func() { over = true }
}

// openLinks returns the ends of links that the process has, in the order of the
// scenario.
func (h *host) openLinks() []transport.Link {
	var links []transport.Link
	for _, c := range h.cables {
		for side, other := range c.hosts {
			if other != h {
				continue
			}
			for _, conn := range c.conns {
				if e := &conn.ends[side]; e.state == endOpen {
					links = append(links, e)
				}
			}
			for _, f := range c.flows {
				if e := f.ends[side]; e != nil && e.state == endOpen {
					links = append(links, e)
				}
			}
		}
	}
	return links
}
