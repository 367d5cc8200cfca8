package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseYAML reads a configuration file, of version 1 if it is a list and of version 2 if it is a map. In version 1 an
// entry is a map of one item name to a map of its parameters, to a bare value or to nothing, or just the name. In version
// 2 a key is an item name with such a value, or the plural of one that may be given more than once with a list of such
// values. It returns the items in their order, each checked for itself, or all that is wrong with them, each with name
// and line. Whether the items fit together is for [CommandLine.Config] to say.
func ParseYAML(name string, data []byte) ([]Item, error) {
	var p problems
	_, all := readYAML(name, data, &p)
	items := decodeAll(all, &p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return items, nil
}

// decodeAll stands in an unknown item for each part of a file that made no sense.
func decodeAll(all []given, p *problems) []Item {
	items := make([]Item, len(all))
	for i, g := range all {
		items[i] = g.decode(p)
	}
	return items
}

const (
	noItems         = `no items in the file: want a list of them, such as "- node: {id: a}"`
	noItemsVersion2 = `no items in the file: want some, such as "node: {id: a}"`
)

// readYAML takes a file apart into its items, of which there is at least one, and tells which version it is of: 0 for
// none. Items that are not known, and values that are wrong, are not complained of yet.
func readYAML(name string, data []byte, p *problems) (version int, all []given) {
	file := Position{File: name}
	unread := []given{{where: file, unread: true}}
	root, err := document(data)
	if err != nil {
		line := brokenLine(data, err)
		p.add(Position{name, line}, "YAML: %s%s", complaint(err), advice(complaint(err), bytes.Split(data, []byte("\n"))[line-1]))
		return 0, unread
	}
	if root == nil {
		p.add(file, noItems)
		return 0, unread
	}
	before := len(p.errs)
	switch root.Kind {
	case yaml.SequenceNode:
		version = 1
		refuseTags(root, file, p)
		for _, entry := range root.Content {
			all = append(all, readItem(entry, file, p))
		}
	case yaml.MappingNode:
		version = 2
		refuseTags(root, file, p)
		all = readMap(root, file, p)
	default:
		p.add(place(file, root), `%s is no list: want a list of items, such as "- node: {id: a}"`, quote(root.Value))
	}
	if len(all) > 0 {
		return version, all
	}
	switch {
	case len(p.errs) > before:
	case version == 2:
		p.add(file, noItemsVersion2)
	default:
		p.add(file, noItems)
	}
	return version, unread
}

// readItem reads an entry of a file of version 1.
func readItem(entry *yaml.Node, file Position, p *problems) given {
	n, where := deref(entry), place(file, entry)
	unread := given{where: where, unread: true}
	switch {
	case isNull(n):
		p.add(where, `an entry without an item: want one such as "- local-only:"`)
		return unread
	case n.Kind == yaml.ScalarNode:
		return given{name: n.Value, where: where}
	case n.Kind != yaml.MappingNode:
		p.add(where, `a list in the place of an item: want one such as "- local-only:"`)
		return unread
	}
	before := len(p.errs)
	entries := pairs(n, where, lower, p)
	switch {
	case len(p.errs) > before:
		return unread
	case len(entries) == 0:
		p.add(where, `an entry without an item: want one such as "- local-only:"`)
		return unread
	case len(entries) > 1:
		p.add(entries[1].where, "%s stands beside %s in one entry: want an entry for each item, and parameters indented deeper than their item",
			quote(entries[1].name), quote(entries[0].name))
		return unread
	}
	return newGiven(entries[0].name, entries[0].where, entries[0].value, p)
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
var errSecondDocument = errors.New(`a second document after "---": want one list or map of items`)

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

// advices are what would be right, by how the complaint begins.
var advices = []struct{ complaint, advice string }{
	{"did not find expected key", "parameters of one item indented alike"},
	{"did not find expected '-' indicator", `entries of one list indented alike, each with "- "`},
	{"mapping values are not allowed", "parameters indented alike, a space after the colon of each, and quotes around a value with a colon"},
	{"could not find expected ':'", `a space after the colon of each parameter, and "- " before each item`},
	{"found unexpected end of stream", "the quotes closed"},
	{"did not find expected ',' or", "the bracket closed, and commas between what is in it"},
	{"did not find expected node content", "the bracket closed, and commas between what is in it"},
	{"found unknown escape character", "single quotes around a value with a backslash"},
	{"unknown anchor", `quotes around a value that begins with "*"`},
	{"found character that cannot start any token", "quotes around a value that begins with such a character"},
	{"invalid ", "text in UTF-8"},
}

// advice is what would be right in the place of a broken line, "" if nobody can say.
func advice(complaint string, line []byte) string {
	if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.ContainsRune(indent, '\t') {
		return ": want spaces to indent, not a tab"
	}
	for _, a := range advices {
		if strings.HasPrefix(complaint, a.complaint) {
			return ": want " + a.advice
		}
	}
	return ""
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
