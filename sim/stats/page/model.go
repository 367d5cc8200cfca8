package page

import (
	"fmt"
	"time"

	"receptor/sim/scenario"
	"receptor/sim/stats"
)

// Bounds of a page, beside those of its drawing.
const (
	maxEvents    = 40_000 // changes of places, and as many of edges
	maxLog       = 1_000  // actions of the timeline, and violations
	maxEpisodes  = 500
	maxText      = 300 // runes of a text from the scenario
	maxName      = 40
	namesOfGroup = 3
)

// side is that of the square in which the mesh is drawn.
const side = 1000

// Model is what the script of the page works on: nothing but numbers and names,
// as lists, since a large mesh has many. Times are in milliseconds.
type model struct {
	Length int64       `json:"length"`
	Nodes  int         `json:"nodes"`
	Groups bool        `json:"groups"`
	Places []placeData `json:"places"`
	// Edges are pairs of places, and the number of links between them.
	Edges [][3]int32 `json:"edges"`
	// PlaceEvents are a time, a place, how many of its nodes are in each state,
	// and the fewest other nodes that one of them reaches.
	PlaceEvents [][]int64 `json:"placeEvents"`
	// EdgeEvents are a time, an edge, and how many of its links are in each state.
	EdgeEvents [][]int64     `json:"edgeEvents"`
	Violations [][2]int64    `json:"violations"` // a time and a place, or -1
	Episodes   []episodeData `json:"episodes"`
	Slot       float64       `json:"slot"` // of Series
	Series     [][]uint64    `json:"series"`
}

type placeData struct {
	Name string `json:"name"`
	Size int    `json:"size"`
	X    int    `json:"x"`
	Y    int    `json:"y"`
}

type episodeData struct {
	Cause     string `json:"cause"`
	Began     int64  `json:"began"`
	Ended     int64  `json:"ended"`
	Routed    int64  `json:"routed"` // -1: never
	Converged int64  `json:"converged"`
}

// States of a node in PlaceEvents, the later ones the worse.
const (
	reachesAll = iota
	reachesSome
	reachesNone
	paused
	down
	nodeStates
)

// States of a link in EdgeEvents, the later ones the worse.
const (
	linkUp = iota
	linkOff
	linkClogged
	linkDown
	linkStates
)

func newModel(s *scenario.Scenario, length time.Duration, r *stats.Recorder) (*model, *drawing) {
	index := make(map[string]int32, len(s.Nodes))
	for i, n := range s.Nodes {
		index[n.ID] = int32(i)
	}
	links := make([][2]int32, len(s.Links))
	for i, l := range s.Links {
		links[i] = [2]int32{index[l.From], index[l.To]}
	}
	d := draw(len(s.Nodes), links, side)
	m := &model{Places: []placeData{}, Length: length.Milliseconds(), Nodes: len(s.Nodes), Groups: d.grouped, Violations: [][2]int64{}, Episodes: []episodeData{}}
	for i, members := range d.members {
		m.Places = append(m.Places, placeData{nameOf(s, members), len(members), d.at[i][0], d.at[i][1]})
	}
	m.Edges = make([][3]int32, len(d.edges))
	for i, e := range d.edges {
		m.Edges[i] = [3]int32{e[0], e[1], 0}
	}
	for _, edge := range d.edgeOf {
		if edge >= 0 {
			m.Edges[edge][2]++
		}
	}
	changes, grain := r.Changes()
	m.PlaceEvents, m.EdgeEvents = replay(d, len(s.Nodes), changes, max(grain, time.Millisecond))
	series := r.Series()
	m.Slot = float64(series.Slot) / float64(time.Millisecond)
	m.Series = series.Counts[:]
	return m, d
}

// nameOf names a place by its nodes.
func nameOf(s *scenario.Scenario, members []int32) string {
	if len(members) == 1 {
		return cut(s.Nodes[members[0]].ID, maxName)
	}
	text := fmt.Sprintf("%d nodes: ", len(members))
	for i, node := range members[:min(namesOfGroup, len(members))] {
		if i > 0 {
			text += ", "
		}
		text += cut(s.Nodes[node].ID, maxName)
	}
	if len(members) > namesOfGroup {
		text += ", …"
	}
	return text
}

// cut shortens a text to so many runes.
func cut(text string, most int) string {
	runes := 0
	for i := range text {
		if runes++; runes > most {
			return text[:i] + "…"
		}
	}
	return text
}
