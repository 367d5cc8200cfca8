package config

import (
	"fmt"
	"reflect"

	"gopkg.in/yaml.v3"
)

// An itemSpec is what there is to know about one kind of item.
type itemSpec struct {
	name    string // in lower case
	help    string
	once    bool // may be given once only
	backend bool // connects the node to others
	errand  bool // is work to do instead of running a node
	params  []*paramSpec
	main    *paramSpec // what a bare value sets; nil if there is no such parameter
	typ     reflect.Type
	store   func(c *Config, item any)
	values  func(c *Config) []any // those that were stored; nil for an item that may be given once
	check   func(item any) string // what of it contradicts itself, or ""
}

// A paramSpec is what the tags of a field say about a parameter.
type paramSpec struct {
	name     string // param: its name, in lower case
	kind     string // kind: the key in kinds of what it may be
	main     bool   // main: a bare value of the item sets it
	required bool   // required: the item is nothing without it
	repeats  bool   // repeats: it may be given again, which adds to the list that it is
	initial  string // default: its value unless given; absent, it is the zero value of the field
	unset    string // unset: what it means to leave it out, in words, where that is no default
	unique   string // unique: no two items with this word in a tag may have the same value, if they have any
	refers   string // refers: the value, if any, must be the name of an item of this kind
	help     string // help: its meaning
	field    int
}

// once makes the spec of an item that may be given once, and sets something in the Config.
func once[T any](name, help string, set func(*Config, T)) *itemSpec {
	spec := newSpec(name, help, reflect.TypeFor[T]())
	spec.once = true
	spec.store = func(c *Config, item any) { set(c, item.(T)) }
	return spec
}

// many makes the spec of an item that may be given any number of times, and is added to a list of the Config.
func many[T any](name, help string, list func(*Config) *[]T) *itemSpec {
	spec := newSpec(name, help, reflect.TypeFor[T]())
	spec.store = func(c *Config, item any) {
		l := list(c)
		*l = append(*l, item.(T))
	}
	spec.values = func(c *Config) []any {
		var all []any
		for _, item := range *list(c) {
			all = append(all, item)
		}
		return all
	}
	return spec
}

// backend marks an item as one that connects the node to others.
func backend(spec *itemSpec) *itemSpec {
	spec.backend = true
	return spec
}

// errand marks an item as work to do instead of running a node.
func errand(spec *itemSpec) *itemSpec {
	spec.errand = true
	return spec
}

// checked adds a check of an item without other mistakes.
func checked[T any](spec *itemSpec, check func(T) string) *itemSpec {
	spec.check = func(item any) string { return check(item.(T)) }
	return spec
}

// newSpec reads the tags of an item's struct. Tags that make no sense are our own bug: it panics.
func newSpec(name, help string, typ reflect.Type) *itemSpec {
	spec := &itemSpec{name: name, help: help, typ: typ, check: func(any) string { return "" }}
	if where, ok := typ.FieldByName("Where"); !ok || where.Type != reflect.TypeFor[Position]() {
		panic(fmt.Sprintf("config: item %s has no field Where of type Position", name))
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		param, ok := field.Tag.Lookup("param")
		if !ok {
			continue
		}
		p := &paramSpec{
			name:     param,
			kind:     field.Tag.Get("kind"),
			main:     field.Tag.Get("main") == "yes",
			required: field.Tag.Get("required") == "yes",
			repeats:  field.Tag.Get("repeats") == "yes",
			initial:  field.Tag.Get("default"),
			unset:    field.Tag.Get("unset"),
			unique:   field.Tag.Get("unique"),
			refers:   field.Tag.Get("refers"),
			help:     field.Tag.Get("help"),
			field:    i,
		}
		if result := kinds[p.kind].result; result != field.Type {
			panic(fmt.Sprintf("config: parameter %s of %s is a %v, kind %q gives %v", param, name, field.Type, p.kind, result))
		}
		if p.main {
			spec.main = p
		}
		spec.params = append(spec.params, p)
	}
	return spec
}

// fresh is an item with all defaults set.
func (s *itemSpec) fresh(where Position) reflect.Value {
	item := reflect.New(s.typ).Elem()
	item.FieldByName("Where").Set(reflect.ValueOf(where))
	for _, p := range s.params {
		if p.initial == "" {
			continue
		}
		var bad problems
		x, ok := kinds[p.kind].parse(value{node: plain(p.initial), problems: &bad})
		if !ok {
			panic(fmt.Sprintf("config: default of %s of %s: %v", p.name, s.name, bad.err()))
		}
		item.Field(p.field).Set(reflect.ValueOf(x))
	}
	return item
}

// plain is a scalar that stands for the text itself, whatever YAML would make of it.
func plain(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// key is the name of the item in files of version 2, which list together all that may be given more than once.
func (s *itemSpec) key() string {
	if s.once {
		return s.name
	}
	return s.name + "s"
}

// specOf returns the item of that name, in lower case, or nil.
func specOf(name string) *itemSpec {
	for _, spec := range table {
		if spec.name == name {
			return spec
		}
	}
	return nil
}

func (s *itemSpec) param(name string) *paramSpec {
	for _, p := range s.params {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (s *itemSpec) paramNames() []string {
	names := make([]string, len(s.params))
	for i, p := range s.params {
		names[i] = p.name
	}
	return names
}

// itemNames lists the items, in the order of the table.
func itemNames() []string {
	names := make([]string, len(table))
	for i, spec := range table {
		names[i] = spec.name
	}
	return names
}
