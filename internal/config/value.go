package config

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// A value is what a parameter was set to, and what it takes to complain about it. The command line gives scalars only.
type value struct {
	node     *yaml.Node
	where    Position
	about    string // the parameter: "tcp-peer: cost"
	problems *problems
}

// wrong complains: "POSITION: ITEM: PARAMETER what is wrong".
func (v value) wrong(format string, args ...any) {
	v.problems.add(v.where, "%s %w", v.about, fmt.Errorf(format, args...))
}

// part is a value inside this one, placed at its own line if it has one.
func (v value) part(n *yaml.Node, about string, args ...any) value {
	v.node, v.about = n, v.about+" "+fmt.Sprintf(about, args...)
	v.where = place(v.where, n)
	return v
}

// text is a scalar as it was written, so that 0600 and 1e3 are not yet numbers. For all else it complains.
func (v value) text(want string) (string, bool) {
	n := deref(v.node)
	switch {
	case n.Kind == yaml.SequenceNode:
		v.wrong("is a list: want %s", want)
	case n.Kind == yaml.MappingNode:
		v.wrong("is a map: want %s", want)
	case isNull(n):
		v.wrong("has no value: want %s", want)
	default:
		return n.Value, true
	}
	return "", false
}

// flow is the list or map that a scalar starting with open spells, the only way to give one on the command line; any
// other value is returned as it is.
func (v value) flow(open, want string) (*yaml.Node, bool) {
	n := deref(v.node)
	text := strings.TrimSpace(n.Value)
	if n.Kind != yaml.ScalarNode || !strings.HasPrefix(text, open) {
		return n, true
	}
	root, err := document([]byte(text))
	if err != nil {
		v.wrong("is %s: want %s: %s", quote(text), want, complaint(err))
		return nil, false
	}
	unplace(root)
	return root, true
}

// unplace forgets the lines of a tree: they count within a parameter.
func unplace(n *yaml.Node) {
	n.Line = 0
	for _, c := range n.Content {
		unplace(c)
	}
}

// place is the position of a node of the file that is at where.
func place(where Position, n *yaml.Node) Position {
	if n.Line > 0 {
		where.Line = n.Line
	}
	return where
}

// deref follows an alias. Its target is never an alias itself.
func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
