package sim

import (
	"iter"

	"receptor/mesh"
	"receptor/sim/check"
)

// beliefs are what a node believes of the mesh, for the checkers. Nodes share
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
