package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"receptor/mesh"
	"receptor/mesh/firewall"
	"receptor/sim/check"
	"receptor/sim/lane"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/sim/skew"
	"receptor/sim/stats"
	"receptor/transport"
)

// host is a machine on which a node runs, or has run: processes come and go.
//
//	down --start--> running --crash, or the node leaves--> down
type host struct {
	net    *network
	number int32 // in the trace; those of the scenario's nodes come first
	id     string
	kind   scenario.NodeKind
	extra  bool           // it is no node of the scenario, but duplicates the ID of one
	spec   scenario.Clock // what its clock shows
	rules  []firewall.Rule
	cables []*cable

	// accept takes a link for the process; nil: down.
	accept func(link transport.Link, terms mesh.LinkOptions) transport.Receiver
	node   node
	clock  *clock
	boots  int
	booted time.Duration // when the process began
	offset time.Duration // of its clock then
	links  int           // established by the process
	joined time.Duration // when it last got its first link

	// What the process has not come to yet, because it is paused or slow.
	paused, slow lane.Holds
	by           time.Duration // what one event costs it while it is slow
	backlog      []func()
	draining     bool // an event that takes up the backlog is under way
}

// running reports whether there is a process.
func (h *host) running() bool { return h.accept != nil }

// free reports whether the process takes up things at once.
func (h *host) free() bool { return h.paused == 0 && len(h.backlog) == 0 && h.slow == 0 }

// start begins a process. old gives it the epoch that the first one had.
func (h *host) start(w *world, old bool) error {
	if !h.extra {
		w.record.Node(w.now, int(h.number), stats.NodeDown) // what was before is gone
	}
	purpose := "node"
	c := &clock{Clock: skew.New(w.now, h.spec, old), host: h}
	if !old && h.boots > 0 {
		purpose = fmt.Sprintf("node %d", h.boots)
	}
	if h.extra {
		purpose = "duplicate"
	}
	var source rand.Source = seed.Source(w.seed, purpose, h.id)
	if old {
		source = seed.Begin(source.Uint64(), seed.Source(w.seed, fmt.Sprintf("node %d", h.boots), h.id))
	}
	node, err := newNode(h.kind, mesh.Config{
		ID: h.id, Clock: c, Rand: source, Pool: h.net.pool, Firewall: h.rules,
		Events: func(e mesh.Event) { w.observe(h, e) },
	})
	if err != nil {
		return fmt.Errorf("node %q: %w", h.id, err)
	}
	_, err = node.HandleDatagrams(check.Service, nil, func(from mesh.Addr, payload []byte) { w.traffic.received(w, h, from, payload) })
	if err != nil {
		return fmt.Errorf("node %q: %w", h.id, err)
	}
	h.node, h.clock, h.links, h.booted, h.offset = node, c, 0, w.now, h.spec.Offset
	h.accept = node.Attach
	h.boots++
	for _, c := range h.cables {
		if c.hosts[dialer] == h {
			h.dial(c, w.seed)
		}
	}
	return nil
}

// dial keeps a link up over a cable.
func (h *host) dial(c *cable, master uint64) {
	purpose := "redial"
	if h.boots > 1 {
		purpose = fmt.Sprintf("redial %d", h.boots)
	}
	process := h.clock
	redialer := transport.NewRedialer(process, seed.Rand(master, purpose, c.name), c.dial)
	h.net.after(0, func() {
		if !process.dead {
			h.handle(redialer.Start)
		}
	})
}

// crash ends the process; its links end as the machine ends them.
func (h *host) crash() {
	if !h.running() {
		return
	}
	h.node, h.accept = nil, nil
	h.clock.dead = true
	h.backlog = nil
	for _, c := range h.cables {
		for side, other := range c.hosts {
			if other == h {
				c.kill(side)
			}
		}
	}
}

// handle lets the process do something: now, or when it comes to it. A host
// that is down does nothing.
func (h *host) handle(f func()) {
	switch {
	case !h.running():
	case h.free():
		f()
	default:
		h.backlog = append(h.backlog, f)
		h.drain()
	}
}

// drain takes up the backlog, one after the other.
func (h *host) drain() {
	if h.draining || h.paused > 0 || len(h.backlog) == 0 {
		return
	}
	h.draining = true
	cost := time.Duration(0)
	if h.slow > 0 {
		cost = h.by
	}
	process := h.clock
	h.net.after(cost, func() {
		h.draining = false
		if !process.dead && h.paused == 0 && len(h.backlog) > 0 {
			f := h.backlog[0]
			h.backlog = h.backlog[1:]
			f()
		}
		h.drain()
	})
}

// pause stops the process, until the answer is called.
func (h *host) pause() (resume func()) {
	h.paused++
	return func() {
		h.paused--
		h.drain()
	}
}

// slowDown lets everything that the process does take a while, until the answer
// is called.
func (h *host) slowDown(by time.Duration) (speedUp func()) {
	h.slow++
	h.by = by
	return func() { h.slow-- }
}

// setClock puts the clock wrong. A process that runs goes by its monotonic
// clock, so of the offset it learns when it starts again.
func (h *host) setClock(c scenario.Clock) {
	h.spec = c
	if h.clock != nil {
		h.clock.SetDrift(h.net.now, c.Drift)
	}
}

// linked counts the links that the process has established.
func (h *host) linked(change int) {
	if h.links == 0 {
		h.joined = h.net.now
	}
	h.links += change
}

// obeys reports whether the process leaves when it is told that its ID is in
// use: it has joined a mesh within the last minute (PROTOCOL section 2.2), a
// clock that drifts allowed for. A deployed one always does.
func (h *host) obeys() bool {
	return h.kind == scenario.KindDeployed || h.net.now-h.joined < time.Minute*6/5
}
