package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// versionKey is the key that tells the version of a file which is a map; without it, it is 2 as well.
const versionKey = "version"

// readMap reads the root of a file of version 2.
func readMap(root *yaml.Node, file Position, p *problems) []given {
	var all []given
	before := len(p.errs)
	entries := pairs(root, file, lower, p)
	if len(p.errs) > before {
		all = append(all, given{where: file, unread: true})
	}
	first := map[string]Position{}
	for _, entry := range entries {
		key := lower(entry.name)
		if where, again := first[key]; again {
			p.add(entry.where, "%s is given again: want it once, as at %v", quote(entry.name), where)
			all = append(all, given{where: entry.where, unread: true})
			continue
		}
		first[key] = entry.where
		if key == versionKey {
			checkVersion(entry, p)
			continue
		}
		all = append(all, readKey(entry, p)...)
	}
	return all
}

// readKey reads the items of one key.
func readKey(entry pair, p *problems) []given {
	unread := []given{{where: entry.where, unread: true}}
	spec := specOfKey(lower(entry.name))
	if spec == nil {
		if !refuseUnsupported(entry.name, entry.where, p) {
			p.add(entry.where, "unknown item %s", unknown(entry.name, keys()))
		}
		return unread
	}
	if spec.once {
		return []given{newGiven(spec.name, entry.where, entry.value, p)}
	}
	list := deref(entry.value)
	if isNull(list) {
		return nil // as an empty list
	}
	if list.Kind != yaml.SequenceNode {
		p.add(entry.where, "%s is no list: want one with an entry for each %s, such as [{%s}]", spec.key(), spec.name, spec.example())
		return unread
	}
	all := make([]given, len(list.Content))
	for i, n := range list.Content {
		all[i] = newGiven(spec.name, place(entry.where, n), n, p)
	}
	return all
}

// checkVersion complains of a version that a map cannot be of.
func checkVersion(entry pair, p *problems) {
	v := value{entry.value, place(entry.where, deref(entry.value)), versionKey, p}
	const want = "2; a file of version 1 is a list of items"
	if text, ok := v.text(want); ok && text != "2" {
		v.wrong("is %s: want %s", quote(text), want)
	}
}

// example shows how the parameters of an item are written: those that must be there, or else the first.
func (s *itemSpec) example() string {
	var params []string
	for _, p := range s.params {
		if p.required {
			params = append(params, p.name+": ...")
		}
	}
	if params == nil {
		params = []string{s.params[0].name + ": ..."}
	}
	return strings.Join(params, ", ")
}

// specOfKey returns the item that a key of version 2 is for, in lower case, or nil.
func specOfKey(key string) *itemSpec {
	for _, spec := range table {
		if spec.key() == key {
			return spec
		}
	}
	return nil
}

// keys lists the keys of version 2, in the order of the table.
func keys() []string {
	names := make([]string, len(table))
	for i, spec := range table {
		names[i] = spec.key()
	}
	return append(names, versionKey)
}
