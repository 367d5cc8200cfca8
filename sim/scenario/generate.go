package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"receptor/sim/seed"
)

// Kind is a family of topologies.
type Kind string

// Kinds of topologies that can be generated. Nodes are n1, n2, ..., with as
// many digits as the last of them has, except where the kind names them.
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
	// ErdosRenyi links each pair of nodes with the same Probability, and adds the
	// fewest links that make the graph connected.
	ErdosRenyi Kind = "erdos-renyi"
	// BarabasiAlbert adds one node after the other with Degree links (2) to those
	// that are there, more likely to those with many links.
	BarabasiAlbert Kind = "barabasi-albert"
	// Waxman puts the nodes on a plane; near ones are linked more likely, and
	// delays follow from distances. It adds the fewest links that make the graph
	// connected.
	Waxman Kind = "waxman"
	// FatTree is the network of a data centre, of switches with Degree ports. Its
	// nodes are core1, pod1-agg1, pod1-edge1, pod1-host1 and so on.
	FatTree Kind = "fat-tree"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		Line, Ring, Star, Tree, Grid, Full, Hub,
		RandomRegular, ErdosRenyi, BarabasiAlbert, Waxman, FatTree,
	}
}

// parameters are those that a kind takes beside the number of nodes.
var parameters = map[Kind][]string{
	Tree: {"degree"}, Hub: {"degree"}, RandomRegular: {"degree"}, BarabasiAlbert: {"degree"}, FatTree: {"degree"},
	ErdosRenyi: {"probability"},
	Waxman:     {"alpha", "beta", "side"},
}

// Generate describes a topology that is made rather than written down.
type Generate struct {
	Kind Kind
	// Nodes may be 0 for a FatTree with a Degree: then that says how many.
	Nodes int
	// Degree means what the kind says; 0 is the kind's own default. That of
	// FatTree is the greatest with which every host has a port of its own.
	Degree int
	// Probability is that of a link between two nodes of ErdosRenyi; 0: so that a
	// node has 4 links on average.
	Probability float64
	// Two nodes of Waxman are linked with the probability
	// Alpha*exp(-distance/(Beta*diagonal)). Alpha 0: so that a node has 4 links on
	// average; Beta 0: 0.1.
	Alpha, Beta float64
	// Side is that of the square of Waxman, in km; 0: 1000.
	Side float64
	// Seed fixes what is drawn, whatever seed the run has; nil: that of the run.
	Seed *uint64

	wire linkSpec
	line int
}

// NewGenerate returns the description of a topology whose links are TCP, cost 1
// and take no time.
func NewGenerate(kind Kind, nodes int) *Generate {
	return &Generate{Kind: kind, Nodes: nodes, wire: linkSpec{backend: TCP, cost: Fixed(1.0)}}
}

// SetWire says what each link is drawn from, the same for both directions.
func (g *Generate) SetWire(backend Backend, cost Range[float64], delay, jitter Range[time.Duration], loss Range[float64]) {
	g.wire = linkSpec{backend: backend, cost: cost, wires: map[string]pair{
		"delay": both(nanoseconds(delay)), "jitter": both(nanoseconds(jitter)), "loss": both(loss),
	}}
}

