package config

import (
	"reflect"
	"slices"
)

// Value is the item as a struct of this package, such as a TCPPeer.
func (i Item) Value() any { return i.value }

// Backends lists the items that connect the node to others, in the order of --help.
func (c *Config) Backends() []Item {
	var all []Item
	for _, spec := range table {
		if !spec.backend {
			continue
		}
		for _, v := range spec.values(c) {
			where := reflect.ValueOf(v).FieldByName("Where").Interface().(Position)
			all = append(all, Item{Name: spec.name, Where: where, spec: spec, value: v})
		}
	}
	return all
}

// reloadable reports whether a running node can change items of the kind (PROTOCOL section 6).
func (s *itemSpec) reloadable() bool { return s.backend || s.name == "local-only" }

// Diff compares the configuration that a node runs by with another one. Only what items say counts, not where they stand
// or in which version of a file. For each of to.Backends() it returns the index in from.Backends() of one that says the
// same, or -1; no index twice. The error lists, by file and line, all that a running node cannot change: differences
// in items other than backends and local-only.
func Diff(from, to *Config) (same []int, err error) {
	var p problems
	for _, spec := range table {
		if !spec.reloadable() {
			compareFixed(from.itemsOf(spec), to.itemsOf(spec), &p)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return match(from.Backends(), to.Backends()), nil
}

func (c *Config) itemsOf(spec *itemSpec) []Item {
	return slices.DeleteFunc(slices.Clone(c.items), func(i Item) bool { return i.spec != spec })
}

// compareFixed complains of the differences between the items of one kind.
func compareFixed(was, is []Item, p *problems) {
	const want = "a reload changes only backends and local-only: want it as it was, or a restart of the node"
	same := match(was, is)
	var gone []Item
	for i, item := range was {
		if !slices.Contains(same, i) {
			gone = append(gone, item)
		}
	}
	for i, item := range is {
		switch {
		case same[i] >= 0:
		case len(gone) > 0:
			gone = gone[1:]
			p.add(item.Where, "%s was changed: %s", item.Name, want)
		default:
			p.add(item.Where, "%s was added: %s", item.Name, want)
		}
	}
	for _, item := range gone {
		p.add(item.Where, "%s, which was there, is gone: %s", item.Name, want)
	}
}

// match finds for each of is the index of one of was that says the same, or -1.
func match(was, is []Item) []int {
	found := make([]int, len(is))
	for i, item := range is {
		found[i] = -1
		for j, other := range was {
			if !slices.Contains(found[:i], j) && item.says(other) {
				found[i] = j
				break
			}
		}
	}
	return found
}

// says reports whether two items say the same, wherever they stand.
func (i Item) says(other Item) bool {
	return i.spec == other.spec && reflect.DeepEqual(unplaced(i.value), unplaced(other.value))
}

// unplaced is an item without its position.
func unplaced(item any) any {
	v := reflect.New(reflect.TypeOf(item)).Elem()
	v.Set(reflect.ValueOf(item))
	v.FieldByName("Where").SetZero()
	return v.Interface()
}
