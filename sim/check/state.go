package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// State is what a node believes of the mesh.
type State struct {
	// Known is the database: for each node, its neighbours and the costs.
	Known map[string]map[string]float64
	// Routes has the next hop to each node that can be reached.
	Routes map[string]string
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
	if text := p.judgeDatabase(a, s.Known); text != "" {
		return &finding{RuleDatabase, text, p.judgeRoutes(a, s.Routes) != ""}
	}
	if text := p.judgeRoutes(a, s.Routes); text != "" {
		return &finding{RuleRoute, text, true}
	}
	return nil
}

func (p *Paths) judgeDatabase(a int, known map[string]map[string]float64) string {
	g := p.g
	matched := 0
	for b, id := range g.ids {
		links, present := known[id]
		if present {
			matched++
		}
		switch {
		case !p.Reachable(a, b):
			if present {
				return fmt.Sprintf("it holds a record of %s, which has departed: no path leads there", id)
			}
		case !present && (a != b || len(g.adj[b]) > 0):
			return fmt.Sprintf("it holds no record of %s, whose links are %s", id, g.describeLinks(b))
		case !g.hasLinks(b, links):
			return fmt.Sprintf("it holds %s as the links of %s, which are %s", describeCosts(links), id, g.describeLinks(b))
		}
	}
	if matched < len(known) {
		return fmt.Sprintf("it holds records of nodes that do not exist: %s", g.strangers(maps.Keys(known)))
	}
	return ""
}

func (p *Paths) judgeRoutes(a int, routes map[string]string) string {
	g := p.g
	matched := 0
	for b, id := range g.ids {
		via, present := routes[id]
		if present {
			matched++
		}
		if a == b {
			continue
		}
		switch {
		case !present && p.Reachable(a, b):
			return fmt.Sprintf("it has no route to %s, which can be reached at cost %v", id, p.from(a).cost[b])
		case present && !p.Reachable(a, b):
			return fmt.Sprintf("it routes to %s through %s, but no path leads there", id, via)
		case present:
			if text := p.judgeNextHop(a, b, via); text != "" {
				return text
			}
		}
	}
	if matched < len(routes) {
		return fmt.Sprintf("it has routes to nodes that do not exist: %s", g.strangers(maps.Keys(routes)))
	}
	return ""
}

func (p *Paths) judgeNextHop(a, b int, via string) string {
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
	return ""
}

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

func (g *Graph) strangers(ids func(func(string) bool)) string {
	var strange []string
	for id := range ids {
		if _, ok := g.index[id]; !ok {
			strange = append(strange, id)
		}
	}
	slices.Sort(strange)
	return strings.Join(strange, ", ")
}
