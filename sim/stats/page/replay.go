package page

import (
	"cmp"
	"slices"
	"time"

	"receptor/sim/stats"
)

// replayer goes through the changes of nodes and links, and keeps the state of
// the places and edges that they belong to.
type replayer struct {
	d     *drawing
	nodes int

	state  []int     // by node
	reach  []int     // by node
	link   []int     // by link
	places [][]int64 // nodes by state, and the least reach
	edges  [][]int64 // links by state
}

func newReplayer(d *drawing, nodes int) *replayer {
	p := &replayer{
		d: d, nodes: nodes,
		state: make([]int, nodes), reach: make([]int, nodes), link: make([]int, len(d.edgeOf)),
		places: make([][]int64, len(d.members)), edges: make([][]int64, len(d.edges)),
	}
	for i, members := range d.members {
		p.places[i] = make([]int64, nodeStates+1)
		p.places[i][p.stateOf(stats.NodeUp, 0)] = int64(len(members))
	}
	for i := range p.state {
		p.state[i] = p.stateOf(stats.NodeUp, 0)
	}
	for i := range p.edges {
		p.edges[i] = make([]int64, linkStates)
	}
	for i, edge := range d.edgeOf {
		p.link[i] = linkOff
		if edge >= 0 {
			p.edges[edge][linkOff]++
		}
	}
	return p
}

func (p *replayer) stateOf(s stats.NodeState, reach int) int {
	switch {
	case s == stats.NodeDown:
		return down
	case s == stats.NodePaused:
		return paused
	case reach >= p.nodes-1:
		return reachesAll
	case reach > 0:
		return reachesSome
	}
	return reachesNone
}

// take carries out a change, and returns the place or edge that it belongs to:
// an edge plus the number of places, or -1 when nothing of it is drawn.
func (p *replayer) take(c stats.Change) int {
	if int(c.Subject) < p.nodes {
		s, reach := c.Node()
		place := int(p.d.placeOf[c.Subject])
		p.places[place][p.state[c.Subject]]--
		p.state[c.Subject] = p.stateOf(s, reach)
		p.reach[c.Subject] = reach
		p.places[place][p.state[c.Subject]]++
		return place
	}
	link := int(c.Subject) - p.nodes
	edge := int(p.d.edgeOf[link])
	if edge < 0 {
		return -1
	}
	p.edges[edge][p.link[link]]--
	p.link[link] = linkState(c.Link())
	p.edges[edge][p.link[link]]++
	return len(p.places) + edge
}

func linkState(s stats.WireState, ends int) int {
	switch {
	case s == stats.WireDown:
		return linkDown
	case s == stats.WireClogged:
		return linkClogged
	case ends == 2:
		return linkUp
	}
	return linkOff
}

// row returns the event of what take has returned.
func (p *replayer) row(at time.Duration, what int) []int64 {
	row := []int64{at.Milliseconds()}
	if what >= len(p.places) {
		edge := what - len(p.places)
		return append(append(row, int64(edge)), p.edges[edge]...)
	}
	least := p.nodes
	for _, node := range p.d.members[what] {
		least = min(least, p.reach[node])
	}
	p.places[what][nodeStates] = int64(least)
	return append(append(row, int64(what)), p.places[what]...)
}

// replay returns the states of places and edges over time, at most maxEvents of
// each: within a grain of time only the last of each, and the grain is as
// coarse as that needs.
func replay(d *drawing, nodes int, changes []stats.Change, grain time.Duration) (places, edges [][]int64) {
	for {
		places, edges = replayGrain(d, nodes, changes, grain)
		if max(len(places), len(edges)) <= maxEvents || len(changes) == 0 || grain > changes[len(changes)-1].At {
			return places, edges
		}
		grain *= 2
	}
}

func replayGrain(d *drawing, nodes int, changes []stats.Change, grain time.Duration) (places, edges [][]int64) {
	p := newReplayer(d, nodes)
	places, edges = [][]int64{}, [][]int64{}
	var touched []int // in the grain, in order of the first change
	latest := make(map[int]time.Duration)
	flush := func() {
		for _, what := range touched {
			row := p.row(latest[what], what)
			if what < len(p.places) {
				places = append(places, row)
			} else {
				edges = append(edges, row)
			}
		}
		touched = touched[:0]
		clear(latest)
	}
	for i, c := range changes {
		if i > 0 && c.At/grain != changes[i-1].At/grain {
			flush()
		}
		what := p.take(c)
		if what < 0 {
			continue
		}
		if _, again := latest[what]; !again {
			touched = append(touched, what)
		}
		latest[what] = c.At
	}
	flush()
	for _, rows := range [][][]int64{places, edges} {
		slices.SortStableFunc(rows, func(a, b []int64) int { return cmp.Compare(a[0], b[0]) })
	}
	return places, edges
}
