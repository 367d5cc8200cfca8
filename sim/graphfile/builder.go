package graphfile

import (
	"strconv"
	"strings"
	"time"

	"receptor/sim/scenario"
)

// attributes are those of a node or an edge that mean something here, as the
// file has them; "": not there.
type attributes struct {
	label               string
	latitude, longitude string
	delay, cost         string
}

// set takes an attribute by the name that the file gives it, and ignores those
// that mean nothing here.
func (a *attributes) set(name, value string) {
	switch strings.ToLower(name) {
	case "label":
		a.label = value
	case "latitude", "lat":
		a.latitude = value
	case "longitude", "lon", "long", "lng":
		a.longitude = value
	case "delay":
		a.delay = value
	case "cost":
		a.cost = value
	}
}

// builder collects the nodes and edges that a reader comes across, in any
// order: an edge may precede its nodes.
type builder struct {
	path  string
	index map[string]int // of nodes by ID
	nodes []nodeSpec
	edges []edgeSpec
}

type nodeSpec struct {
	id string
	attributes
	line int
}

type edgeSpec struct {
	from, to string
	delay    time.Duration
	cost     float64
	line     int
}

func newBuilder(path string) *builder { return &builder{path: path, index: make(map[string]int)} }

func (b *builder) fail(line int, format string, args ...any) error {
	return problem(b.path, line, format, args...)
}

// node adds a node.
func (b *builder) node(id string, a attributes, line int) error {
	if at, twice := b.index[id]; twice {
		return b.fail(line, "node %s is there twice, first on line %d", quote(id), b.nodes[at].line)
	}
	if len(b.nodes) == scenario.MaxNodes {
		return b.fail(line, "there are more than the %d nodes that are possible", scenario.MaxNodes)
	}
	b.index[id] = len(b.nodes)
	b.nodes = append(b.nodes, nodeSpec{id, a, line})
	return nil
}

// edge adds an edge between two IDs.
func (b *builder) edge(from, to string, a attributes, line int) error {
	if len(b.edges) == scenario.MaxLinks {
		return b.fail(line, "there are more than the %d edges that are possible", scenario.MaxLinks)
	}
	e := edgeSpec{from: from, to: to, delay: -1, line: line}
	var err error
	if a.delay != "" {
		if e.delay, err = scenario.ParseDuration(a.delay); err != nil {
			return b.fail(line, "edge: delay %v", err)
		}
	}
	if a.cost != "" {
		if e.cost, err = scenario.ParseCost(a.cost); err != nil {
			return b.fail(line, "edge: %v", err)
		}
	}
	b.edges = append(b.edges, e)
	return nil
}

// finish returns the graph, once all of its nodes are known.
func (b *builder) finish() (*Graph, error) {
	if len(b.nodes) == 0 {
		return nil, b.fail(0, "there are no nodes")
	}
	g := &Graph{Nodes: make([]Node, len(b.nodes)), Edges: make([]Edge, len(b.edges))}
	for i, n := range b.nodes {
		place, err := b.place(n)
		if err != nil {
			return nil, err
		}
		g.Nodes[i] = Node{ID: n.id, Label: n.label, Place: place}
	}
	for i, e := range b.edges {
		from, err := b.end(e, e.from)
		if err != nil {
			return nil, err
		}
		to, err := b.end(e, e.to)
		if err != nil {
			return nil, err
		}
		g.Edges[i] = Edge{From: from, To: to, Delay: e.delay, Cost: e.cost}
	}
	return g, nil
}

func (b *builder) end(e edgeSpec, id string) (int, error) {
	at, ok := b.index[id]
	if !ok {
		return 0, b.fail(e.line, "edge from %s to %s: there is no node %s", quote(e.from), quote(e.to), quote(id))
	}
	return at, nil
}

// place reads the coordinates of a node, which has both or none.
func (b *builder) place(n nodeSpec) (*Place, error) {
	if n.latitude == "" || n.longitude == "" {
		return nil, nil
	}
	latitude, ok := degrees(n.latitude, 90)
	if !ok {
		return nil, b.fail(n.line, "node %s: latitude %s is not a number from -90 to 90", quote(n.id), quote(n.latitude))
	}
	longitude, ok := degrees(n.longitude, 360)
	if !ok {
		return nil, b.fail(n.line, "node %s: longitude %s is not a number from -360 to 360", quote(n.id), quote(n.longitude))
	}
	return &Place{latitude, longitude}, nil
}

func degrees(text string, most float64) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && v >= -most && v <= most
}

// attributesOf returns the attributes of a node that is there, to be changed.
func (b *builder) attributesOf(id string) *attributes { return &b.nodes[b.index[id]].attributes }
