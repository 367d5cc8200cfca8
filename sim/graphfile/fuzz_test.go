package graphfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"receptor/sim/scenario"
)

// FuzzParse: no file makes a reader fail otherwise than with one problem, and a
// scenario that is made of one is sound, and can be written and read again.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/Abilene.graphml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, string(text))
	for i, format := range Formats() {
		f.Add(i, network[format])
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		formats := Formats()
		format := formats[uint(which)%uint(len(formats))]
		g, err := Parse(format, "f", []byte(text))
		if err != nil {
			var problems scenario.Problems
			if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line > 1+strings.Count(text, "\n") {
				t.Fatalf("error is not a problem of the file: %v", err)
			}
			return
		}
		if len(g.Edges) > 10_000 {
			return // to write and read it takes long
		}
		for _, largest := range []bool{false, true} {
			s, _, err := g.Scenario(Options{Backend: scenario.TCP, For: time.Second, Largest: largest})
			if err != nil {
				t.Fatalf("the scenario is not sound: %v", err)
			}
			if largest && len(s.Parts()) != 1 {
				t.Fatalf("the largest part is in %d parts", len(s.Parts()))
			}
			if _, err := scenario.Parse("again", s.Encode("")); err != nil {
				t.Fatalf("what was written cannot be read: %v\n%s", err, s.Encode(""))
			}
		}
	})
}

// large returns a graph of 50,000 nodes and 100,000 edges.
func large(format Format) string {
	const nodes = 50_000
	var b strings.Builder
	forms := map[Format][4]string{
		GraphML: {
			"<graphml><key id=\"a\" for=\"node\" attr.name=\"label\"/><key id=\"b\" for=\"node\" attr.name=\"Latitude\"/>" +
				"<key id=\"c\" for=\"node\" attr.name=\"Longitude\"/><key id=\"d\" for=\"edge\" attr.name=\"LinkSpeed\"/><graph>\n",
			"<node id=\"%d\"><data key=\"a\">city %[1]d</data>\n<data key=\"b\">%[2]v</data>\n<data key=\"c\">%[3]v</data></node>\n",
			"<edge source=\"%d\" target=\"%d\"><data key=\"d\">10</data></edge>\n",
			"</graph></graphml>\n",
		},
		GML: {
			"graph [\n",
			"  node [\n    id %d\n    label \"city %[1]d\"\n    Latitude %[2]v\n    Longitude %[3]v\n  ]\n",
			"  edge [\n    source %d\n    target %d\n    LinkSpeed \"10\"\n  ]\n",
			"]\n",
		},
		Dot: {
			"graph {\n",
			"  %d [label=\"city %[1]d\", lat=%[2]v, lon=%[3]v];\n",
			"  %d -- %d [label=\"10 Gbit/s\"];\n",
			"}\n",
		},
	}[format]
	b.WriteString(forms[0])
	for i := range nodes {
		fmt.Fprintf(&b, forms[1], i, float64(i%180)-89.5, float64(i%360)-179.5)
	}
	for i := range 2 * nodes {
		fmt.Fprintf(&b, forms[2], i%nodes, (i*7+i/nodes+1)%nodes)
	}
	b.WriteString(forms[3])
	return b.String()
}

// BenchmarkImport reads 100,000 edges and writes the scenario.
func BenchmarkImport(b *testing.B) {
	for _, format := range Formats() {
		b.Run(string(format), func(b *testing.B) {
			text := []byte(large(format))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				g, err := Parse(format, "f", text)
				if err != nil {
					b.Fatal(err)
				}
				s, _, err := g.Scenario(Options{Backend: scenario.TCP, For: time.Minute, Delay: time.Millisecond})
				if err != nil {
					b.Fatal(err)
				}
				if len(s.Links) < 90_000 {
					b.Fatalf("%d links", len(s.Links))
				}
				s.Encode("")
			}
		})
		b.Run(string(format)+"/parse", func(b *testing.B) {
			text := []byte(large(format))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Parse(format, "f", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
