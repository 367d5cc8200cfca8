package scenario

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// graph is a generated topology as the tests of generators look at it.
type graph struct {
	*Scenario
	degree map[string]int
}

func generated(t testing.TB, g *Generate, seed uint64) graph {
	t.Helper()
	s, err := g.Scenario("x", seed) // which also checks that no link is there twice
	if err != nil {
		t.Fatalf("%+v: %v", g, err)
	}
	degree := map[string]int{}
	for _, l := range s.Links {
		degree[l.From]++
		degree[l.To]++
	}
	return graph{s, degree}
}

// degrees returns how many nodes have each number of links.
func (g graph) degrees() map[int]int {
	count := map[int]int{}
	for _, n := range g.Nodes {
		count[g.degree[n.ID]]++
	}
	return count
}

func with(kind Kind, nodes int, set func(*Generate)) *Generate {
	g := NewGenerate(kind, nodes)
	if set != nil {
		set(g)
	}
	return g
}

// What is true of every kind at every size that it can have.
func TestEveryKindIsConnectedAndFollowsItsSeed(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		for _, nodes := range []int{8, 30, 61} {
			if kind == RandomRegular && nodes%2 != 0 {
				nodes++
			}
			for seed := range uint64(4) {
				g := generated(t, NewGenerate(kind, nodes), seed)
				if len(g.Nodes) != nodes || len(g.Parts()) != 1 {
					t.Errorf("%s, seed %d: %d nodes in %d parts, want %d in one", kind, seed, len(g.Nodes), len(g.Parts()), nodes)
				}
				again := generated(t, NewGenerate(kind, nodes), seed)
				if !slices.Equal(g.Links, again.Links) || !reflect.DeepEqual(g.Nodes, again.Nodes) {
					t.Errorf("%s of %d, seed %d: made twice it differs", kind, nodes, seed)
				}
			}
		}
	}
	for _, kind := range []Kind{RandomRegular, ErdosRenyi, BarabasiAlbert, Waxman} {
		a, b := generated(t, NewGenerate(kind, 30), 1), generated(t, NewGenerate(kind, 30), 2)
		if slices.Equal(a.Links, b.Links) {
			t.Errorf("%s: two seeds gave the same graph", kind)
		}
	}
}

func TestErdosRenyi(t *testing.T) {
	t.Parallel()
	// 400 nodes are 79,800 pairs; the deviation of the count is 119, 60 and 0.
	const nodes, pairs = 400, 400 * 399 / 2
	for _, p := range []float64{0.2, 0.05, 1} {
		for seed := range uint64(5) {
			g := generated(t, with(ErdosRenyi, nodes, func(g *Generate) { g.Probability = p }), seed)
			want, deviation := p*pairs, math.Sqrt(p*(1-p)*pairs)
			if got := float64(len(g.Links)); math.Abs(got-want) > 5*deviation {
				t.Errorf("probability %v, seed %d: %v links, %v were likely", p, seed, got, want)
			}
		}
	}
	// With next to no probability it is a tree: one link less than nodes.
	g := generated(t, with(ErdosRenyi, nodes, func(g *Generate) { g.Probability = 1e-12 }), 1)
	if len(g.Links) != nodes-1 {
		t.Errorf("%d links join %d nodes that have none, want %d", len(g.Links), nodes, nodes-1)
	}
}

// Every pair of nodes is as likely as any other.
func TestErdosRenyiDrawsPairsEvenly(t *testing.T) {
	t.Parallel()
	const nodes, seeds, p = 6, 2000, 0.9 // so dense that next to nothing is joined
	count := map[string]int{}
	for seed := range uint64(seeds) {
		for _, l := range generated(t, with(ErdosRenyi, nodes, func(g *Generate) { g.Probability = p }), seed).Links {
			count[l.Name()]++
		}
	}
	if len(count) != nodes*(nodes-1)/2 {
		t.Fatalf("%d pairs were drawn: %v", len(count), count)
	}
	for pair, n := range count {
		if deviation := math.Sqrt(seeds * p * (1 - p)); math.Abs(float64(n)-seeds*p) > 5*deviation {
			t.Errorf("%s was drawn %d times of %d, %v were likely", pair, n, seeds, seeds*p)
		}
	}
}

