package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"receptor/sim/seed"
)

// Kind is a family of topologies.
type Kind string

// Kinds of topologies that can be generated. Nodes are n1, n2, ..., with as
// many digits as the last of them has.
const (
	// Line links each node to the next.
	Line Kind = "line"
	// Ring is a line whose ends are linked too.
	Ring Kind = "ring"
	// Star links every node to the first.
	Star Kind = "star"
	// Tree gives every node Degree children (2), breadth first.
	Tree Kind = "tree"
	// Grid is as square as the number of nodes allows; they are numbered row by
	// row, and the last row may be shorter.
	Grid Kind = "grid"
	// Full links every node to every other.
	Full Kind = "full"
	// Hub links Degree hubs (3) with each other, and every other node to one of
	// them in turn.
	Hub Kind = "hub"
	// RandomRegular is drawn evenly from the connected graphs in which every
	// node has Degree links (4).
	RandomRegular Kind = "random-regular"
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Line, Ring, Star, Tree, Grid, Full, Hub, RandomRegular} }

// Generate describes a topology that is made rather than written down.
type Generate struct {
	Kind  Kind
	Nodes int
	// Degree means what the kind says; 0 is the kind's own default.
	Degree int
	// Seed fixes what is drawn, whatever seed the run has; nil: that of the run.
	Seed *uint64

	wire linkSpec
	line int
}

// NewGenerate returns the description of a topology whose links are TCP, cost 1
// and take no time.
func NewGenerate(kind Kind, nodes int) *Generate {
	return &Generate{Kind: kind, Nodes: nodes, wire: linkSpec{
		backend: TCP, cost: Fixed(1.0), delay: both(Fixed(time.Duration(0))),
		jitter: both(Fixed(time.Duration(0))), loss: both(Fixed(0.0)),
	}}
}

// SetWire says what each link is drawn from, the same for both directions.
func (g *Generate) SetWire(backend Backend, cost Range[float64], delay, jitter Range[time.Duration], loss Range[float64]) {
	g.wire = linkSpec{backend: backend, cost: cost, delay: both(delay), jitter: both(jitter), loss: both(loss)}
}

func (d *decoder) generator(n *yaml.Node) *Generate {
	g := NewGenerate("", 0)
	g.line = n.Line
	d.mapping(n, "generate", append(d.wireFields(&g.wire),
		required("kind", scalar(d, "kind", &g.Kind, parseOneOf(Kinds()...))),
		required("nodes", scalar(d, "nodes", &g.Nodes, parseCount(1, MaxNodes))),
		optional("degree", scalar(d, "degree", &g.Degree, parseCount(1, MaxNodes))),
		optional("seed", func(n *yaml.Node) {
			g.Seed = new(uint64)
			scalar(d, "seed", g.Seed, parseSeed)(n)
		}))...)
	return g
}

// Scenario returns the topology alone as a scenario.
func (g *Generate) Scenario(name string, seed uint64) (*Scenario, error) {
	nodes, links, err := g.build(seed)
	if err != nil {
		return nil, err
	}
	s := &Scenario{Name: name, Seed: seed, For: DefaultFor, Nodes: nodes, Links: links, Expect: Expect{LostPings: -1}}
	return s, s.Check()
}

// build makes the nodes and draws the links, sorted by their ends.
func (g *Generate) build(master uint64) ([]Node, []Link, error) {
	if g.Seed != nil {
		master = *g.Seed
	}
	edges, err := g.edges(seed.Rand(master, "topology", string(g.Kind)))
	if err != nil {
		return nil, nil, fmt.Errorf("generate %s: %w", g.Kind, err)
	}
	sort.Slice(edges, func(i, j int) bool {
		a, b := edges[i], edges[j]
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	width := len(fmt.Sprint(g.Nodes))
	nodes := make([]Node, g.Nodes)
	for i := range nodes {
		nodes[i].ID = fmt.Sprintf("n%0*d", width, i+1)
	}
	links := make([]Link, len(edges))
	for i, e := range edges {
		spec := g.wire
		spec.from, spec.to = nodes[e[0]].ID, nodes[e[1]].ID
		links[i] = spec.draw(master)
	}
	return nodes, links, nil
}

// edge joins two nodes by number, the lower one first.
type edge [2]int

func (g *Generate) edges(r *rand.Rand) ([]edge, error) {
	n := g.Nodes
	if n < 1 || n > MaxNodes {
		return nil, fmt.Errorf("%d nodes are not possible, from 1 to %d are", n, MaxNodes)
	}
	switch g.Kind {
	case Line:
		return line(n), nil
	case Ring:
		if n < 3 {
			return nil, fmt.Errorf("a ring needs at least 3 nodes, not %d", n)
		}
		return append(line(n), edge{0, n - 1}), nil
	case Star:
		return tree(n, n), nil
	case Tree:
		return tree(n, g.degree(2)), nil
	case Grid:
		return grid(n), nil
	case Full:
		return hub(n, n)
	case Hub:
		return hub(n, min(n, g.degree(3)))
	case RandomRegular:
		return randomRegular(n, g.degree(4), r)
	}
	kinds := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		kinds = append(kinds, string(k))
	}
	return nil, fmt.Errorf("there is no such kind, but %s", strings.Join(kinds, ", "))
}

func (g *Generate) degree(otherwise int) int {
	if g.Degree > 0 {
		return g.Degree
	}
	return otherwise
}

func line(n int) []edge { return tree(n, 1) }

func tree(n, children int) []edge {
	edges := make([]edge, 0, n-1)
	for i := 1; i < n; i++ {
		edges = append(edges, edge{(i - 1) / children, i})
	}
	return edges
}

func grid(n int) []edge {
	columns := int(math.Ceil(math.Sqrt(float64(n))))
	var edges []edge
	for i := range n {
		if i%columns > 0 {
			edges = append(edges, edge{i - 1, i})
		}
		if i >= columns {
			edges = append(edges, edge{i - columns, i})
		}
	}
	return edges
}

func hub(n, hubs int) ([]edge, error) {
	if links := hubs*(hubs-1)/2 + n - hubs; links > MaxLinks {
		return nil, fmt.Errorf("%d nodes have %d links, at most %d are possible", n, links, MaxLinks)
	}
	var edges []edge
	for i := range n {
		if i >= hubs {
			edges = append(edges, edge{i % hubs, i})
			continue
		}
		for k := range i {
			edges = append(edges, edge{k, i})
		}
	}
	return edges, nil
}
