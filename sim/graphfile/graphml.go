package graphfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// graphmlReader reads a document element by element, and ignores those that it
// does not know.
type graphmlReader struct {
	*builder
	xml  *xml.Decoder
	open []string // names of the open elements
	// items are the open nodes and edges: more than one when a node contains a
	// graph.
	items []graphmlItem
	keys  map[string]*graphmlKey
	key   *graphmlKey // the last one
	// Attributes that a key gives to nodes and edges that have none of their own.
	nodeDefaults, edgeDefaults attributes
	// reading is the attribute whose value is being read into text; nil: none.
	reading *graphmlKey
	text    strings.Builder
}

// graphmlKey declares an attribute: <data> refers to its ID.
type graphmlKey struct{ name, of string }

// belongsTo reports whether elements of a name have the attribute.
func (k *graphmlKey) belongsTo(element string) bool {
	return k.of == element || k.of == "all" || k.of == ""
}

type graphmlItem struct {
	id, source, target string
	attributes
	line int
}

func readGraphML(b *builder, data []byte) error {
	r := &graphmlReader{builder: b, xml: xml.NewDecoder(bytes.NewReader(data)), keys: make(map[string]*graphmlKey)}
	for {
		token, err := r.xml.Token()
		var syntax *xml.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &syntax):
			return b.fail(syntax.Line, "not XML: %s", syntax.Msg)
		case err != nil:
			return b.fail(r.line(), "not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			err = r.start(token)
		case xml.EndElement:
			err = r.end(token.Name.Local)
		case xml.CharData:
			if r.reading != nil {
				r.text.Write(token)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (r *graphmlReader) line() int {
	line, _ := r.xml.InputPos()
	return line
}

// parent is the name of the innermost open element.
func (r *graphmlReader) parent() string {
	if len(r.open) == 0 {
		return ""
	}
	return r.open[len(r.open)-1]
}

func (r *graphmlReader) start(e xml.StartElement) error {
	name, parent := e.Name.Local, r.parent()
	switch {
	case parent == "" && name != "graphml":
		return r.fail(r.line(), "the document is a <%s>, not a <graphml>", name)
	case len(r.open) == maxDepth:
		return r.fail(r.line(), "elements are nested more than %d deep", maxDepth)
	}
	r.open = append(r.open, name)
	switch name {
	case "key":
		r.key = &graphmlKey{name: attribute(e, "attr.name"), of: attribute(e, "for")}
		r.keys[attribute(e, "id")] = r.key
	case "default":
		if parent == "key" {
			r.read(r.key)
		}
	case "node":
		r.items = append(r.items, graphmlItem{id: attribute(e, "id"), attributes: r.nodeDefaults, line: r.line()})
	case "edge":
		r.items = append(r.items, graphmlItem{source: attribute(e, "source"), target: attribute(e, "target"),
			attributes: r.edgeDefaults, line: r.line()})
	case "hyperedge":
		return r.fail(r.line(), "a hyperedge joins more than two nodes: links cannot")
	case "data":
		if k := r.keys[attribute(e, "key")]; k != nil && isItem(parent) && k.belongsTo(parent) {
			r.read(k)
		}
	}
	return nil
}

func (r *graphmlReader) end(name string) error {
	r.open = r.open[:len(r.open)-1]
	switch {
	case name == "default" && r.parent() == "key":
		if r.key.belongsTo("node") {
			r.nodeDefaults.set(r.key.name, r.value())
		}
		if r.key.belongsTo("edge") {
			r.edgeDefaults.set(r.key.name, r.value())
		}
		r.reading = nil
	case name == "data" && isItem(r.parent()) && r.reading != nil:
		r.items[len(r.items)-1].set(r.reading.name, r.value())
		r.reading = nil
	case isItem(name):
		item := r.items[len(r.items)-1]
		r.items = r.items[:len(r.items)-1]
		return r.add(name, item)
	}
	return nil
}

func isItem(element string) bool { return element == "node" || element == "edge" }

func (r *graphmlReader) read(k *graphmlKey) {
	r.reading = k
	r.text.Reset()
}

func (r *graphmlReader) value() string { return strings.TrimSpace(r.text.String()) }

func (r *graphmlReader) add(element string, item graphmlItem) error {
	if element == "node" {
		if item.id == "" {
			return r.fail(item.line, "a node has no id")
		}
		return r.node(item.id, item.attributes, item.line)
	}
	if item.source == "" || item.target == "" {
		return r.fail(item.line, "an edge needs a source and a target")
	}
	return r.edge(item.source, item.target, item.attributes, item.line)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
