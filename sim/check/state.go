package check

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// State is what a node believes of the mesh.
type State interface {
	// Record returns what the database holds about a node.
	Record(node string) (r Record, ok bool)
	// Records are the IDs of the nodes about which it holds anything.
	Records() iter.Seq[string]
	// NextHop returns the neighbour through which a node is reached.
	NextHop(node string) (neighbour string, ok bool)
	// Routes are the IDs of the nodes that can be reached.
	Routes() iter.Seq[string]
	// NeverForgets reports whether the node keeps the records of departed nodes,
	// as deployed ones do; what those say is then of no interest.
	NeverForgets() bool
	// OrdersTies reports whether of several neighbours through which the cost is
	// the least the node takes that of the smallest ID, as ours do.
	OrdersTies() bool
}

// Record is what a database holds about one node. Records never change, and
// can be compared: those that are the same say the same.
type Record interface {
	// Links are the neighbours of the node, and the costs.
	Links() iter.Seq2[string, float64]
}

// finding is one thing that is wrong with a State.
type finding struct {
	rule Rule
	text string
	// misroutes is set when a route is wrong, whatever text says.
	misroutes bool
}

func (f *finding) misrouted() bool { return f != nil && f.misroutes }

// judge compares what node a believes with the truth, and returns the first
// thing that is wrong, nil if nothing is.
func (p *Paths) judge(a int, s State) *finding {
	if text := p.judgeDatabase(a, s); text != "" {
		return &finding{RuleDatabase, text, p.judgeRoutes(a, s) != ""}
	}
	if text := p.judgeRoutes(a, s); text != "" {
		return &finding{RuleRoute, text, true}
	}
	return nil
}

func (p *Paths) judgeDatabase(a int, s State) string {
	g := p.g
	matched := 0
	for b, id := range g.ids {
		record, present := s.Record(id)
		if present {
			matched++
		}
		switch {
		case !p.Reachable(a, b):
			if present && !s.NeverForgets() {
				return fmt.Sprintf("it holds a record of %s, which has departed: no path leads there", id)
			}
		case !present && (a != b || len(g.adj[b]) > 0):
			return fmt.Sprintf("it holds no record of %s, whose links are %s", id, g.describeLinks(b))
		case present && !p.isRight(b, record):
			return fmt.Sprintf("it holds %s as the links of %s, which are %s", describeCosts(links(record)), id, g.describeLinks(b))
		}
	}
	if matched < count(s.Records()) {
		return fmt.Sprintf("it holds records of nodes that do not exist: %s", g.strangers(s.Records()))
	}
	return ""
}

func (p *Paths) judgeRoutes(a int, s State) string {
	g := p.g
	matched := 0
	for b, id := range g.ids {
		via, present := s.NextHop(id)
		if present {
			matched++
		}
		if a == b {
			continue
		}
		switch {
		case !present && p.Reachable(a, b):
			return fmt.Sprintf("it has no route to %s, which can be reached at cost %v", id, p.from(a)[b])
		case present && !p.Reachable(a, b):
			return fmt.Sprintf("it routes to %s through %s, but no path leads there", id, via)
		case present:
			if text := p.judgeNextHop(a, b, via, s.OrdersTies()); text != "" {
				return text
			}
		}
	}
	if matched < count(s.Routes()) {
		return fmt.Sprintf("it has routes to nodes that do not exist: %s", g.strangers(s.Routes()))
	}
	return ""
}

func (p *Paths) judgeNextHop(a, b int, via string, ordered bool) string {
	id := p.g.ids[b]
	v, exists := p.g.index[via]
	if !exists {
		return fmt.Sprintf("it routes to %s through %s, which does not exist", id, via)
	}
	least, through, linked := p.nextHop(a, v, b)
	switch {
	case !linked:
		return fmt.Sprintf("it routes to %s through %s, to which it has no link", id, via)
	case !same(least, through):
		return fmt.Sprintf("it routes to %s through %s, which costs %v at least; the least cost is %v", id, via, through, least)
	}
	if !ordered || !p.g.whole {
		return "" // sums of fractions may be equal in one order only
	}
	for _, e := range p.g.adj[a] {
		if first := p.g.ids[e.to]; first < via && e.cost+p.from(e.to)[b] == least {
			return fmt.Sprintf("it routes to %s through %s; the cost through %s is the same, %v, and its ID is smaller", id, via, first, least)
		}
	}
	return ""
}

// isRight reports whether a record has exactly the links of node b. Many nodes
// may hold the same record: the one that was right last is not looked at again.
func (p *Paths) isRight(b int, r Record) bool {
	if p.right[b] == r {
		return true
	}
	if !p.g.hasLinks(b, links(r)) {
		return false
	}
	p.right[b] = r
	return true
}

func links(r Record) map[string]float64 { return maps.Collect(r.Links()) }

// hasLinks reports whether links are exactly those of node b.
func (g *Graph) hasLinks(b int, links map[string]float64) bool {
	if len(links) != len(g.adj[b]) {
		return false
	}
	for _, e := range g.adj[b] {
		if cost, ok := links[g.ids[e.to]]; !ok || cost != e.cost {
			return false
		}
	}
	return true
}

func count(ids iter.Seq[string]) int {
	n := 0
	for range ids {
		n++
	}
	return n
}

func (g *Graph) describeLinks(b int) string {
	links := make(map[string]float64, len(g.adj[b]))
	for _, e := range g.adj[b] {
		links[g.ids[e.to]] = e.cost
	}
	return describeCosts(links)
}

func describeCosts(links map[string]float64) string {
	const shown = 10
	var texts []string
	for i, id := range slices.Sorted(maps.Keys(links)) {
		if i == shown {
			texts = append(texts, fmt.Sprintf("and %d more", len(links)-shown))
			break
		}
		texts = append(texts, fmt.Sprintf("%s:%v", id, links[id]))
	}
	return "{" + strings.Join(texts, " ") + "}"
}

func (g *Graph) strangers(ids iter.Seq[string]) string {
	var strange []string
	for id := range ids {
		if _, ok := g.index[id]; !ok {
			strange = append(strange, id)
		}
	}
	slices.Sort(strange)
	return strings.Join(strange, ", ")
}
