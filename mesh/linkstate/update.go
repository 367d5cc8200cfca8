package linkstate

import (
	"iter"
	"maps"
	"slices"

	"receptor/mesh/wire"
)

// Update is a routing update that databases of one Pool can hold. It is not
// changed once Apply has accepted it.
type Update struct {
	// RoutingUpdate has no ForwardingNode: that differs from frame to frame.
	wire.RoutingUpdate
	relay wire.Relay // empty: a suspicion has revoked it
	size  int        // of the relay, or of what it was, in bytes
	// What Frame has returned last. A node passes an update on again on every link
	// that comes up, and the queues of all of them share the frame.
	frame []byte
	by    string

	pool    *Pool
	holders int // databases that hold it; while there are none, what follows is not set
	node    int32
	edges   []edge // sorted by number

	// For summaries.
	part       int
	digest     wire.Digest
	summarizes bool // it came by nodes that all send summaries, and repair what differs
}

// edge is a connection.
type edge struct {
	to   int32
	cost float64
}

// Frame returns the frame by which a node passes the update on, which is shared.
//
// One that a suspicion has revoked is a duplicate's under the date of the true node.
// It is only for those who believe something else: what it says of links may be
// wrong, but the date is what matters. The node corrects both.
func (u *Update) Frame(forwarder string) []byte {
	if u.relay.IsZero() {
		revoked := u.RoutingUpdate
		revoked.ForwardingNode = forwarder
		return revoked.Encode()
	}
	if u.frame == nil || u.by != forwarder {
		u.frame, u.by = u.relay.Frame(forwarder), forwarder
	}
	return u.frame
}

// RelayLen returns the length of the frames by which nodes pass the update on, in bytes,
// but for their IDs (wire.Relay.Len).
func (u *Update) RelayLen() int { return u.size }

// AppendFrame appends what Frame returns to buf.
func (u *Update) AppendFrame(buf []byte, forwarder string) []byte {
	return u.relay.AppendFrame(buf, forwarder)
}

// Links returns what an update that is held says: peer node IDs and costs, in
// no particular order.
func (u *Update) Links() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, e := range u.edges {
			if !yield(u.pool.names[e.to].id, e.cost) {
				return
			}
		}
	}
}

// newerThan reports whether the update is newer than another, or there is no
// other.
func (u *Update) newerThan(o *Update) bool {
	return o == nil || wire.Newer(u.UpdateEpoch, u.UpdateSequence, o.UpdateEpoch, o.UpdateSequence)
}

// replaces reports whether the update is to take the place of another one, nil if
// there is none.
func (u *Update) replaces(o *Update) bool { return u.newerThan(o) || u.completes(o) }

// completes reports whether the update is another one as its node has sent it, whereas
// the other came past a deployed node, which has left out that they send summaries. Kept,
// that one would say for as long as it lives, perhaps long after the deployed node has
// gone, that its node is behind deployed ones. Nothing else may differ: who forges an
// update must make it a newer one, which its node notices.
func (u *Update) completes(o *Update) bool {
	return o != nil && u.HasFeature(wire.FeatureSummary) && !o.summarizes &&
		u.UpdateEpoch == o.UpdateEpoch && u.UpdateSequence == o.UpdateSequence &&
		u.UpdateID == o.UpdateID && maps.Equal(u.Connections, o.Connections)
}

// cost returns the cost at which the update lists a connection.
func (u *Update) cost(to int32) (float64, bool) {
	k, found := slices.BinarySearchFunc(u.edges, to, func(e edge, to int32) int { return int(e.to) - int(to) })
	if !found {
		return 0, false
	}
	return u.edges[k].cost, true
}
