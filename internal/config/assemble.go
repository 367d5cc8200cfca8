package config

import (
	"errors"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
)

// Config loads the files that the command line names, puts their items in the place of the option, and makes a
// configuration of all items, with defaults. readFile returns the contents of a file, hostname the ID of a node that
// is not told one. The error lists all that is wrong, by file and line.
func (cl *CommandLine) Config(readFile func(name string) ([]byte, error), hostname func() (string, error)) (*Config, error) {
	var p problems
	var items []Item
	var origin Position                                   // where to look for what is missing altogether
	written := func(s *itemSpec) string { return s.name } // how an item is written there
	for _, s := range cl.sources {
		if s.item != nil {
			items = append(items, s.item.decode(&p))
			continue
		}
		if origin.File == "" {
			origin.File = s.file
		}
		data, err := readFile(s.file)
		if err != nil {
			p.add(Position{}, "reading the configuration file %s: %w", quote(s.file), withoutName(err))
			items = append(items, Item{})
			continue
		}
		version, all := readYAML(s.file, data, &p)
		if origin.File == s.file && version == 2 {
			written = (*itemSpec).key
		}
		items = append(items, decodeAll(all, &p)...)
	}
	checkOnce(items, &p)
	checkUnique(items, &p)
	checkPorts(items, &p)
	checkReferences(items, &p)
	checkSigning(items, &p)
	checkErrands(items, &p)
	checkBackends(items, origin, written, &p)
	c := assemble(items, origin)
	if len(p.errs) == 0 && c.Node.ID == "" && !c.MakesCertificates() {
		c.Node.ID = defaultID(hostname, c.Node.Where, &p)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// assemble stores all items in a configuration, which is complete if they have no mistakes.
func assemble(items []Item, origin Position) *Config {
	node := specOf("node").fresh(origin).Interface().(Node)
	c := &Config{Node: node, LogLevel: Info, items: items}
	for _, item := range items {
		if item.value != nil {
			item.spec.store(c, item.value)
		}
	}
	return c
}

// checkOnce complains of repeated items that may not be.
func checkOnce(items []Item, p *problems) {
	first := map[string]Position{}
	for _, item := range items {
		if item.spec == nil || !item.spec.once {
			continue
		}
		if where, again := first[item.Name]; again {
			p.add(item.Where, "%s is given again: want it once, as at %v", item.Name, where)
			continue
		}
		first[item.Name] = item.Where
	}
}

// checkUnique complains of items that claim a name which another has already.
func checkUnique(items []Item, p *problems) {
	type claim struct{ space, name string }
	taken := map[claim]Item{}
	for _, item := range items {
		if item.value == nil {
			continue
		}
		for _, param := range item.spec.params {
			if param.unique == "" {
				continue
			}
			name := reflect.ValueOf(item.value).Field(param.field).String()
			if name == "" {
				continue
			}
			mine := claim{param.unique, name}
			if param.kind == "path" {
				mine.name = path.Clean(name)
			}
			if other, ok := taken[mine]; ok {
				p.add(item.Where, "%s: %s %s is taken by the %s at %v: want another",
					item.Name, param.name, quote(name), other.Name, other.Where)
				continue
			}
			taken[mine] = item
		}
	}
}

// checkReferences complains of names that no item has.
func checkReferences(items []Item, p *problems) {
	for _, item := range items {
		if item.value == nil {
			continue
		}
		for _, param := range item.spec.params {
			name := reflect.ValueOf(item.value).Field(param.field)
			if param.refers == "" || name.String() == "" {
				continue
			}
			known, complete := namesOf(items, param.refers)
			if complete && !slices.Contains(known, name.String()) {
				p.add(item.Where, "%s: %s names no %s: %s", item.Name, param.name, param.refers, unknown(name.String(), known))
			}
		}
	}
}

// namesOf lists the names of all items of one kind. It is not complete if some were not understood, and complained of.
func namesOf(items []Item, kind string) (names []string, complete bool) {
	complete = true
	for _, item := range items {
		switch {
		case item.spec == nil:
			complete = false
		case item.Name != kind:
		case item.value == nil:
			complete = false
		default:
			name := reflect.ValueOf(item.value).Field(item.spec.param("name").field)
			names = append(names, name.String())
		}
	}
	if kind == "tls-client" && !slices.Contains(names, DefaultTLSClient) {
		names = append(names, DefaultTLSClient)
	}
	return names, complete
}

// checkBackends complains of a node without links that does not say it wants none. What was not understood might have
// been the missing item, and is complained of already.
func checkBackends(items []Item, origin Position, written func(*itemSpec) string, p *problems) {
	for _, item := range items {
		alone, understood := item.value.(localOnly)
		switch {
		case item.spec == nil, item.spec.backend, item.spec.errand:
			return
		case item.Name == "local-only" && (alone.Local || !understood):
			return
		}
	}
	var backends []string
	for _, spec := range table {
		if spec.backend {
			backends = append(backends, written(spec))
		}
	}
	p.add(origin, "the node has no backends: want one of %s, or local-only for a node that is to run alone", strings.Join(backends, ", "))
}

// defaultID is the node ID of a node that is given none.
func defaultID(hostname func() (string, error), where Position, p *problems) string {
	name, err := hostname()
	if err != nil {
		p.add(where, "node: id is missing, and the host name cannot be had (%w): want %s", err, wantNodeID)
		return ""
	}
	if _, ok := parseNodeID(name); !ok {
		p.add(where, "node: id is missing, and the host name is %s: want %s", quote(name), wantNodeID)
	}
	return name
}

// withoutName is what is wrong with a file, for who has named it already.
func withoutName(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}