func TestBarabasiAlbert(t *testing.T) {
	t.Parallel()
	const nodes = 2000
	for _, links := range []int{1, 2, 3, 5} {
		g := generated(t, with(BarabasiAlbert, nodes, func(g *Generate) { g.Degree = links }), 7)
		if want := links*(links+1)/2 + (nodes-links-1)*links; len(g.Links) != want {
			t.Errorf("degree %d: %d links, want %d", links, len(g.Links), want)
		}
		degrees := g.degrees()
		for d := range degrees {
			if d < links {
				t.Errorf("degree %d: %d nodes have %d links", links, degrees[d], d)
			}
		}
		// The share of nodes with the least degree tends to 2/(links+2), and the
		// greatest degree grows with the root of their number: in a random graph
		// of as many links it would be below 30.
		if share, want := float64(degrees[links])/nodes, 2/float64(links+2); math.Abs(share-want) > 0.05 {
			t.Errorf("degree %d: %.2f of the nodes have the least degree, %.2f were likely", links, share, want)
		}
		most := 0
		for d := range degrees {
			most = max(most, d)
		}
		if most < 40 {
			t.Errorf("degree %d: no node has more than %d links", links, most)
		}
	}
}

func TestWaxman(t *testing.T) {
	t.Parallel()
	g := generated(t, with(Waxman, 500, func(g *Generate) { g.Side = 2000 }), 3)
	if n := len(g.Links); n < 800 || n > 1200 {
		t.Errorf("%d links of 500 nodes, 1000 were likely", n)
	}
	longest := FibreDelay(2000 * math.Sqrt2)
	for _, l := range g.Links {
		if d := l.Forward.Delay; d != l.Back.Delay || d < minFibreDelay || d > longest {
			t.Errorf("link %s: delays %v and %v, want equal ones of %v to %v", l.Name(), d, l.Back.Delay, minFibreDelay, longest)
		}
	}
	mean := func(beta float64) time.Duration {
		g := generated(t, with(Waxman, 300, func(g *Generate) { g.Beta = beta }), 3)
		sum := time.Duration(0)
		for _, l := range g.Links {
			sum += l.Forward.Delay
		}
		return sum / time.Duration(len(g.Links))
	}
	if short, long := mean(0.03), mean(10); long < 2*short {
		t.Errorf("the mean delay is %v with beta 0.03, and no more than %v with 10", short, long)
	}
	few := generated(t, with(Waxman, 300, func(g *Generate) { g.Alpha = 0.1 }), 3)
	many := generated(t, with(Waxman, 300, func(g *Generate) { g.Alpha = 0.8 }), 3)
	if len(many.Links) < 2*len(few.Links) {
		t.Errorf("%d links with alpha 0.1, %d with 0.8", len(few.Links), len(many.Links))
	}
}

// The delay of the file comes on top of that of the distance.
func TestWaxmanAddsTheDelayOfTheFile(t *testing.T) {
	t.Parallel()
	plain := generated(t, NewGenerate(Waxman, 20), 1)
	more := NewGenerate(Waxman, 20)
	more.SetWire(TCP, Fixed(1.0), Fixed(time.Second), Fixed(time.Duration(0)), Fixed(0.0))
	for i, l := range generated(t, more, 1).Links {
		if want := plain.Links[i].Forward.Delay + time.Second; l.Forward.Delay != want || l.Back.Delay != want {
			t.Errorf("link %s: delays %v and %v, want %v", l.Name(), l.Forward.Delay, l.Back.Delay, want)
		}
	}
}

func TestFibreDelay(t *testing.T) {
	t.Parallel()
	for km, want := range map[float64]time.Duration{
		0: 100 * time.Microsecond, 1: 100 * time.Microsecond, 200: time.Millisecond, 1001: 5010 * time.Microsecond, 6000: 30 * time.Millisecond,
	} {
		if got := FibreDelay(km); got != want {
			t.Errorf("%v km take %v, want %v", km, got, want)
		}
	}
}

func TestFatTree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ nodes, degree, cores, pods, hosts int }{
		{0, 4, 4, 4, 16},
		{36, 0, 4, 4, 16},
		{30, 4, 4, 4, 10},
		{0, 2, 1, 2, 2},
		{8, 0, 1, 2, 3}, // one host more than the ports are for, and too few for more switches
		{0, 8, 16, 8, 128},
		{500, 0, 25, 10, 375},
	} {
		g := generated(t, with(FatTree, c.nodes, func(g *Generate) { g.Degree = c.degree }), 1)
		count := map[string]int{}
		atEdge := map[string]int{}
		for _, n := range g.Nodes {
			role := strings.TrimRight(n.ID[strings.Index(n.ID, "-")+1:], "0123456789")
			count[role]++
			want := c.pods
			switch role {
			case "host":
				want = 1
			case "edge":
				atEdge[n.ID] = g.degree[n.ID] - c.pods/2
				want = g.degree[n.ID] // looked at below
			}
			if g.degree[n.ID] != want {
				t.Errorf("%+v: %s has %d links, want %d", c, n.ID, g.degree[n.ID], want)
			}
		}
		half := c.pods / 2
		if count["core"] != half*half || count["core"] != c.cores || count["agg"] != c.pods*half || count["edge"] != c.pods*half || count["host"] != c.hosts {
			t.Errorf("%+v: nodes are %v", c, count)
		}
		for id, hosts := range atEdge {
			if least := c.hosts / (c.pods * half); hosts < least || hosts > least+1 {
				t.Errorf("%+v: %s has %d hosts, want %d or one more", c, id, hosts, least)
			}
		}
	}
}

