package deployed

import (
	"maps"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// version is what dates an update of a node.
type version struct{ epoch, sequence uint64 }

// makeUpdate makes the next update about this node.
func (n *Node) makeUpdate(suspect uint64) *wire.RoutingUpdate {
	n.sequence++
	connections := make(map[string]float64, len(n.peers))
	for peer, l := range n.peers {
		connections[peer] = l.cost
	}
	return &wire.RoutingUpdate{
		NodeID: n.id, UpdateID: n.randomID(), UpdateEpoch: n.epoch, UpdateSequence: n.sequence,
		Connections: connections, ForwardingNode: n.id, SuspectedDuplicate: suspect,
	}
}

// floodOwn sends an update about this node to all peers.
func (n *Node) floodOwn(suspect uint64) {
	if len(n.peers) > 0 {
		n.flood(n.makeUpdate(suspect).Encode(), nil)
	}
}

// flood sends one frame, shared, to all peers but one.
func (n *Node) flood(frame []byte, except *link) {
	for _, peer := range n.peerIDs() {
		if l := n.peers[peer]; l != except {
			l.link.Send(frame)
		}
	}
}

// connected and disconnected take in that a link of this node has come or gone.
// Both ends' connections are edited at once: nobody asks what the peer says.
func (n *Node) connected(peer string, cost float64) {
	n.connect(n.id, peer, cost)
	n.connect(peer, n.id, cost)
	n.updates.within(updateDelay)
	n.routing.within(routesDelay)
}

func (n *Node) connect(from, to string, cost float64) {
	if n.costs[from] == nil {
		n.costs[from] = make(map[string]float64)
	}
	n.costs[from][to] = cost
}

func (n *Node) disconnected(peer string) {
	delete(n.costs[n.id], peer)
	delete(n.costs[peer], n.id)
	n.updates.within(updateDelay)
	n.routing.within(routesDelay)
}

// receiveUpdate takes an update about any node, and passes it on if it is news.
func (n *Node) receiveUpdate(u *wire.RoutingUpdate, from *link) {
	if u.NodeID == n.id {
		n.receiveOwnID(u, from)
		return
	}
	if _, seen := n.seen[u.UpdateID]; seen {
		return
	}
	n.seen[u.UpdateID] = n.clock.Now()
	if u.SuspectedDuplicate != 0 {
		n.suspect(u)
	} else if !n.apply(u, from) {
		return
	}
	u.ForwardingNode = n.id
	n.flood(u.Encode(), from)
}

// apply takes in the connections of another node, and reports whether they were
// newer than what was known. A connection that the update does not list goes from
// the record of its other end too, which only that node's next update corrects
// if it was wrong.
func (n *Node) apply(u *wire.RoutingUpdate, from *link) bool {
	was, known := n.versions[u.NodeID]
	switch {
	case !known:
		n.updates.within(updateDelay) // it may not know us either
		n.hash(u.NodeID)
	case !wire.Newer(u.UpdateEpoch, u.UpdateSequence, was.epoch, was.sequence):
		return false
	}
	n.versions[u.NodeID] = version{u.UpdateEpoch, u.UpdateSequence}
	n.emit(mesh.UpdateAccepted{Node: u.NodeID, Epoch: u.UpdateEpoch, Sequence: u.UpdateSequence, From: from.peer})
	old, recorded := n.costs[u.NodeID]
	if recorded && maps.Equal(old, u.Connections) {
		return true
	}
	n.costs[u.NodeID] = make(map[string]float64, len(u.Connections))
	maps.Copy(n.costs[u.NodeID], u.Connections)
	for other, connections := range n.costs {
		if _, lists := u.Connections[other]; !lists && other != n.id {
			delete(connections, u.NodeID)
		}
	}
	n.routing.within(routesDelay)
	return true
}

// suspect takes in that a node knows of another with its ID, of a certain epoch.
// If that one is on record, it gives way to the sender.
func (n *Node) suspect(u *wire.RoutingUpdate) {
	n.emit(mesh.DuplicateSuspected{Node: u.NodeID, Epoch: u.UpdateEpoch, Suspect: u.SuspectedDuplicate})
	if was, known := n.versions[u.NodeID]; known && was.epoch == u.SuspectedDuplicate {
		n.versions[u.NodeID] = version{u.UpdateEpoch, u.UpdateSequence}
	}
}

// receiveOwnID takes an update with this node's ID that another node made, or an
// earlier run of this one (PROTOCOL section 2.2): of two the newer leaves. Anybody
// can make it leave so.
func (n *Node) receiveOwnID(u *wire.RoutingUpdate, from *link) {
	duplicate := mesh.DuplicateID{ID: n.id, OtherEpoch: u.UpdateEpoch, From: from.peer}
	switch {
	case u.UpdateEpoch == n.epoch:
		return // our own, come round
	case u.SuspectedDuplicate == n.epoch:
		duplicate.Leaving = true
		n.emit(duplicate)
		n.Close()
	case u.UpdateEpoch > n.epoch:
		n.emit(duplicate)
		n.floodOwn(u.UpdateEpoch)
	}
}

func (n *Node) forgetSeen() {
	now := n.clock.Now()
	for id, at := range n.seen {
		if now.Sub(at) > seenLife {
			delete(n.seen, id)
		}
	}
}
