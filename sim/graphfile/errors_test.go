package graphfile

import (
	"fmt"
	"strings"
	"testing"

	"receptor/sim/scenario"
)

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	const head = "<graphml>\n<key id='la' for='node' attr.name='lat'/><key id='lo' for='all' attr.name='lon'/>" +
		"<key id='d' attr.name='delay'/>\n<graph>\n"
	const tail = "</graph></graphml>"
	for _, c := range []struct {
		format     Format
		text, want string
	}{
		{GraphML, "", "f: there are no nodes"},
		{GraphML, "<graphml><graph/></graphml>", "f: there are no nodes"},
		{GraphML, "graph [", "f: there are no nodes"},
		{GraphML, "<html>\n</html>", "f:1: the document is a <html>, not a <graphml>"},
		{GraphML, "<graphml>\n<graph>\n</graphml>", "f:3: not XML: element <graph> closed by </graphml>"},
		{GraphML, "<graphml>\n<graph>", "f:2: not XML: unexpected EOF"},
		{GraphML, "<?xml version='1.0' encoding='latin1'?><graphml/>", `f:1: not XML: xml: encoding "latin1" declared`},
		{GraphML, head + "<node/>" + tail, "f:4: a node has no id"},
		{GraphML, head + "<node id='a'/>\n<node id='a'/>" + tail, `f:5: node "a" is there twice, first on line 4`},
		{GraphML, head + "<edge source='a'/>" + tail, "f:4: an edge needs a source and a target"},
		{GraphML, head + "<node id='a'/>\n<edge source='a' target='b'/>" + tail, `f:5: edge from "a" to "b": there is no node "b"`},
		{GraphML, head + "<node id='a'/><hyperedge/>" + tail, "f:4: a hyperedge joins more than two nodes"},
		{GraphML, head + "<node id='a'>\n<data key='la'>91</data><data key='lo'>0</data></node>" + tail,
			`f:4: node "a": latitude "91" is not a number from -90 to 90`},
		{GraphML, head + "<node id='a'><data key='la'>1</data><data key='lo'>nan</data></node>" + tail, `longitude "nan" is not a number`},
		{GraphML, head + "<edge source='a' target='a'><data key='d'>5</data></edge>" + tail, "f:4: edge: delay 5 has no unit: write 5ms"},
		{GraphML, strings.Repeat("<graphml>", maxDepth+1), "f:1: elements are nested more than 64 deep"},

		{GML, "", "f: there are no nodes"},
		{GML, "graph [\nnode [ id 1 ]\n", "f:3: the file ends within the list that begins on line 1"},
		{GML, "graph [\n] ]", `f:2: "]" where a key such as node is expected`},
		{GML, "graph [ node [\n12 1 ] ]", `f:2: "12" where a key such as node is expected`},
		{GML, "graph [ node [ id\n] ]", `f:2: "] ]" where the value of "id" is expected: a number, a string or a list`},
		{GML, "graph [ node [ id", `f:1: the end of the file where the value of "id" is expected`},
		{GML, "graph [ label \"x\n\n", `f:1: the string of "label" has no end`},
		{GML, "graph [\nnode [ label \"x\" ] ]", "f:2: a node has no id"},
		{GML, "graph [\nnode [ id 1 ]\nnode [ id 1 ] ]", `f:3: node "1" is there twice, first on line 2`},
		{GML, "graph [\nedge [ source 1 ] ]", "f:2: an edge needs a source and a target"},
		{GML, "graph [\nnode [ id 1 ] edge [ source 1 target 2 ] ]", `f:2: edge from "1" to "2": there is no node "2"`},
		{GML, "graph [ node [ id 1 lat x lon 1 ] ]", `f:1: node "1": latitude "x" is not a number`},
		{GML, "graph [ edge [ source 1 target 1 cost 0 ] ]", `f:1: edge: "0" is not a cost`},
		{GML, strings.Repeat("x [\n", maxDepth+1), "f:65: lists are nested more than 64 deep"},
		{GML, "<graphml/>", `f:1: "<graphml/>" where a key`},

		{Dot, "", "f:1: the end of the file where graph or digraph is expected"},
		{Dot, "graph {}", "f: there are no nodes"},
		{Dot, "graf { a }", `f:1: "graf" where graph or digraph is expected`},
		{Dot, "graph x y { a }", `f:1: "y" where "{" is expected`},
		{Dot, "graph {\na -- b\n", "f:3: the file ends within the graph that begins on line 1"},
		{Dot, "graph { a }\ngraph { b }", `f:2: "graph" after the end of the graph: a file must have one graph`},
		{Dot, "graph {\na -> b }", `f:2: "->" in a graph: its edges are written "--"`},
		{Dot, "digraph {\na -- b }", `f:2: "--" in a digraph: its edges are written "->"`},
		{Dot, "graph { a --\n}", `f:2: "}" where a node, an edge, an attribute or a subgraph is expected`},
		{Dot, "graph { a:\n:b }", `f:2: ":" where a port is expected`},
		{Dot, "graph { a [lat=\n] }", `f:2: "]" where the value of "lat" is expected`},
		{Dot, "graph { a [=] }", `f:1: "=" where an attribute is expected`},
		{Dot, "graph { a = }", `f:1: "}" where the value of an attribute of the graph is expected`},
		{Dot, "graph { a [lat=1\n", `f:2: the end of the file where an attribute is expected`},
		{Dot, "graph { {a} [lat=1] }", `f:1: "[" where a node, an edge, an attribute or a subgraph is expected`},
		{Dot, "graph { subgraph x -- b }", `f:1: "--" where "{" is expected`},
		{Dot, "graph {\n\"a }", "f:2: the string has no end"},
		{Dot, "graph { \"a\" +\nb }", `f:2: "b }" where a string is expected, after +`},
		{Dot, "graph { /*\n", "f:1: the comment has no end"},
		{Dot, "graph { \"a\" /*\n", "f:1: the comment has no end"},
		{Dot, "graph { <a<b>\n", "f:1: the text in angle brackets has no end"},
		{Dot, "graph {\na - b }", `f:2: "- b }" is not a part of the dot language (quote an ID`},
		{Dot, "graph {\na -- b@c }", `f:2: "@c }" is not a part of the dot language`},
		{Dot, "graph {\na\na [lat=1 lon=x] }", `f:2: node "a": longitude "x" is not a number`},
		{Dot, "graph {\n\na -- b -- c [delay=x] }", `f:3: edge: delay "x" is not a duration`},
		{Dot, "graph {" + strings.Repeat("{\n", maxDepth+1), "f:64: subgraphs are nested more than 64 deep"},

		{"yaml", "a", `f: there is no format "yaml", but [graphml gml dot]`},
	} {
		if got := fails(t, c.format, c.text); !strings.HasPrefix(got, "f:") || !strings.Contains(got, c.want) {
			t.Errorf("%s %q: problem is %s, want %s", c.format, c.text, got, c.want)
		}
	}
}

