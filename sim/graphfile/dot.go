package graphfile

import (
	"slices"
	"strings"
)

// dotReader reads the dot language by recursive descent, one token ahead.
// (Libraries that parse it keep no line numbers, and recurse as deep as the
// file says.)
type dotReader struct {
	lexer    dotLexer
	next     dotToken
	directed bool
	// err is the first mistake. From then on the file has ended.
	err error
}

// dotScope is what nodes and edges have that come up in a graph or subgraph
// without saying otherwise.
type dotScope struct{ node, edge attributes }

func readDot(b *builder, text string) error {
	r := &dotReader{lexer: dotLexer{b, newScanner(text)}}
	r.advance()
	r.header()
	r.body(dotScope{}, 0)
	if r.next.kind != dotEnd {
		r.fail("%v after the end of the graph: a file must have one graph", r.next)
	}
	return r.err
}

func (r *dotReader) advance() {
	if r.err == nil {
		r.next, r.err = r.lexer.token()
	}
	if r.err != nil {
		r.next = dotToken{line: r.next.line}
	}
}

func (r *dotReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = r.lexer.fail(r.next.line, format, args...)
	}
	r.advance()
}

func (r *dotReader) expected(what string) { r.fail("%v where %s is expected", r.next, what) }

// accept moves on over a mark or keyword, if it comes next.
func (r *dotReader) accept(text string) bool {
	if !r.next.is(text) {
		return false
	}
	r.advance()
	return true
}

// id reads an ID that must come.
func (r *dotReader) id(what string) dotToken {
	t := r.next
	if !t.isID() {
		r.expected(what)
		return dotToken{}
	}
	r.advance()
	return t
}

// header reads [strict] (graph | digraph) [ID].
func (r *dotReader) header() {
	r.accept("strict")
	r.directed = r.accept("digraph")
	if !r.directed && !r.accept("graph") {
		r.expected("graph or digraph")
	}
	if r.next.isID() {
		r.advance()
	}
}

// body reads { statements } and returns the nodes that come up in them, some
// more than once.
func (r *dotReader) body(scope dotScope, depth int) (members []string) {
	begin := r.next.line
	switch {
	case depth == maxDepth:
		r.fail("subgraphs are nested more than %d deep", maxDepth)
	case !r.accept("{"):
		r.expected(`"{"`)
	}
	for !r.accept("}") {
		if r.next.kind == dotEnd {
			r.fail("the file ends within the graph that begins on line %d", begin)
			return nil
		}
		members = append(members, r.statement(&scope, depth)...)
	}
	return members
}

// statement reads one statement and returns the nodes that come up in it.
func (r *dotReader) statement(scope *dotScope, depth int) (members []string) {
	switch {
	case r.accept(";"):
		return nil
	case r.accept("graph"):
		r.attributes(new(attributes))
		return nil
	case r.accept("node"):
		r.attributes(&scope.node)
		return nil
	case r.accept("edge"):
		r.attributes(&scope.edge)
		return nil
	}
	line := r.next.line
	var ends [][]string // of edges: a subgraph stands for all nodes in it
	lone := false       // the statement is about one node
	for len(ends) == 0 || r.arrow() {
		end, isNode := r.end(*scope, depth)
		lone = isNode && len(ends) == 0
		if lone && r.accept("=") {
			r.id("the value of an attribute of the graph")
			return nil
		}
		if isNode {
			r.mention(end[0], scope.node, line)
		}
		ends = append(ends, end)
		members = append(members, end...)
	}
	switch {
	case len(ends) > 1:
		a := scope.edge
		r.attributes(&a)
		r.chain(ends, a, line)
	case lone && r.next.is("["):
		r.attributes(r.lexer.attributesOf(members[0]))
	}
	return members
}

// end reads a node with its port, or a subgraph.
func (r *dotReader) end(scope dotScope, depth int) (ids []string, isNode bool) {
	if r.accept("subgraph") {
		if r.next.isID() {
			r.advance()
		}
		return r.body(scope, depth+1), false
	}
	if r.next.is("{") {
		return r.body(scope, depth+1), false
	}
	id := r.id("a node, an edge, an attribute or a subgraph")
	for range 2 { // a port may have a compass point
		if r.accept(":") {
			r.id("a port")
		}
	}
	return []string{id.text}, true
}

// arrow moves on over the mark between two ends of an edge, if it comes next.
func (r *dotReader) arrow() bool {
	switch {
	case r.next.is("--") && r.directed:
		r.fail(`"--" in a digraph: its edges are written "->"`)
	case r.next.is("->") && !r.directed:
		r.fail(`"->" in a graph: its edges are written "--"`)
	}
	return r.accept("--") || r.accept("->")
}

// mention adds a node that has not come up before.
func (r *dotReader) mention(id string, a attributes, line int) {
	if _, known := r.lexer.index[id]; known || r.err != nil {
		return
	}
	if r.err = r.lexer.node(id, a, line); r.err != nil {
		r.advance()
	}
}

// chain adds the edges from all nodes of each end to all of the next.
func (r *dotReader) chain(ends [][]string, a attributes, line int) {
	for i := range ends {
		slices.Sort(ends[i])
		ends[i] = slices.Compact(ends[i])
	}
	for i, to := range ends[1:] {
		for _, x := range ends[i] {
			for _, y := range to {
				if r.err != nil {
					return
				}
				if r.err = r.lexer.edge(x, y, a, line); r.err != nil {
					r.advance()
				}
			}
		}
	}
}

// attributes reads lists of attributes.
func (r *dotReader) attributes(into *attributes) {
	for r.accept("[") {
		for !r.accept("]") {
			name := r.id("an attribute")
			value := dotToken{kind: dotText, text: "true"} // what a lone name means
			if r.accept("=") {
				value = r.id("the value of " + name.String())
			}
			if r.err != nil {
				return
			}
			into.set(name.text, value.plain())
			if !r.accept(",") {
				r.accept(";")
			}
		}
	}
}

var dotEscapes = strings.NewReplacer(`\n`, " ", `\l`, " ", `\r`, " ", `\\`, `\`)

// plain returns the text without escapes; "" where it is HTML, or refers to the
// ID of the node.
func (t dotToken) plain() string {
	if t.kind == dotHTML || strings.Contains(t.text, `\N`) {
		return ""
	}
	return dotEscapes.Replace(t.text)
}
