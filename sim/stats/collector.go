// Package stats turns what happens in simulated runs into figures: how long
// meshes take to converge, what their control traffic costs, what becomes of
// datagrams. A Collector listens to one run; a Summary adds up many.
package stats

import (
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/check"
)

// Loss is why a datagram of the workload did not arrive: one of those below, or
// a mesh.DropReason.
type Loss string

// Losses that happen between nodes.
const (
	LossWire Loss = "lost on the wire"
	LossLink Loss = "link ended under way"
	LossNode Loss = "node down"
	LossRoom Loss = "no room at the wire"
)

// phase tells what the mesh is doing.
type phase int

const (
	phaseBusy phase = iota
	phaseCalm       // everything is right, as far as is known
	phases
)

// Collector gathers the figures of one run. Its methods take constant time and
// little of it; none may be called at once with another.
type Collector struct {
	phase    phase
	since    time.Duration // of phase
	lasted   [phases]time.Duration
	control  [phases][]uint64 // bytes sent, by node
	episodes []check.Episode
	lost     map[Loss]int
}

// NewCollector returns the collector of a run with so many nodes, numbered from
// 0, which begins at time 0.
func NewCollector(nodes int) *Collector {
	c := &Collector{lost: make(map[Loss]int)}
	for i := range c.control {
		c.control[i] = make([]uint64, nodes)
	}
	return c
}

// Control tells that a node has sent a control frame of so many bytes.
func (c *Collector) Control(node, bytes int) { c.control[c.phase][node] += uint64(bytes) }

// Calm implements check.Watcher.
func (c *Collector) Calm(now time.Duration, calm bool) {
	c.pass(now)
	c.phase = phaseBusy
	if calm {
		c.phase = phaseCalm
	}
}

// Ended implements check.Watcher.
func (c *Collector) Ended(e check.Episode) { c.episodes = append(c.episodes, e) }

func (c *Collector) pass(now time.Duration) {
	c.lasted[c.phase] += now - c.since
	c.since = now
}

// Lost tells that a frame is lost between two nodes. Only datagrams of the
// workload count. The frame is not kept.
func (c *Collector) Lost(frame []byte, why Loss) {
	if kind, err := wire.TypeOf(frame); err != nil || kind != wire.TypeData {
		return
	}
	if d, err := wire.ParseData(frame); err == nil {
		c.count(d.Header, why)
	}
}

// Dropped tells that a node has dropped a datagram.
func (c *Collector) Dropped(e mesh.DatagramDropped) { c.count(e.Header, Loss(e.Reason)) }

func (c *Collector) count(h wire.Header, why Loss) {
	if h.ToService.String() == check.Service {
		c.lost[why]++
	}
}

// Figures is what one run says about a mesh.
type Figures struct {
	Episodes []check.Episode
	// Busy and Calm are the control bytes that each node sent per second, while
	// the mesh was not right or not known to be, and while it was. Empty if
	// that never was so.
	Busy, Calm []float64
	// DeliveredHops is the most links that a datagram or ping has crossed to its
	// destination; RouteHops the most that a route had once all were right.
	DeliveredHops, RouteHops int
	Datagrams                Datagrams
	Pings                    Pings
}

// Datagrams says what became of those of the workload. What neither arrived nor
// is in Lost was under way at the end, or in a node that crashed; a link that
// duplicates can lose more than was sent.
type Datagrams struct {
	Sent      int          `json:"sent"`
	Delivered int          `json:"delivered"`
	Lost      map[Loss]int `json:"lost"`
}

// Pings says what became of those of the workload.
type Pings struct {
	Sent     int `json:"sent"`
	Answered int `json:"answered"`
	// Lost ones were given up.
	Lost int `json:"lost"`
}

// Figures returns what was collected up to now, the end of the run. What the
// collector is not told is left for the caller to fill in.
func (c *Collector) Figures(now time.Duration) Figures {
	c.pass(now)
	f := Figures{
		Episodes: c.episodes, Datagrams: Datagrams{Lost: c.lost},
		Busy: perSecond(c.control[phaseBusy], c.lasted[phaseBusy]),
		Calm: perSecond(c.control[phaseCalm], c.lasted[phaseCalm]),
	}
	for _, e := range f.Episodes {
		f.RouteHops = max(f.RouteHops, e.Longest)
	}
	return f
}

// perSecond leaves out what lasted too short to say much.
func perSecond(bytes []uint64, lasted time.Duration) []float64 {
	if lasted < time.Second {
		return nil
	}
	rates := make([]float64, len(bytes))
	for i, b := range bytes {
		rates[i] = float64(b) / lasted.Seconds()
	}
	return rates
}
