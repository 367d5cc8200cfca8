package config

import (
	"gopkg.in/yaml.v3"
)

// A pair is one entry of a map.
type pair struct {
	name  string
	where Position
	value *yaml.Node
}

// pairs lists the entries of a map in the order written, including any that repeat a name. Those of maps merged into it
// ("<<: *base") follow, unless it has one of that name itself; same maps names that mean the same to one. It complains
// of keys that cannot be names.
func pairs(m *yaml.Node, where Position, same func(string) string, p *problems) []pair {
	var all []pair
	have := map[string]bool{}
	seen := map[*yaml.Node]bool{}
	for todo := []*yaml.Node{m}; len(todo) > 0; {
		m, todo = todo[0], todo[1:]
		if seen[m] {
			continue // merged again, perhaps into itself: nothing of it can be new
		}
		own := len(seen) == 0
		seen[m] = true
		var bases []*yaml.Node
		for i := 0; i+1 < len(m.Content); i += 2 {
			key, val := deref(m.Content[i]), m.Content[i+1]
			at := place(where, m.Content[i])
			switch {
			case key.Kind != yaml.ScalarNode:
				p.add(at, "a list or map cannot be a name: want a word and a colon")
			case key.ShortTag() == "!!merge":
				bases = append(bases, mergedMaps(deref(val), at, p)...)
			case own || !have[same(key.Value)]:
				have[same(key.Value)] = true
				all = append(all, pair{key.Value, at, val})
			}
		}
		// A base stands for all that is merged into it, before the base after it.
		todo = append(bases, todo...)
	}
	return all
}

// mergedMaps lists the maps that the value of "<<" names: one map, or a list of them.
func mergedMaps(val *yaml.Node, where Position, p *problems) []*yaml.Node {
	list := []*yaml.Node{val}
	if val.Kind == yaml.SequenceNode {
		list = val.Content
	}
	var maps []*yaml.Node
	for _, n := range list {
		if n = deref(n); n.Kind != yaml.MappingNode {
			p.add(where, `"<<" merges something that is no map: want a map, or a list of maps`)
			continue
		}
		maps = append(maps, n)
	}
	return maps
}
