// Package graphfile reads networks that other programs have written down, as
// GraphML and GML (the Internet Topology Zoo uses both) or for Graphviz, and
// makes scenarios of them.
//
// Files come from anywhere: their size, their depth and what they may make are
// bounded, and whatever is in them, reading takes time in proportion to it.
package graphfile

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"receptor/sim/scenario"
)

// Format is a language that graphs are written in.
type Format string

// Formats that can be read.
const (
	GraphML Format = "graphml"
	GML     Format = "gml"
	Dot     Format = "dot" // of Graphviz
)

// Formats returns all formats.
func Formats() []Format { return []Format{GraphML, GML, Dot} }

// FormatOf returns the format that the extension of a file stands for.
func FormatOf(path string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".graphml", ".xml":
		return GraphML, nil
	case ".gml":
		return GML, nil
	case ".dot", ".gv":
		return Dot, nil
	default:
		return "", fmt.Errorf("%s: a name with the extension %q does not say which format it has: graphml, gml or dot", path, ext)
	}
}

// Bounds of a file.
const (
	// MaxSize is the most bytes that a file may have.
	MaxSize = 256 << 20
	// maxDepth is how deep elements, lists and subgraphs may be nested.
	maxDepth = 64
)

// Graph is a network as a file describes it: edges may repeat, and have one
// node at both ends; the nodes may be in parts.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

// Node is one node of a graph.
type Node struct {
	// ID is what edges call it, unique in the graph.
	ID string
	// Label is its name for people; "": none. Labels may repeat.
	Label string
	// Place is where on earth it is; nil: the file does not say.
	Place *Place
}

// Edge joins two nodes, by their index.
type Edge struct {
	From, To int
	// Delay is what the file says of it; negative: nothing.
	Delay time.Duration
	// Cost is what the file says of it; 0: nothing.
	Cost float64
}

// Parse reads a graph; path names the file in errors. The error is a
// scenario.Problems with the first mistake.
func Parse(format Format, path string, data []byte) (*Graph, error) {
	b := newBuilder(path)
	if len(data) > MaxSize {
		return nil, b.fail(0, "the file has more than the %d MiB that are possible", MaxSize>>20)
	}
	var err error
	switch format {
	case GraphML:
		err = readGraphML(b, data)
	case GML:
		err = readGML(b, string(data))
	case Dot:
		err = readDot(b, string(data))
	default:
		err = b.fail(0, "there is no format %q, but %v", format, Formats())
	}
	if err != nil {
		return nil, err
	}
	return b.finish()
}

// problem returns a scenario.Problems with one mistake.
func problem(path string, line int, format string, args ...any) error {
	return scenario.Problems{{File: path, Line: line, Text: fmt.Sprintf(format, args...)}}
}

// quote shows a text of a file in an error; the file decides how long it is.
func quote(s string) string {
	const most = 60
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(s[:most], ""))
}
