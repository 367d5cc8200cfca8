package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"

	"gopkg.in/yaml.v3"
)

// ParseYAML reads a configuration file of version 1: a YAML list whose entries are maps of one item name to a map of its
// parameters, to a bare value or to nothing, or just the name. It returns the items in their order, each checked for
// itself, or all that is wrong with them, each with name and line. Whether the items fit together is for
// [CommandLine.Config] to say.
func ParseYAML(name string, data []byte) ([]Item, error) {
	var p problems
	items := parseYAML(name, data, &p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return items, nil
}

// parseYAML stands in an unknown item for each part of the file that makes no sense.
func parseYAML(name string, data []byte, p *problems) []Item {
	file := Position{File: name}
	unread := []Item{{Where: file}}
	root, err := document(data)
	if err != nil {
		p.add(Position{name, brokenLine(data, err)}, "YAML: %s", complaint(err))
		return unread
	}
	switch {
	case root == nil || root.Kind == yaml.SequenceNode && len(root.Content) == 0:
		p.add(file, `no items in the file: want a list of them, such as "- node: {id: a}"`)
		return unread
	case root.Kind == yaml.MappingNode:
		p.add(place(file, root), `a map of items, as in version 2: this build reads version 1, a list of items such as "- node: {id: a}"`)
		return unread
	case root.Kind != yaml.SequenceNode:
		p.add(place(file, root), `%s is no list: want a list of items, such as "- node: {id: a}"`, quote(root.Value))
		return unread
	}
	refuseTags(root, file, p)
	var items []Item
	for _, entry := range root.Content {
		if g, ok := readItem(entry, file, p); ok {
			items = append(items, g.decode(p))
		} else {
			items = append(items, unread...)
		}
	}
	return items
}

// readItem reads an entry of the list.
func readItem(entry *yaml.Node, file Position, p *problems) (given, bool) {
	n, where := deref(entry), place(file, entry)
	switch {
	case isNull(n):
		p.add(where, `an entry without an item: want one such as "- local-only:"`)
		return given{}, false
	case n.Kind == yaml.ScalarNode:
		return given{name: n.Value, where: where}, true
	case n.Kind != yaml.MappingNode:
		p.add(where, `a list in the place of an item: want one such as "- local-only:"`)
		return given{}, false
	}
	before := len(p.errs)
	entries := pairs(n, where, lower, p)
	switch {
	case len(p.errs) > before:
		return given{}, false
	case len(entries) == 0:
		p.add(where, `an entry without an item: want one such as "- local-only:"`)
		return given{}, false
	case len(entries) > 1:
		p.add(entries[1].where, "%s stands beside %s in one entry: want an entry for each item, and parameters indented deeper than their item",
			quote(entries[1].name), quote(entries[0].name))
		return given{}, false
	}
	g := given{name: entries[0].name, where: entries[0].where}
	switch val := deref(entries[0].value); {
	case isNull(val):
	case val.Kind == yaml.MappingNode:
		g.params = pairs(val, g.where, lower, p)
	default:
		g.bare = entries[0].value
	}
	return g, true
}

// refuseTags complains of values that say they are to be processed somehow ("!vault ..."): as plain text they would be
// wrong without a word.
func refuseTags(n *yaml.Node, file Position, p *problems) {
	if n.Style&yaml.TaggedStyle != 0 {
		switch tag := n.ShortTag(); tag {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map":
		default:
			p.add(place(file, n), "the YAML tag %s means nothing here: want plain values", quote(tag))
		}
	}
	for _, c := range n.Content {
		refuseTags(c, file, p)
	}
}

// errSecondDocument means that a file goes on after the end of its first document.
var errSecondDocument = errors.New(`a second document after "---": want one list of items`)

// document returns the root of the only document of a file, or nil if the file says nothing.
func document(data []byte) (*yaml.Node, error) {
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading a YAML document: %w", err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errSecondDocument
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading what follows a YAML document: %w", err)
	}
	if root := doc.Content[0]; !isNull(root) {
		return root, nil
	}
	return nil, nil
}

// yamlPlace is where yaml.v3 puts its own idea of the line.
var yamlPlace = regexp.MustCompile(`^.*yaml: (line \d+: )?`)

// complaint is what an error of document says, but for the line.
func complaint(err error) string {
	return yamlPlace.ReplaceAllString(err.Error(), "")
}

// brokenLine finds the line that breaks a file: the last one of the shortest beginning of the file which fails in the
// same way. The line that yaml.v3 tells is one too low, or that where the surrounding list begins, or missing.
func brokenLine(data []byte, failure error) int {
	var ends []int
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(data))
	line := sort.Search(len(ends)-1, func(i int) bool {
		_, err := document(data[:ends[i]])
		return err != nil && complaint(err) == complaint(failure)
	})
	return line + 1
}
