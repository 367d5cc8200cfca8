package mesh

import (
	"slices"

	"receptor/mesh/wire"
)

// Status is what a node knows of the mesh at one moment. The caller owns it.
type Status struct {
	NodeID string
	// Connections are the established links, in order of peer ID.
	Connections []Connection
	// RoutingTable has the next hop to every node that can be reached.
	RoutingTable map[string]string
	// Advertisements are the known services, in order of node and service.
	Advertisements []wire.ServiceAdvertisement
	// KnownConnectionCosts has what every node on record says of its links.
	KnownConnectionCosts map[string]map[string]float64
}

// Connection is an established link.
type Connection struct {
	NodeID string
	Cost   float64
}

// Status returns what the node knows of the mesh.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	st := Status{
		NodeID:               n.id,
		Connections:          make([]Connection, 0, len(n.peers)),
		RoutingTable:         make(map[string]string),
		KnownConnectionCosts: n.db.Costs(),
	}
	for _, s := range n.peers {
		st.Connections = append(st.Connections, Connection{NodeID: s.peer, Cost: s.cost})
	}
	for _, h := range n.table.Load().hops {
		if h.link != nil {
			st.RoutingTable[h.name] = h.via
		}
	}
	for _, k := range n.services.keys() {
		if known := n.services.known[k]; !known.Cancel {
			ad := known.ServiceAdvertisement
			ad.WorkCommands = slices.Clone(ad.WorkCommands)
			st.Advertisements = append(st.Advertisements, ad)
		}
	}
	return st
}

// Reachable reports whether a route to a node is known at present.
func (n *Node) Reachable(node string) bool {
	id := n.nodeID(node)
	return id == n.id || n.table.Load().hops[wire.HashNode(id)].link != nil
}
