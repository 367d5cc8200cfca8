package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	wantNodeIDs   = `node IDs, such as [a, b] or "a,b"; leave it out for any`
	wantNodeCosts = `a map of node IDs to costs, such as {"a": 1.5, "b": 2}`
)

// parseNodeIDs reads a list of node IDs: of YAML, or of the command line, with or without brackets. An empty list is
// refused, for it would name nobody and yet mean everybody.
func parseNodeIDs(v value) (any, bool) {
	n, ok := v.flow("[", wantNodeIDs)
	if !ok {
		return nil, false
	}
	var elements []*yaml.Node
	if n.Kind == yaml.SequenceNode {
		elements = n.Content
	} else {
		v.node = n
		text, ok := v.text(wantNodeIDs)
		if !ok {
			return nil, false
		}
		if text = strings.TrimSpace(text); text != "" {
			for id := range strings.SplitSeq(text, ",") {
				elements = append(elements, plain(strings.TrimSpace(id)))
			}
		}
	}
	if len(elements) == 0 {
		v.wrong("is empty: want %s", wantNodeIDs)
		return nil, false
	}
	ids := make([]string, 0, len(elements))
	for i, element := range elements {
		if id, ok := nodeIDKind.parse(v.part(element, "entry %d", i+1)); ok {
			ids = append(ids, id.(string))
		}
	}
	return ids, len(ids) == len(elements)
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
	asWritten := func(name string) string { return name }
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
