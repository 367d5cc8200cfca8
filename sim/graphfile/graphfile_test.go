package graphfile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim/scenario"
)

const ms = time.Millisecond

// The same network in each language: a has a place, b has one, c has none; a-b
// is there twice, b-c says its delay and cost, c-c is a loop, d is alone.
var network = map[Format]string{
	GraphML: `<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="k0" for="node" attr.name="label" attr.type="string"/>
  <key id="k1" for="node" attr.name="Latitude" attr.type="double"/>
  <key id="k2" for="node" attr.name="Longitude" attr.type="double"/>
  <key id="k3" for="edge" attr.name="delay" attr.type="string"/>
  <key id="k4" for="edge" attr.name="cost" attr.type="double"/>
  <key id="k5" for="edge" attr.name="label" attr.type="string"/>
  <graph id="g" edgedefault="undirected">
    <data key="k0">not a node's</data>
    <edge source="0" target="1"/>
    <node id="0"><data key="k0">Köln</data><data key="k1">50.94</data><data key="k2">6.96</data></node>
    <node id="1"><data key="k0">Bonn &amp; Rhein</data><data key="k2">7.1</data><data key="k1"> 50.73 </data><data key="k9">x</data></node>
    <node id="2"><port name="p"><data key="k0">no label of the node</data></port></node>
    <node id="3"><desc>alone</desc></node>
    <edge id="e" source="1" target="2"><data key="k3">7ms</data><data key="k4">2.5</data><data key="k5">x</data></edge>
    <edge source="1" target="0"/><edge source="2" target="2"/>
  </graph>
</graphml>`,
	GML: `# a comment
Creator "someone"
graph [
  directed 0
  label "not a node's"
  edge [ source 0 target 1 ]
  node [ id 0 label "K&#246;ln" Latitude 50.94 Longitude +6.96 ]
  node [ id 1 label "Bonn &amp; Rhein" Longitude 7.1 Latitude 5.073e1
    graphics [ x 1.0 label "not the node's" Line [ point [ x 1 y 2 ] ] ] ]
  node [ id 2 ] node [ id 3 ]
  edge [ source 1 target 2 delay "7ms" cost 2.5 label "x" ]
  edge [ source 1 target 0 ] # once more
  edge [ source 2 target 2 ]
]`,
	Dot: `/* a
comment */
# 1 "a line of a preprocessor"
strict graph "g" {
  label = "not a node's"; rankdir=LR
  edge [cost=2.5, color=red]
  subgraph s { edge [cost=1]; 0:port:n -- 1 }
  0 [label="Köln" lat=50.94]; 0 [lon=6.96]
  node [shape=box]
  1 [label="Bonn " + "& Rhein"][lat=50.73; lon=7.1] // once more
  2 [label=<<b>html</b>>]
  3 [label="\N"];
  1 -- 2 [delay="7ms"];
  edge [cost=1]
  1 -- 0
  2 -- 2
}`,
}

func TestFormatsSayTheSame(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		g, err := Parse(format, "f", []byte(network[format]))
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		var nodes []string
		for _, n := range g.Nodes {
			text := n.ID + " " + n.Label
			if n.Place != nil {
				text += fmt.Sprintf(" %v %v", n.Place.Latitude, n.Place.Longitude)
			}
			nodes = append(nodes, text)
		}
		if want := []string{"0 Köln 50.94 6.96", "1 Bonn & Rhein 50.73 7.1", "2 ", "3 "}; !slices.Equal(nodes, want) {
			t.Errorf("%s: nodes are %q, want %q", format, nodes, want)
		}
		unknown := Edge{Delay: -1}
		if format == Dot {
			unknown.Cost = 1 // as the defaults of edges in it say
		}
		want := []Edge{{0, 1, -1, unknown.Cost}, {1, 2, 7 * ms, 2.5}, {1, 0, -1, unknown.Cost}, {2, 2, -1, unknown.Cost}}
		if !slices.Equal(g.Edges, want) {
			t.Errorf("%s: edges are %v, want %v", format, g.Edges, want)
		}
	}
}