func (d *decoder) generator(n *yaml.Node) *Generate {
	g := NewGenerate("", 0)
	g.line = n.Line
	problems := len(d.problems)
	d.mapping(n, "generate", append(d.wireFields(&g.wire),
		required("kind", scalar(d, "kind", &g.Kind, parseOneOf(Kinds()...))),
		optional("nodes", scalar(d, "nodes", &g.Nodes, parseCount(1, MaxNodes))),
		optional("degree", scalar(d, "degree", &g.Degree, parseCount(1, MaxNodes))),
		optional("probability", scalar(d, "probability", &g.Probability, parsePositive)),
		optional("alpha", scalar(d, "alpha", &g.Alpha, parsePositive)),
		optional("beta", scalar(d, "beta", &g.Beta, parsePositive)),
		optional("side", scalar(d, "side", &g.Side, parsePositive)),
		optional("seed", func(n *yaml.Node) {
			g.Seed = new(uint64)
			scalar(d, "seed", g.Seed, parseSeed)(n)
		}))...)
	if len(d.problems) == problems && g.Nodes == 0 && g.Kind != FatTree {
		d.fail(n, "generate: key %q is missing", "nodes")
	}
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
	l, err := g.layout(seed.Rand(master, "topology", string(g.Kind)))
	if err != nil {
		return nil, nil, fmt.Errorf("generate %s: %w", g.Kind, err)
	}
	sort.Slice(l.edges, func(i, j int) bool {
		a, b := l.edges[i], l.edges[j]
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	nodes := make([]Node, len(l.ids))
	for i, id := range l.ids {
		nodes[i].ID = id
	}
	links := make([]Link, len(l.edges))
	for i, e := range l.edges {
		spec := g.wire
		spec.from, spec.to = l.ids[e[0]], l.ids[e[1]]
		links[i] = spec.draw(master)
		if l.delay != nil {
			d := l.delay(e)
			links[i].Forward.Delay += d
			links[i].Back.Delay += d
		}
	}
	return nodes, links, nil
}

// layout is a topology by the numbers of its nodes.
type layout struct {
	ids   []string
	edges []edge
	// delay is what the length of a link adds to its delay; nil: nothing.
	delay func(edge) time.Duration
}

// numbered returns n1 to the given number.
func numbered(nodes int) []string {
	ids := make([]string, nodes)
	for i := range ids {
		ids[i] = fmt.Sprintf("n%0*d", width(nodes), i+1)
	}
	return ids
}

func width(n int) int { return len(strconv.Itoa(n)) }

func (g *Generate) layout(r *rand.Rand) (layout, error) {
	if err := g.check(); err != nil {
		return layout{}, err
	}
	switch g.Kind {
	case Waxman:
		return g.waxman(r)
	case FatTree:
		t, err := g.fatTree()
		if err != nil {
			return layout{}, err
		}
		return t.layout()
	}
	edges, err := g.edges(r)
	return layout{ids: numbered(g.Nodes), edges: edges}, err
}

// check reports a parameter that no topology, or not this kind, can have.
func (g *Generate) check() error {
	if !slices.Contains(Kinds(), g.Kind) {
		kinds := make([]string, 0, len(Kinds()))
		for _, k := range Kinds() {
			kinds = append(kinds, string(k))
		}
		return fmt.Errorf("there is no such kind, but %s", strings.Join(kinds, ", "))
	}
	if n := g.Nodes; (n < 1 || n > MaxNodes) && !(g.Kind == FatTree && n == 0) {
		return fmt.Errorf("%d nodes are not possible, from 1 to %d are", n, MaxNodes)
	}
	for _, p := range []struct {
		name        string
		value, most float64
	}{
		{"degree", float64(g.Degree), MaxNodes},
		{"probability", g.Probability, 1},
		{"alpha", g.Alpha, 1},
		{"beta", g.Beta, maxBeta},
		{"side", g.Side, maxSide},
	} {
		if p.value == 0 {
			continue
		}
		if takes := parameters[g.Kind]; !slices.Contains(takes, p.name) {
			return fmt.Errorf("this kind takes no %s%s", p.name, insteadTakes(takes))
		}
		if !(p.value > 0 && p.value <= p.most) {
			return fmt.Errorf("%s %v is not possible: it must be above 0, and %v at most", p.name, p.value, p.most)
		}
	}
	return nil
}

func insteadTakes(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", but " + strings.Join(names, ", ")
}

// edges makes the kinds that have numbered nodes and links without length.
func (g *Generate) edges(r *rand.Rand) ([]edge, error) {
	n := g.Nodes
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
		return tree(n, orDefault(g.Degree, 2)), nil
	case Grid:
		return grid(n), nil
	case Full:
		return hub(n, n)
	case Hub:
		return hub(n, min(n, orDefault(g.Degree, 3)))
	case RandomRegular:
		return randomRegular(n, orDefault(g.Degree, 4), r)
	case ErdosRenyi:
		return erdosRenyi(n, g.Probability, r)
	case BarabasiAlbert:
		return barabasiAlbert(n, orDefault(g.Degree, 2), r)
	}
	panic(fmt.Sprintf("scenario: kind %q is checked, but not made", g.Kind))
}

func orDefault[T int | float64](value, otherwise T) T {
	if value != 0 {
		return value
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
