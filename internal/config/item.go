package config

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// An Item is one item of a configuration, its values checked and its defaults set.
type Item struct {
	Name  string // in lower case
	Where Position

	spec  *itemSpec // nil for one that is not known
	value any       // of the type of the spec; nil for one with mistakes
}

// A given is an item as it was written, on the command line or in a file.
type given struct {
	name   string
	where  Position
	bare   *yaml.Node // its value without a name, or nil
	params []pair
	unread bool // a part of a file that made no sense and was complained of, in the place of an item
}

// newGiven is the item of a file that has this value: nothing, a map of parameters, or a bare value.
func newGiven(name string, where Position, val *yaml.Node, p *problems) given {
	g := given{name: name, where: where}
	switch n := deref(val); {
	case isNull(n):
	case n.Kind == yaml.MappingNode:
		g.params = pairs(n, where, lower, p)
	default:
		g.bare = val
	}
	return g
}

// decode makes an item of what was given. With mistakes it returns what it knows of the item, for the sake of checks
// that need not know all of it.
func (g given) decode(p *problems) Item {
	if g.unread {
		return Item{Where: g.where}
	}
	item := Item{Name: lower(g.name), Where: g.where, spec: specOf(lower(g.name))}
	spec := item.spec
	if spec == nil {
		if !refuseUnsupported(g.name, g.where, p) {
			p.add(g.where, "unknown item %s", g.unknownName())
		}
		return item
	}
	before := len(p.errs)
	switch {
	case g.bare == nil || spec.main != nil:
	case len(spec.params) == 0:
		p.add(g.where, "%s takes no value: want nothing after the name", spec.name)
	default:
		p.add(g.where, "%s takes no value without a name: want a name of %s", spec.name, strings.Join(spec.paramNames(), ", "))
	}
	filled := spec.fresh(g.where)
	seen := map[*paramSpec]bool{}
	for _, param := range g.named(spec) {
		known := spec.param(lower(param.name))
		switch {
		case known == nil:
			p.add(param.where, "%s: unknown parameter %s", spec.name, unknown(param.name, spec.paramNames()))
			continue
		case seen[known] && !known.repeats:
			p.add(param.where, "%s: %s is given twice: want it once", spec.name, known.name)
		}
		seen[known] = true
		known.set(filled, spec.name+": "+known.name, param, p)
	}
	for _, known := range spec.params {
		if known.required && !seen[known] {
			p.add(g.where, "%s: %s is missing: want %s", spec.name, known.name, kinds[known.kind].want)
		}
	}
	if len(p.errs) > before {
		return item
	}
	if wrong := spec.check(filled.Interface()); wrong != "" {
		p.add(g.where, "%s: %s", spec.name, wrong)
		return item
	}
	item.value = filled.Interface()
	return item
}

// named lists the parameters with their names, a bare value as the main one.
func (g given) named(spec *itemSpec) []pair {
	if g.bare == nil || spec.main == nil {
		return g.params
	}
	return slices.Concat([]pair{{spec.main.name, place(g.where, g.bare), g.bare}}, g.params)
}

// set reads a parameter into its field of item, or adds to the list there.
func (s *paramSpec) set(item reflect.Value, about string, given pair, p *problems) {
	where := place(given.where, deref(given.value))
	if x, ok := kinds[s.kind].parse(value{given.value, where, about, p}); ok {
		field, x := item.Field(s.field), reflect.ValueOf(x)
		if s.repeats {
			x = reflect.AppendSlice(field, x)
		}
		field.Set(x)
	}
}

// unsupported are the items of deployed nodes that there are not, in both versions of files, and what to do about them.
var unsupported = map[string]string{
	"work-kubernetes": "want a work-command, or a deployed node for units that run as pods",
}

// refuseUnsupported complains of an item that is known but not supported, if it is one.
func refuseUnsupported(name string, where Position, p *problems) bool {
	want, ok := unsupported[lower(name)]
	if ok {
		p.add(where, "%s is not supported in this release: %s", lower(name), want)
	}
	return ok
}

// unknownName describes the unknown name of an item as it would be written there.
func (g given) unknownName() string {
	names := itemNames()
	if g.where.File != "" {
		return unknown(g.name, names)
	}
	names = append(names, "config", "config-v2", "check", "help", "version")
	for i, name := range names {
		names[i] = "--" + name
	}
	return unknown("--"+g.name, names)
}

// lower is the form in which names of items and parameters are compared.
func lower(name string) string {
	return strings.ToLower(name)
}