func TestScenarioOfAGraph(t *testing.T) {
	t.Parallel()
	g, err := Parse(GML, "f", []byte(network[GML]))
	if err != nil {
		t.Fatal(err)
	}
	s, notes, err := g.Scenario(Options{Name: "rhein", Backend: scenario.UDP, For: time.Minute, Delay: 3 * ms})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
# Delays of 1 link are as the file says.
# Delays of 1 link follow from the great-circle distance of the ends, at two thirds of the speed of light.
# Left out: 1 edge between nodes that others join too (the one with the least delay stays).
# Left out: 1 edge from a node to itself.
# The graph is in 2 parts that no edge joins, of 3, 1 nodes.
name: rhein
seed: 1
for: 1m0s
nodes: [Köln, Bonn & Rhein, "2", "3"]
links:
  - {from: Köln, to: Bonn & Rhein, backend: udp, cost: 1, delay: 130µs}
  - {from: Bonn & Rhein, to: "2", backend: udp, cost: 2.5, delay: 7ms}
`, "\n")
	if got := string(s.Encode(strings.Join(notes, "\n"))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s, notes, err = g.Scenario(Options{Backend: scenario.TCP, For: time.Minute, Largest: true})
	if err != nil || len(s.Nodes) != 3 || len(s.Links) != 2 || notes[len(notes)-1] != "Only the largest is left, with 3 nodes and 2 links." {
		t.Errorf("of the largest part: %d nodes, %d links, %v, %v", len(s.Nodes), len(s.Links), notes, err)
	}
}

// Which of the edges between two nodes stays, and what it takes from the others.
func TestParallelEdges(t *testing.T) {
	t.Parallel()
	g, err := Parse(Dot, "f", []byte(`digraph { a -> b; b -> a [delay="2ms" cost=7]; a -> b [delay="2ms" cost=8]; b -> a [delay="9ms"] }`))
	if err != nil {
		t.Fatal(err)
	}
	s, notes, err := g.Scenario(Options{Backend: scenario.TCP, For: time.Minute, Delay: 3 * ms})
	if err != nil || len(s.Links) != 1 {
		t.Fatalf("links are %v, %v", s.Links, err)
	}
	if l := s.Links[0]; l.From != "a" || l.Cost != 7 || l.Forward.Delay != 2*ms || l.Back.Delay != 2*ms {
		t.Errorf("link is %+v, want that of the first edge with 2ms, dialled by a", l)
	}
	if want := "Left out: 3 edges between"; !strings.HasPrefix(notes[1], want) {
		t.Errorf("notes are %q, want %q", notes, want)
	}
}

func TestDefaultDelayIsNamed(t *testing.T) {
	t.Parallel()
	g, err := Parse(Dot, "f", []byte(`graph { a [lat=1 lon=2]; a -- b -- c }`))
	if err != nil {
		t.Fatal(err)
	}
	s, notes, err := g.Scenario(Options{Backend: scenario.TCP, For: time.Minute, Delay: 3 * ms})
	if err != nil || s.Links[0].Forward.Delay != 3*ms || s.Links[1].Back.Delay != 3*ms {
		t.Errorf("links are %v, %v, want 3ms each", s.Links, err)
	}
	if want := []string{"Delays of 2 links are the default, 3ms: the file has no coordinates for one end or both."}; !slices.Equal(notes, want) {
		t.Errorf("notes are %q, want %q", notes, want)
	}
}

func TestAbilene(t *testing.T) {
	t.Parallel()
	const path = "testdata/Abilene.graphml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Parse(GraphML, path, text)
	if err != nil {
		t.Fatal(err)
	}
	s, notes, err := g.Scenario(Options{Backend: scenario.TCP, For: time.Minute})
	if err != nil || len(s.Nodes) != 11 || len(s.Links) != 14 || len(s.Parts()) != 1 || len(notes) != 1 {
		t.Errorf("%d nodes, %d links, notes %q, %v", len(s.Nodes), len(s.Links), notes, err)
	}
	// 1,146 km are 5.73 ms.
	if l := s.Links[0]; l.Name() != "New York-Chicago" || l.Forward.Delay != 5730*time.Microsecond {
		t.Errorf("first link is %+v", l)
	}
}

// What a key of GraphML gives to those that have none of their own, and a graph
// within a node.
func TestGraphMLDefaultsAndNesting(t *testing.T) {
	t.Parallel()
	g, err := Parse(GraphML, "f", []byte(`<graphml>
<key id="d" for="edge" attr.name="delay"><desc>x</desc><default>9ms</default></key>
<key id="l" for="node" attr.name="label"><default>node</default></key>
<graph><node id="a"><data key="l">A</data><graph><node id="b"/><edge source="b" target="a"/></graph><data key="d">1ms</data></node>
<edge source="a" target="b"><data key="d">2ms</data></edge></graph></graphml>`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Node{{ID: "b", Label: "node"}, {ID: "a", Label: "A"}}; !slices.Equal(g.Nodes, want) {
		t.Errorf("nodes are %v, want %v", g.Nodes, want)
	}
	if want := []Edge{{0, 1, 9 * ms, 0}, {1, 0, 2 * ms, 0}}; !slices.Equal(g.Edges, want) {
		t.Errorf("edges are %v, want %v", g.Edges, want)
	}
}

func TestDotSubgraphsAreEnds(t *testing.T) {
	t.Parallel()
	g, err := Parse(Dot, "f", []byte(`digraph { {a b a} -> subgraph x { c; d -> c } -> e; {f} }`))
	if err != nil {
		t.Fatal(err)
	}
	var edges []string
	for _, e := range g.Edges {
		edges = append(edges, g.Nodes[e.From].ID+g.Nodes[e.To].ID)
	}
	if got, want := strings.Join(edges, " "), "dc ac ad bc bd ce de"; got != want || len(g.Nodes) != 6 {
		t.Errorf("edges are %s of %d nodes, want %s of 6", got, len(g.Nodes), want)
	}
}

// What Graphviz takes as an ID.
func TestDotIDs(t *testing.T) {
	t.Parallel()
	g, err := Parse(Dot, "f", []byte(`GRAPH { a_1; ünal; -.5; 3.; "a \"b\" \\ c\
d"; "Node"; <x <y>> ; "sub" + /* joined */ "graph" }`))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, n := range g.Nodes {
		ids = append(ids, n.ID)
	}
	if want := []string{"a_1", "ünal", "-.5", "3.", `a "b" \\ cd`, "Node", "<x <y>>", "subgraph"}; !slices.Equal(ids, want) {
		t.Errorf("nodes are %q, want %q", ids, want)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b Place
		km   float64
	}{
		{Place{0, 0}, Place{0, 0}, 0},
		{Place{0, 0}, Place{0, 1}, 111.19},
		{Place{60, 0}, Place{60, 180}, 6671.7},                     // over the pole
		{Place{10, 179}, Place{10, -179}, 219},                     // across the date line
		{Place{90, 17}, Place{-90, -3}, 20015},                     // from pole to pole
		{Place{0, -60}, Place{0, 300}, 0},                          // one meridian, called two ways
		{Place{51.5074, -0.1278}, Place{40.7128, -74.006}, 5570.2}, // London, New York
	} {
		if got := c.a.Distance(c.b); math.Abs(got-c.km) > 0.001*c.km+0.01 {
			t.Errorf("from %v to %v: %v km, want %v", c.a, c.b, got, c.km)
		}
		if back := c.b.Distance(c.a); math.Abs(back-c.a.Distance(c.b)) > 1e-9 {
			t.Errorf("from %v to %v is not as far as back", c.a, c.b)
		}
	}
}

func TestNodeIDs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 200) // 400 bytes
	for _, c := range []struct{ labels, want []string }{
		{[]string{"a", "b", "a", "a"}, []string{"a", "b", "a-2", "a-3"}},
		{[]string{"a", "a", "a-2", "a-2", "a"}, []string{"a", "a-3", "a-2", "a-2-2", "a-4"}},
		{[]string{"", "", "0"}, []string{"0", "1", "0-2"}}, // unlabelled: the ID, which is the number
		{[]string{" New\n York ", "a/b", "x\x00y\xff", "\t"}, []string{"New York", "a-b", "x-y-", "3"}},
		{[]string{"localhost", "LocalHost", ".", ".."}, []string{"node-localhost", "node-LocalHost", "node-.", "node-.."}},
		{[]string{long, long}, []string{long[:254], long[:246] + "-2"}},
	} {
		nodes := make([]Node, len(c.labels))
		for i, l := range c.labels {
			nodes[i] = Node{ID: fmt.Sprint(i), Label: l}
		}
		got, note := nodeIDs(nodes)
		if !slices.Equal(got, c.want) {
			t.Errorf("labels %q became %q, want %q", c.labels, got, c.want)
		}
		if c.labels[0] == "a" && (note == "" || !strings.Contains(note, got[1]) && !strings.Contains(note, got[2])) {
			t.Errorf("labels %q repeat, and the note is %q", c.labels, note)
		}
	}
}

// Labels that repeat, and begin alike, must not take quadratic time.
func TestManyRepeatedLabels(t *testing.T) {
	t.Parallel()
	blank, _ := nodeIDs([]Node{{ID: " "}, {ID: "\t"}})
	if !slices.Equal(blank, []string{"node", "node-2"}) {
		t.Errorf("nodes without any name are %q", blank)
	}
	nodes := make([]Node, scenario.MaxNodes)
	for i := range nodes {
		label := strings.Repeat("x", 250)
		if i%2 == 0 {
			label += fmt.Sprint(i % 1000)
		}
		nodes[i] = Node{ID: fmt.Sprint(i), Label: label}
	}
	ids, _ := nodeIDs(nodes)
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(nodes) {
		t.Error("two nodes have one ID")
	}
}

func TestFormatOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]Format{"a.graphml": GraphML, "a/b.XML": GraphML, "x.gml": GML, "x.dot": Dot, "x.y.gv": Dot} {
		if got, err := FormatOf(path); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	if _, err := FormatOf("net.json"); err == nil || !strings.Contains(err.Error(), `net.json: a name with the extension ".json" does not say`) {
		t.Errorf("error is %v", err)
	}
}

// fails returns the one mistake of a file, which Parse must find.
func fails(t *testing.T, format Format, text string) string {
	t.Helper()
	g, err := Parse(format, "f", []byte(text))
	var problems scenario.Problems
	if g != nil || !errors.As(err, &problems) || len(problems) != 1 {
		t.Errorf("%s %.60q: got a graph, or no problem: %v", format, text, err)
		return ""
	}
	return err.Error()
}
