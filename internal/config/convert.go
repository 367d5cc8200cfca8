package config

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Convert rewrites a configuration file of version 1 in version 2, and one of version 2 in version 1, so that the new
// file means the same. Values stay as they are written, and so does the order of the items of one kind. Names become
// lower case, bare values get their names, and merges and aliases are written out; comments are lost. The error lists
// all that is wrong with the items of the file, each with name and line; whether they need others is not asked, for the
// file may be one of several.
func Convert(name string, data []byte) ([]byte, error) {
	var p problems
	version, all := readYAML(name, data, &p)
	checkOnce(decodeAll(all, &p), &p)
	if err := p.err(); err != nil {
		return nil, err
	}
	root := version1(all)
	if version == 1 {
		root = version2(all)
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("writing %s in the other version: %w", quote(name), err)
	}
	return out.Bytes(), nil
}

// version1 is the list of items without mistakes.
func version1(all []given) *yaml.Node {
	root := &yaml.Node{Kind: yaml.SequenceNode}
	for _, g := range all {
		spec := specOf(lower(g.name))
		entry := &yaml.Node{Kind: yaml.MappingNode}
		entry.Content = []*yaml.Node{plain(spec.name), g.write(spec)}
		root.Content = append(root.Content, entry)
	}
	return root
}

// version2 is the map of items without mistakes.
func version2(all []given) *yaml.Node {
	root := &yaml.Node{Kind: yaml.MappingNode}
	root.Content = []*yaml.Node{plain(versionKey), {Kind: yaml.ScalarNode, Value: "2"}}
	lists := map[*itemSpec]*yaml.Node{}
	for _, g := range all {
		spec := specOf(lower(g.name))
		if spec.once {
			root.Content = append(root.Content, plain(spec.key()), g.write(spec))
			continue
		}
		if lists[spec] == nil {
			lists[spec] = &yaml.Node{Kind: yaml.SequenceNode}
			root.Content = append(root.Content, plain(spec.key()), lists[spec])
		}
		lists[spec].Content = append(lists[spec].Content, g.write(spec))
	}
	return root
}

// write is the map of the parameters of an item.
func (g given) write(spec *itemSpec) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, param := range g.named(spec) {
		known := spec.param(lower(param.name))
		m.Content = append(m.Content, plain(known.name), writeValue(param.value, kinds[known.kind].same))
	}
	return m
}

// writeValue copies a value without what only its old place gives a meaning: anchors, merges and comments. A value
// without mistakes is no deeper than its kind, whatever its aliases. same maps names that mean the same to one.
func writeValue(n *yaml.Node, same func(string) string) *yaml.Node {
	n = deref(n)
	c := &yaml.Node{Kind: n.Kind, Style: n.Style & yaml.FlowStyle}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, entry := range n.Content {
			c.Content = append(c.Content, writeValue(entry, same))
		}
	case yaml.MappingNode:
		var none problems
		for _, pair := range pairs(n, Position{}, same, &none) {
			c.Content = append(c.Content, plain(pair.name), writeValue(pair.value, same))
		}
	default:
		writeScalar(c, n)
	}
	return c
}

// writeScalar copies a scalar, in a style that any text survives.
func writeScalar(to, from *yaml.Node) {
	to.Value, to.Tag = from.Value, from.ShortTag()
	to.Style = from.Style & (yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle)
	if strings.ContainsAny(to.Value, "\n\r") {
		to.Style = yaml.DoubleQuotedStyle
	}
}
