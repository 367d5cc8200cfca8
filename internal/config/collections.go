package config

import (
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	wantNodeIDs      = `node IDs, such as [a, b] or "a,b"; leave it out for any`
	wantFingerprints = `fingerprints of certificates, in hexadecimal with or without colons: 32 bytes of SHA-256 or 64 of SHA-512`
	wantNetworks     = `IP networks, such as [10.1.0.0/16, fd00::/64] or "10.1.0.0/16,fd00::/64"`
	wantNodeCosts    = `a map of node IDs to costs, such as {"a": 1.5, "b": 2}`
)

// list is a kind of list of scalars: of YAML, or of the command line, with or without brackets. An empty list is refused,
// for it would name nobody and yet mean everybody.
func list[T any](want string, element kind) kind {
	return kind{result: reflect.TypeFor[[]T](), want: want, parse: func(v value) (any, bool) {
		elements, ok := v.elements(want)
		if !ok {
			return nil, false
		}
		all := make([]T, 0, len(elements))
		for i, n := range elements {
			if x, ok := element.parse(v.part(n, "entry %d", i+1)); ok {
				all = append(all, x.(T))
			}
		}
		return all, len(all) == len(elements)
	}}
}

// elements are those of a list with commas, brackets or lines. There is at least one, or it complains.
func (v value) elements(want string) ([]*yaml.Node, bool) {
	n, ok := v.flow("[", want)
	if !ok {
		return nil, false
	}
	var elements []*yaml.Node
	if n.Kind == yaml.SequenceNode {
		elements = n.Content
	} else {
		v.node = n
		text, ok := v.text(want)
		if !ok {
			return nil, false
		}
		if text = strings.TrimSpace(text); text != "" {
			for element := range strings.SplitSeq(text, ",") {
				elements = append(elements, plain(strings.TrimSpace(element)))
			}
		}
	}
	if len(elements) == 0 {
		v.wrong("is empty: want %s", want)
	}
	return elements, len(elements) > 0
}

// parseNodeCosts reads a map of node IDs to costs.
func parseNodeCosts(v value) (any, bool) {
	n, ok := v.flow("{", wantNodeCosts)
	if !ok {
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		if text, ok := v.text(wantNodeCosts); ok {
			v.wrong("is %s: want %s", quote(text), wantNodeCosts)
		}
		return nil, false
	}
	before := len(v.problems.errs)
	costs, seen := map[string]float64{}, map[string]bool{}
	for _, pair := range pairs(n, v.where, asWritten, v.problems) {
		of := v.part(pair.value, "of %s", quote(pair.name))
		if _, ok := parseNodeID(pair.name); !ok {
			of.wrong("is for no node: want %s", wantNodeID)
		}
		if seen[pair.name] {
			of.wrong("is given twice: want it once")
		}
		seen[pair.name] = true
		if cost, ok := costKind.parse(of); ok {
			costs[pair.name] = cost.(float64)
		}
	}
	return costs, len(v.problems.errs) == before
}

// asWritten is the form in which node IDs are compared.
func asWritten(name string) string { return name }