func TestFatTreeIsWiredAsOne(t *testing.T) {
	t.Parallel()
	g := generated(t, with(FatTree, 0, func(g *Generate) { g.Degree = 4 }), 1)
	var first []string
	for _, l := range g.Links {
		if l.From == "core1" || strings.HasPrefix(l.From, "pod1-") {
			first = append(first, l.Name())
		}
	}
	want := "core1-pod1-agg1 core1-pod2-agg1 core1-pod3-agg1 core1-pod4-agg1 " +
		"pod1-agg1-pod1-edge1 pod1-agg1-pod1-edge2 pod1-agg2-pod1-edge1 pod1-agg2-pod1-edge2 " +
		"pod1-edge1-pod1-host1 pod1-edge1-pod1-host2 pod1-edge2-pod1-host3 pod1-edge2-pod1-host4"
	if got := strings.Join(first, " "); got != want {
		t.Errorf("links of core1 and the first pod are\n%s, want\n%s", got, want)
	}
}

func TestParametersThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"kind: line, nodes: 4, degree: 2", "generate line: this kind takes no degree"},
		{"kind: tree, nodes: 4, alpha: 0.5", "generate tree: this kind takes no alpha, but degree"},
		{"kind: waxman, nodes: 4, probability: 0.5", "generate waxman: this kind takes no probability, but alpha, beta, side"},
		{"kind: erdos-renyi, nodes: 4, probability: 1.5", "probability 1.5 is not possible: it must be above 0, and 1 at most"},
		{"kind: erdos-renyi, nodes: 4, probability: 0", `probability: "0" is not a positive number`},
		{"kind: erdos-renyi, nodes: 10000, probability: 0.1", "10000 nodes have about 4999500 links with probability 0.1, at most 1000000"},
		{"kind: waxman, nodes: 4, alpha: 2", "alpha 2 is not possible"},
		{"kind: waxman, nodes: 4, beta: 1e9", "beta 1e+09 is not possible"},
		{"kind: waxman, nodes: 4, side: 1e9", "side 1e+09 is not possible"},
		{"kind: waxman, nodes: 20001", "20001 nodes would take too long, at most 20000"},
		{"kind: waxman, nodes: 2000, alpha: 1, beta: 1000", "there would be about 1998"},
		{"kind: barabasi-albert, nodes: 3, degree: 3", "degree 3 needs more than 3 nodes"},
		{"kind: barabasi-albert, nodes: 100000, degree: 11", "100000 nodes that bring 11 links each have more than the 1000000 links"},
		{"kind: fat-tree", "say how many nodes, or of which degree the switches are"},
		{"kind: fat-tree, degree: 3", "degree 3 is odd"},
		{"kind: fat-tree, degree: 1000", "degree 1000 makes 251250000 nodes, at most 100000"},
		{"kind: fat-tree, degree: 4, nodes: 20", "degree 4 makes 20 switches, which leaves no host of 20 nodes"},
		{"kind: fat-tree, nodes: 5", "degree 2 makes 5 switches, which leaves no host of 5 nodes"},
		{"kind: waxman", `generate: key "nodes" is missing`},
	} {
		_, err := Parse("f.yaml", []byte("generate: {"+c.text+"}"))
		if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:1: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", c.text, err, c.want)
		}
	}
	for _, set := range []func(*Generate){
		func(g *Generate) { g.Alpha = math.NaN() }, func(g *Generate) { g.Alpha = -1 }, func(g *Generate) { g.Side = math.Inf(1) },
	} {
		g := with(Waxman, 4, set)
		if _, err := g.Scenario("x", 1); err == nil {
			t.Errorf("%+v was taken", g)
		}
	}
}

// The sizes of the largest mesh that is simulated.
func TestTenThousandNodes(t *testing.T) {
	t.Parallel()
	for _, g := range large() {
		_, links, err := g.build(1)
		if err != nil || len(links) < 9_999 {
			t.Errorf("%s: %d links, %v", g.Kind, len(links), err)
		}
	}
}

func large() []*Generate {
	const nodes = 10_000
	var all []*Generate
	for _, k := range Kinds() {
		if k != Full { // more links than are possible
			all = append(all, NewGenerate(k, nodes))
		}
	}
	return all
}

func BenchmarkGenerate(b *testing.B) {
	for _, g := range large() {
		b.Run(string(g.Kind)+"-"+strconv.Itoa(g.Nodes), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := g.build(1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
