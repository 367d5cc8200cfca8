// Package belief shows the checkers of both engines what nodes believe of the mesh.
package belief

import (
	"iter"
	"maps"

	"receptor/mesh"
	"receptor/sim/check"
)

// Ours is what a node of ours believes. Nodes that share a pool share the records
// that they got from the same update.
type Ours struct{ View mesh.View }

// Record implements check.State.
func (b Ours) Record(node string) (check.Record, bool) {
	u := b.View.Record(node)
	return u, u != nil
}

// Records implements check.State.
func (b Ours) Records() iter.Seq[string] {
	return func(yield func(string) bool) {
		for u := range b.View.Records() {
			if !yield(u.NodeID) {
				return
			}
		}
	}
}

// NextHop implements check.State.
func (b Ours) NextHop(node string) (string, bool) { return b.View.NextHop(node) }

// Routes implements check.State.
func (b Ours) Routes() iter.Seq[string] {
	return func(yield func(string) bool) {
		for node := range b.View.Routes() {
			if !yield(node) {
				return
			}
		}
	}
}

// NeverForgets implements check.State.
func (Ours) NeverForgets() bool { return false }

// OrdersTies implements check.State.
func (Ours) OrdersTies() bool { return true }

// Deployed is what a deployed node believes. It edits its records, and shares them
// with nobody.
type Deployed struct{ mesh.Status }

// deployedRecord is what a deployed node holds about one.
type deployedRecord struct{ links map[string]float64 }

// Links implements check.Record.
func (r *deployedRecord) Links() iter.Seq2[string, float64] { return maps.All(r.links) }

// Record implements check.State.
func (b Deployed) Record(node string) (check.Record, bool) {
	links, ok := b.KnownConnectionCosts[node]
	return &deployedRecord{links}, ok
}

// Records implements check.State.
func (b Deployed) Records() iter.Seq[string] { return maps.Keys(b.KnownConnectionCosts) }

// NextHop implements check.State.
func (b Deployed) NextHop(node string) (string, bool) {
	via, ok := b.RoutingTable[node]
	return via, ok
}

// Routes implements check.State.
func (b Deployed) Routes() iter.Seq[string] { return maps.Keys(b.RoutingTable) }

// NeverForgets implements check.State.
func (Deployed) NeverForgets() bool { return true }

// OrdersTies implements check.State: deployed nodes take any.
func (Deployed) OrdersTies() bool { return false }
