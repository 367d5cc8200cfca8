package stats

import (
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/check"
	"receptor/sim/scenario"
)

// NodeState is what a node does.
type NodeState uint8

// States of a node.
const (
	NodeUp NodeState = iota
	NodePaused
	NodeDown
)

// WireState is what the wires of a link do.
type WireState uint8

// States of the wires of a link.
const (
	WireOpen    WireState = iota
	WireClogged           // one direction or both hold back what they are given
	WireDown              // one direction or both carry nothing
)

// Change is a new state of a node, or of a link.
type Change struct {
	At time.Duration
	// Subject is the number of a node, or that of a link plus the number of nodes.
	Subject int32
	value   int32
}

// Node reads the change of a node: its state, and how many other nodes it has
// routes to.
func (c Change) Node() (s NodeState, reach int) { return NodeState(c.value & 3), int(c.value >> 2) }

// Link reads the change of a link: the state of its wires, and at how many of
// its ends it is established.
func (c Change) Link() (s WireState, ends int) { return WireState(c.value & 3), int(c.value >> 2) }

// maxChanges bounds what a recorder keeps, unless the mesh is so large that a
// few changes of each subject are more. Beyond it the record becomes coarser.
const maxChanges = 1 << 21

// Recorder keeps what happens in one run over time, for a page that shows it.
// Its methods must not be called at once. A nil Recorder keeps nothing.
type Recorder struct {
	scenario *scenario.Scenario
	byEnds   map[[2]string]int
	index    map[string]int
	byNode   [][]int // the links of each node

	nodes []int32    // newest values
	ends  [][2]int32 // links established, by link and end
	wires []WireState

	changes []Change
	limit   int
	grain   time.Duration // at most one change of a subject is kept in each
	series  Series
}

// NewRecorder returns the recorder of one run of a scenario.
func NewRecorder(s *scenario.Scenario) *Recorder {
	r := &Recorder{
		scenario: s, byEnds: make(map[[2]string]int, 2*len(s.Links)), index: make(map[string]int, len(s.Nodes)),
		byNode: make([][]int, len(s.Nodes)), nodes: make([]int32, len(s.Nodes)),
		ends: make([][2]int32, len(s.Links)), wires: make([]WireState, len(s.Links)),
		limit: max(maxChanges, 4*(len(s.Nodes)+len(s.Links))), grain: time.Millisecond, series: newSeries(),
	}
	for i, n := range s.Nodes {
		r.index[n.ID] = i
	}
	for i, l := range s.Links {
		r.byEnds[[2]string{l.From, l.To}], r.byEnds[[2]string{l.To, l.From}] = i, i
		for _, id := range [2]string{l.From, l.To} {
			r.byNode[r.index[id]] = append(r.byNode[r.index[id]], i)
		}
	}
	return r
}

// Node tells what a node does now; it may be told again.
func (r *Recorder) Node(now time.Duration, node int, s NodeState) {
	if r == nil {
		return
	}
	was, reach := Change{value: r.nodes[node]}.Node()
	if s == was {
		return
	}
	if s == NodeDown {
		reach = 0
		for _, link := range r.byNode[node] {
			r.ends[link][r.side(link, node)] = 0
			r.addLink(now, link)
		}
	}
	r.addNode(now, node, s, reach)
}

// Wire tells what the wires of a link do now; it may be told again.
func (r *Recorder) Wire(now time.Duration, link int, s WireState) {
	if r != nil && r.wires[link] != s {
		r.wires[link] = s
		r.addLink(now, link)
	}
}

// Event takes an event of a node.
func (r *Recorder) Event(now time.Duration, node int, e mesh.Event) {
	if r == nil {
		return
	}
	switch e := e.(type) {
	case mesh.LinkUp:
		r.establish(now, node, e.Peer, 1)
	case mesh.LinkDown:
		r.establish(now, node, e.Peer, -1)
	case mesh.RoutesChanged:
		if s, reach := (Change{value: r.nodes[node]}).Node(); reach != e.Reachable && s != NodeDown {
			r.addNode(now, node, s, e.Reachable)
		}
	case mesh.DatagramDropped:
		r.lost(now, e.Header)
	}
}

func (r *Recorder) establish(now time.Duration, node int, peer string, change int32) {
	link, known := r.byEnds[[2]string{r.scenario.Nodes[node].ID, peer}]
	if !known {
		return // to a node that is not of the scenario
	}
	n := &r.ends[link][r.side(link, node)]
	*n = max(0, *n+change)
	r.addLink(now, link)
}

func (r *Recorder) side(link, node int) int {
	if r.scenario.Links[link].From == r.scenario.Nodes[node].ID {
		return 0
	}
	return 1
}

func (r *Recorder) addNode(now time.Duration, node int, s NodeState, reach int) {
	r.nodes[node] = int32(s) | int32(reach)<<2
	r.add(Change{now, int32(node), r.nodes[node]})
}

func (r *Recorder) addLink(now time.Duration, link int) {
	value := int32(r.wires[link])
	for _, n := range r.ends[link] {
		value += min(n, 1) << 2
	}
	r.add(Change{now, int32(len(r.nodes) + link), value})
}

func (r *Recorder) add(c Change) {
	r.changes = append(r.changes, c)
	if len(r.changes) <= r.limit {
		return
	}
	r.changes = thin(r.changes, r.grain)
	for len(r.changes) > r.limit*3/4 { // or it would soon be too long again
		r.grain *= 2
		r.changes = thin(r.changes, r.grain)
	}
}

// thin keeps the last change of each subject in each grain of time.
func thin(changes []Change, grain time.Duration) []Change {
	type key struct {
		subject int32
		grain   int64
	}
	last := make(map[key]int, len(changes)/2)
	for i, c := range changes {
		last[key{c.Subject, int64(c.At / grain)}] = i
	}
	kept := changes[:0]
	for i, c := range changes {
		if last[key{c.Subject, int64(c.At / grain)}] == i {
			kept = append(kept, c)
		}
	}
	return kept
}

// Control tells that a node has sent a control frame of so many bytes.
func (r *Recorder) Control(now time.Duration, bytes int) {
	if r != nil {
		r.series.add(now, SeriesControl, bytes)
	}
}

// Count adds one to a series.
func (r *Recorder) Count(now time.Duration, what SeriesName) {
	if r != nil {
		r.series.add(now, what, 1)
	}
}

// Lost tells that a frame is lost between two nodes.
func (r *Recorder) Lost(now time.Duration, frame []byte) {
	if r == nil {
		return
	}
	if kind, err := wire.TypeOf(frame); err != nil || kind != wire.TypeData {
		return
	}
	if d, err := wire.ParseData(frame); err == nil {
		r.lost(now, d.Header)
	}
}

func (r *Recorder) lost(now time.Duration, h wire.Header) {
	if h.ToService.String() == check.Service {
		r.series.add(now, SeriesLost, 1)
	}
}

// Changes returns what was recorded, in the order in which it happened, and the
// grain: of several changes of a subject within so much time only the last may
// be there. The slice belongs to the recorder. Everything begins up, open, not
// established and without routes.
func (r *Recorder) Changes() (changes []Change, grain time.Duration) { return r.changes, r.grain }

// Series returns the counts over time.
func (r *Recorder) Series() Series { return r.series }
