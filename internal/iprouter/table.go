package iprouter

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
)

// maxNetworks bounds the networks of a table: each is a route of this machine.
const maxNetworks = 1024

// Neighbour is another node with a router in this network.
type Neighbour struct {
	Node     string
	Cost     float64 // of the route to it
	Networks []netip.Prefix
}

// table says to which node a packet goes, and from which one it may come. It is
// never changed.
type table struct {
	own      []netip.Prefix
	learned  []netip.Prefix            // sorted
	via      map[netip.Prefix][]string // the nodes that advertise a network, the best first
	lengths4 []int                     // of the learned prefixes, the longest first
	lengths6 []int
}

// newTable makes a table of what this node and others advertise. What belongs to
// one of its own networks is never learned: nobody may draw away its traffic. The
// problem, if any, says what else was left out.
func newTable(own []netip.Prefix, neighbours []Neighbour) (t *table, problem error) {
	t = &table{own: own, via: make(map[netip.Prefix][]string)}
	neighbours = slices.SortedFunc(slices.Values(neighbours), func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.Node, b.Node))
	})
	for _, n := range neighbours {
		for _, p := range n.Networks {
			switch nodes := t.via[p]; {
			case t.owns(p) || slices.Contains(nodes, n.Node):
			case len(nodes) == 0 && len(t.via) >= maxNetworks:
				problem = fmt.Errorf("more than %d networks are advertised: %v of %s, and others, are left out", maxNetworks, p, n.Node)
			default:
				t.via[p] = append(nodes, n.Node)
			}
		}
	}
	for p := range t.via {
		t.learned = append(t.learned, p)
		lengths := &t.lengths6
		if p.Addr().Is4() {
			lengths = &t.lengths4
		}
		if !slices.Contains(*lengths, p.Bits()) {
			*lengths = append(*lengths, p.Bits())
		}
	}
	slices.SortFunc(t.learned, netip.Prefix.Compare)
	for _, lengths := range [][]int{t.lengths4, t.lengths6} {
		slices.SortFunc(lengths, func(a, b int) int { return b - a })
	}
	return t, problem
}

// owns reports whether a network is part of one of this node's own.
func (t *table) owns(p netip.Prefix) bool {
	return slices.ContainsFunc(t.own, func(own netip.Prefix) bool {
		return own.Bits() <= p.Bits() && own.Contains(p.Addr())
	})
}

// isOwn reports whether an address is in one of this node's own networks.
func (t *table) isOwn(a netip.Addr) bool {
	return slices.ContainsFunc(t.own, func(own netip.Prefix) bool { return own.Contains(a) })
}

// next returns the node to which packets for an address go: that with the
// longest prefix of it; among several the nearest, then the one with the smallest
// ID.
func (t *table) next(dst netip.Addr) (node string, ok bool) {
	if !routable(dst) || t.isOwn(dst) {
		return "", false
	}
	for nodes := range t.advertising(dst) {
		node, ok = nodes[0], true
		break
	}
	return node, ok
}

// mayCome reports whether a packet from an address may come from a node: if that
// advertises a network with the address.
func (t *table) mayCome(src netip.Addr, node string) bool {
	if !routable(src) || t.isOwn(src) {
		return false
	}
	for nodes := range t.advertising(src) {
		if slices.Contains(nodes, node) {
			return true
		}
	}
	return false
}

// advertising iterates over the nodes that advertise networks with an address:
// those of the longest prefix first.
func (t *table) advertising(a netip.Addr) iter.Seq[[]string] {
	lengths := t.lengths6
	if a.Is4() {
		lengths = t.lengths4
	}
	return func(yield func([]string) bool) {
		for _, bits := range lengths {
			p, err := a.Prefix(bits)
			if err != nil {
				continue // a zone: no address of a packet
			}
			if nodes := t.via[p]; len(nodes) > 0 && !yield(nodes) {
				return
			}
		}
	}
}
