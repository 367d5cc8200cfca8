package mesh

import (
	"fmt"
	"time"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
	"receptor/transport"
)

var ownFeatures = []string{wire.FeatureExchange, wire.FeatureCancelOnce, wire.FeatureWhole, wire.FeatureSummary}

// makeUpdate makes the next update about this node. It requires mu.
func (n *Node) makeUpdate(suspect uint64) *wire.RoutingUpdate {
	n.sequence++
	return &wire.RoutingUpdate{
		NodeID:             n.id,
		UpdateID:           n.randomID(),
		UpdateEpoch:        n.epoch,
		UpdateSequence:     n.sequence,
		Connections:        n.ownLinks(),
		ForwardingNode:     n.id,
		SuspectedDuplicate: suspect,
		Features:           ownFeatures,
	}
}

// floodOwn sends an update about this node to all peers. It requires mu.
func (n *Node) floodOwn(suspect uint64) {
	if len(n.peers) > 0 {
		n.flood(n.makeUpdate(suspect).Encode(), nil)
	}
}

// flood sends one frame, shared, to all peers but one. It requires mu.
func (n *Node) flood(frame []byte, except *session) {
	for _, s := range n.peers {
		if s != except {
			s.link.Send(frame)
		}
	}
}

// longestQuoted is how many bytes a node ID takes in a frame, at most.
const longestQuoted = 6*wire.MaxNodeID + len(`""`)

// maxUpdate is how long an update may be, in bytes but for the node that passes it on
// (wire.Relay.Len): whatever the ID of that is, the frame is one that all links carry. A
// longer one, which a websocket can bring, would be known on one side of a link, and never on
// the other.
const maxUpdate = transport.CommonFrame - longestQuoted

// roomForLinks is how many links certainly fit in an update: each takes a node ID and a
// number, and there is more than that of one link in it besides.
const roomForLinks = maxUpdate/(longestQuoted+32) - 1

// canList reports whether an update that lists one more peer is short enough for all.
// It requires mu. (Deployed nodes cut a frame that is too long, and the mesh ends there.)
func (n *Node) canList(peer string) bool {
	if len(n.peers) < roomForLinks {
		return true
	}
	u := wire.RoutingUpdate{
		NodeID: n.id, UpdateID: idLetters[:8], UpdateEpoch: ^uint64(0), UpdateSequence: ^uint64(0),
		Connections: n.ownLinks(), ForwardingNode: peer, SuspectedDuplicate: ^uint64(0), Features: ownFeatures,
	}
	u.Connections[peer] = 1e-300 / 3 // as long as a number can be
	relay := u.Relay()
	return relay.Len() <= maxUpdate
}

// longUpdate is the error of an update of a node that not all links can carry.
type longUpdate struct {
	node  string
	bytes int
}

func (e *longUpdate) Error() string {
	return fmt.Sprintf("routing update of node %q dropped: it has %d bytes, and not every link carries more than %d: give that node fewer links",
		e.node, e.bytes, maxUpdate)
}

// tooManyNodes is the error of an update for which there is no room, of that node.
type tooManyNodes string

func (node tooManyNodes) Error() string {
	return fmt.Sprintf("routing update of node %q dropped: with its connections this node would know more than %d nodes or %d connections, or more than %d bytes of updates",
		string(node), linkstate.MaxNodes, linkstate.MaxEdges, linkstate.MaxBytes)
}

// receiveUpdate takes an update about any node, from a peer. It requires mu.
func (n *Node) receiveUpdate(now time.Time, u *linkstate.Update, from *session) {
	if u.NodeID == n.id {
		n.receiveOwnID(now, u, from)
		return
	}
	if size := u.RelayLen(); size > maxUpdate {
		n.emit(FrameDropped{Peer: from.peer, Link: from.link.String(), Err: &longUpdate{u.NodeID, size}})
		return
	}
	if u.SuspectedDuplicate != 0 {
		n.receiveSuspicion(u, from)
		return
	}
	verdict := n.db.Apply(u)
	switch verdict {
	case linkstate.Stale:
		n.contradict(u, from)
	case linkstate.Full:
		n.emit(FrameDropped{Peer: from.peer, Link: from.link.String(), Err: tooManyNodes(u.NodeID)})
	case linkstate.Completed:
		n.passOnAmongOurs(u, from)
	}
	if !verdict.Accepted() {
		return
	}
	n.emit(UpdateAccepted{Node: u.NodeID, Epoch: u.UpdateEpoch, Sequence: u.UpdateSequence, From: from.peer})
	n.passOn(u, from)
	switch verdict {
	case linkstate.Discovered:
		if !u.HasFeature(wire.FeatureExchange) {
			// A deployed node on the way there does not tell it of us, nor of
			// our services.
			n.bring(&n.due.update, now.Add(coalesce))
			n.readvertise(now)
		}
		n.bring(&n.due.routes, now.Add(coalesce))
	case linkstate.Changed:
		n.bring(&n.due.routes, now.Add(coalesce))
	}
}

// contradict tells a peer whose update of itself is older than the one on record,
// or whose update of another is of an older epoch, what the record says: only the
// node itself can find out that it is another's, or forged, and revoke it; and it
// hears of it by the way that its own updates come. (Otherwise those that have
// forgotten the node take its updates, and those that have not quite never do.)
// It requires mu.
func (n *Node) contradict(u *linkstate.Update, from *session) {
	r := n.db.Record(u.NodeID)
	if r == nil || !wire.Newer(r.UpdateEpoch, r.UpdateSequence, u.UpdateEpoch, u.UpdateSequence) ||
		u.NodeID != from.peer && u.UpdateEpoch == r.UpdateEpoch {
		return
	}
	from.link.Send(r.Frame(n.id))
}

// passOn forwards an update to all peers but the one it came from.
func (n *Node) passOn(u *linkstate.Update, from *session) { n.flood(u.Frame(n.id), from) }

// passOnAmongOurs forwards an update to those only who may know less of it than ours do:
// for deployed nodes it says nothing that it did not say before. It requires mu.
func (n *Node) passOnAmongOurs(u *linkstate.Update, from *session) {
	frame := u.Frame(n.id)
	for _, s := range n.peers {
		if s != from && s.hasFeature(wire.FeatureSummary) {
			s.link.Send(frame)
		}
	}
}

// forgetNodes removes departed nodes. It requires mu.
func (n *Node) forgetNodes(now time.Time) {
	gone, next := n.db.Forget(now)
	n.due.forget = next
	if len(gone) == 0 {
		return
	}
	n.services.dropNodes(gone)
	for _, id := range gone {
		n.emit(NodeForgotten{Node: id})
	}
	n.bring(&n.due.routes, now)
}
