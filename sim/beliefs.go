package sim

import (
	"iter"
	"maps"

	"receptor/mesh"
	"receptor/sim/check"
)

// beliefs are what a node of ours believes of the mesh, for the checkers. Nodes share
// the records that they got from the same update.
type beliefs struct{ view mesh.View }

// Record implements check.State.
func (b beliefs) Record(node string) (check.Record, bool) {
	u := b.view.Record(node)
	return u, u != nil
}

// Records implements check.State.
func (b beliefs) Records() iter.Seq[string] {
	return func(yield func(string) bool) {
		for u := range b.view.Records() {
			if !yield(u.NodeID) {
				return
			}
		}
	}
}

// NextHop implements check.State.
func (b beliefs) NextHop(node string) (string, bool) { return b.view.NextHop(node) }

// Routes implements check.State.
func (b beliefs) Routes() iter.Seq[string] {
	return func(yield func(string) bool) {
		for node := range b.view.Routes() {
			if !yield(node) {
				return
			}
		}
	}
}

// NeverForgets implements check.State.
func (beliefs) NeverForgets() bool { return false }

// OrdersTies implements check.State.
func (beliefs) OrdersTies() bool { return true }

// deployedBeliefs are what a deployed node believes. It edits its records, and
// shares them with nobody.
type deployedBeliefs struct{ mesh.Status }

// deployedRecord is what a deployed node holds about one.
type deployedRecord struct{ links map[string]float64 }

// Links implements check.Record.
func (r *deployedRecord) Links() iter.Seq2[string, float64] { return maps.All(r.links) }

// Record implements check.State.
func (b deployedBeliefs) Record(node string) (check.Record, bool) {
	links, ok := b.KnownConnectionCosts[node]
	return &deployedRecord{links}, ok
}

// Records implements check.State.
func (b deployedBeliefs) Records() iter.Seq[string] { return maps.Keys(b.KnownConnectionCosts) }

// NextHop implements check.State.
func (b deployedBeliefs) NextHop(node string) (string, bool) {
	via, ok := b.RoutingTable[node]
	return via, ok
}

// Routes implements check.State.
func (b deployedBeliefs) Routes() iter.Seq[string] { return maps.Keys(b.RoutingTable) }

// NeverForgets implements check.State.
func (deployedBeliefs) NeverForgets() bool { return true }

// OrdersTies implements check.State: deployed nodes take any.
func (deployedBeliefs) OrdersTies() bool { return false }