// What a file quotes in an error is as long as the file likes.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1e6)
	for _, c := range []struct {
		format Format
		text   string
	}{
		{GraphML, "<graphml><graph><node id='" + long + "'/><node id='" + long + "'/></graph></graphml>"},
		{GML, "graph [ node [ id 1 lat 1 lon \"" + long + "\" ] ]"},
		{GML, "graph [ node [ " + long + " ] ]"},
		{GML, "<" + long},
		{Dot, long + " {"},
		{Dot, "graph { a -- \"" + long + "\" ->"},
		{Dot, "graph { a -> \"" + long + "\" }"},
	} {
		if got := fails(t, c.format, c.text); len(got) > 300 {
			t.Errorf("%s %.40q: the problem has %d bytes", c.format, c.text, len(got))
		}
	}
}

func TestBoundsOfAGraph(t *testing.T) {
	t.Parallel()
	if got := fails(t, GML, strings.Repeat("#", MaxSize+1)); got != "f: the file has more than the 256 MiB that are possible" {
		t.Error(got)
	}
	var nodes strings.Builder
	nodes.WriteString("graph [\n")
	for i := range scenario.MaxNodes + 1 {
		fmt.Fprintf(&nodes, "node [ id %d ]\n", i)
	}
	nodes.WriteString("]")
	if got := fails(t, GML, nodes.String()); got != "f:100002: there are more than the 100000 nodes that are possible" {
		t.Error(got)
	}
	// A few kilobytes that ask for a million edges, and for one more.
	side := func(prefix string) string {
		var text strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&text, "%s%d ", prefix, i)
		}
		return text.String()
	}
	text := "graph {\n{" + side("a") + "} -- {" + side("b") + "}\n"
	if g, err := Parse(Dot, "f", []byte(text+"}")); err != nil || len(g.Edges) != scenario.MaxLinks {
		t.Errorf("a thousand to a thousand: %v", err)
	}
	if got := fails(t, Dot, text+"a1 -- a2 }"); got != "f:3: there are more than the 1000000 edges that are possible" {
		t.Error(got)
	}
}

// A long chain of the same edges, and nested mentions, take time in
// proportion: the square of it would outlast the limit of the test.
func TestHostileShapes(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("{", maxDepth-1)
	for name, text := range map[string]string{
		"chain":      "graph { a" + strings.Repeat(" -- a", 200_000) + "}",
		"mentions":   "graph {" + deep + strings.Repeat("a ", 200_000) + strings.Repeat("}", maxDepth-1) + "}",
		"attributes": "graph { a [" + strings.Repeat("x=y,", 200_000) + "] }",
		"strings":    "graph { a [x=" + strings.Repeat(`""+`, 200_000) + `""] }`,
		"comments":   "graph { a " + strings.Repeat(`/**/`, 200_000) + "}",
	} {
		if _, err := Parse(Dot, "f", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
