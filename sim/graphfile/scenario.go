package graphfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"receptor/sim/scenario"
)

// Options are what a graph leaves open.
type Options struct {
	Name    string
	Backend scenario.Backend
	// For is how long a run takes.
	For time.Duration
	// Delay is that of a link of which the graph knows neither a delay nor the
	// places of both ends.
	Delay time.Duration
	// Largest leaves only the largest part of a graph that is not connected, of
	// several the first.
	Largest bool
}

// Scenario makes a scenario of the graph, with a link for each pair of nodes
// that edges join. Nodes are called as their labels say, or by their IDs when
// they have none.
//
// The notes are what a reader of the scenario should know, in sentences: where
// delays come from, and what has been changed. The error is a
// scenario.Problems.
func (g *Graph) Scenario(o Options) (s *scenario.Scenario, notes []string, err error) {
	ids, renamed := nodeIDs(g.Nodes)
	if renamed != "" {
		notes = append(notes, renamed)
	}
	links, changed := g.links(o.Delay)
	s = &scenario.Scenario{Name: o.Name, Seed: 1, For: o.For, Expect: scenario.Expect{LostPings: -1}}
	for _, id := range ids {
		s.Nodes = append(s.Nodes, scenario.Node{ID: id})
	}
	for _, l := range links {
		link := scenario.Link{From: ids[l.From], To: ids[l.To], Backend: o.Backend, Cost: cmp.Or(l.Cost, 1)}
		link.Forward.Delay, link.Back.Delay = l.Delay, l.Delay
		s.Links = append(s.Links, link)
	}
	notes = append(notes, changed...)
	if parts := s.Parts(); len(parts) > 1 {
		slices.SortStableFunc(parts, func(a, b []int) int { return cmp.Compare(len(b), len(a)) })
		notes = append(notes, describeParts(parts))
		if o.Largest {
			keep(s, parts[0])
			notes = append(notes, fmt.Sprintf("Only the largest is left, with %s and %s.",
				count(len(s.Nodes), "node"), count(len(s.Links), "link")))
		}
	}
	return s, notes, s.Check()
}

// measured is an edge whose delay is known, and why.
type measured struct {
	Edge
	from source
}

// source is where the delay of a link comes from.
type source int

const (
	fromFile source = iota
	fromPlaces
	fromDefault
	sources
)

// links returns an edge for each pair of nodes that are joined, in the order of
// the first edges of the pairs.
func (g *Graph) links(defaultDelay time.Duration) (links []measured, notes []string) {
	loops, repeated := 0, 0
	at := make(map[[2]int]int, len(g.Edges))
	for _, e := range g.Edges {
		if e.From == e.To {
			loops++
			continue
		}
		m := g.measure(e, defaultDelay)
		pair := [2]int{min(e.From, e.To), max(e.From, e.To)}
		first, twice := at[pair]
		if !twice {
			at[pair] = len(links)
			links = append(links, m)
			continue
		}
		repeated++
		if m.Delay < links[first].Delay {
			m.From, m.To = links[first].From, links[first].To // who dials stays as it was
			links[first] = m
		}
	}
	return links, append(describeDelays(links, defaultDelay), describeLeftOut(loops, repeated)...)
}

// measure finds out the delay of an edge: as the file says, else as long as
// light in fibre takes for its length, else the default.
func (g *Graph) measure(e Edge, defaultDelay time.Duration) measured {
	from, to := g.Nodes[e.From].Place, g.Nodes[e.To].Place
	switch {
	case e.Delay >= 0:
		return measured{e, fromFile}
	case from != nil && to != nil:
		e.Delay = scenario.FibreDelay(from.Distance(*to))
		return measured{e, fromPlaces}
	default:
		e.Delay = defaultDelay
		return measured{e, fromDefault}
	}
}

// keep removes all but some nodes, by index, and the links of the others.
func keep(s *scenario.Scenario, nodes []int) {
	kept := make(map[string]bool, len(nodes))
	all := s.Nodes
	s.Nodes = make([]scenario.Node, len(nodes))
	for i, n := range nodes {
		s.Nodes[i] = all[n]
		kept[all[n].ID] = true
	}
	s.Links = slices.DeleteFunc(s.Links, func(l scenario.Link) bool { return !kept[l.From] })
}

func describeDelays(links []measured, defaultDelay time.Duration) (notes []string) {
	var n [sources]int
	for _, l := range links {
		n[l.from]++
	}
	if n[fromFile] > 0 {
		notes = append(notes, fmt.Sprintf("Delays of %s are as the file says.", count(n[fromFile], "link")))
	}
	if n[fromPlaces] > 0 {
		notes = append(notes, fmt.Sprintf("Delays of %s follow from the great-circle distance of the ends, at two thirds of the speed of light.",
			count(n[fromPlaces], "link")))
	}
	if n[fromDefault] > 0 {
		notes = append(notes, fmt.Sprintf("Delays of %s are the default, %v: the file has no coordinates for one end or both.",
			count(n[fromDefault], "link"), defaultDelay))
	}
	return notes
}

func describeLeftOut(loops, repeated int) (notes []string) {
	if repeated > 0 {
		notes = append(notes, fmt.Sprintf("Left out: %s between nodes that others join too (the one with the least delay stays).",
			count(repeated, "edge")))
	}
	if loops > 0 {
		notes = append(notes, fmt.Sprintf("Left out: %s from a node to itself.", count(loops, "edge")))
	}
	return notes
}

func describeParts(parts [][]int) string {
	const most = 6
	var sizes []string
	for _, p := range parts[:min(len(parts), most)] {
		sizes = append(sizes, fmt.Sprint(len(p)))
	}
	if len(parts) > most {
		sizes = append(sizes, "...")
	}
	return fmt.Sprintf("The graph is in %d parts that no edge joins, of %s nodes.", len(parts), strings.Join(sizes, ", "))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
