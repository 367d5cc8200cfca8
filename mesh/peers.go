package mesh

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"receptor/mesh/wire"
)

// findPeer returns where the session of a peer is, or would be, in n.peers.
func (n *Node) findPeer(id string) (int, bool) {
	return slices.BinarySearchFunc(n.peers, id, func(s *session, id string) int { return strings.Compare(s.peer, id) })
}

func (n *Node) peerSession(id string) *session {
	if i, ok := n.findPeer(id); ok {
		return n.peers[i]
	}
	return nil
}

// linksChanged tells the database and, soon, the mesh of the node's links.
func (n *Node) linksChanged(now time.Time) {
	n.db.SetLinks(n.ownLinks())
	n.bring(&n.due.routes, now)
	n.bring(&n.due.update, now.Add(coalesce))
}

func (n *Node) ownLinks() map[string]float64 {
	links := make(map[string]float64, len(n.peers))
	for _, s := range n.peers {
		links[s.peer] = s.cost
	}
	return links
}

// dropIdleLinks ends the links on which nothing arrives any more.
func (n *Node) dropIdleLinks(now time.Time) {
	for _, s := range slices.Clone(n.peers) {
		if s.active.Swap(false) {
			s.heard = now
		} else if idle := now.Sub(s.heard); idle >= n.maxIdle {
			// It may be that only one direction is dead. Over UDP the peer would find
			// that out by our silence alone, as long after us as we after it.
			s.link.Send(wire.Reject(""))
			s.end(now, fmt.Errorf("%w for %v", ErrIdle, idle.Round(time.Second)))
		}
	}
}
