package graphfile

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"receptor/mesh/wire"
)

// longestSuffix is room for what tells nodes with one label apart.
const longestSuffix = len("-1000000")

// nodeIDs returns a node ID for each node that a real node could have too, all
// different, and a note when it had to change labels for that.
func nodeIDs(nodes []Node) (ids []string, note string) {
	ids = make([]string, len(nodes))
	wanted := make(map[string]bool, len(nodes)) // no suffix may make one of these
	for i, n := range nodes {
		ids[i] = cmp.Or(nodeID(n.Label), nodeID(n.ID), "node")
		wanted[ids[i]] = true
	}
	taken := make(map[string]bool, len(nodes))
	next := make(map[string]int) // suffix, by what it is added to
	example, renamed := "", 0
	for i, id := range ids {
		if !taken[id] {
			taken[id] = true
			continue
		}
		base := cut(id, wire.MaxNodeID-longestSuffix)
		for wanted[ids[i]] || taken[ids[i]] {
			next[base]++
			ids[i] = fmt.Sprintf("%s-%d", base, next[base]+1)
		}
		taken[ids[i]] = true
		if renamed++; renamed == 1 {
			example = ids[i]
		}
	}
	if renamed > 0 {
		note = fmt.Sprintf("Labels repeat: %s got a suffix, such as %q.", count(renamed, "node"), example)
	}
	return ids, note
}

// nodeID makes a node ID of a label: what a node of the product takes as one
// (internal/config), "" if nothing is left of the label.
func nodeID(label string) string {
	id := strings.Map(func(r rune) rune {
		if r == '/' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '-'
		}
		return r
	}, strings.Join(strings.Fields(label), " "))
	if id == "." || id == ".." || strings.EqualFold(id, "localhost") {
		id = "node-" + id
	}
	return cut(id, wire.MaxNodeID)
}

// cut returns the longest beginning of valid UTF-8 with at most that many bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
