package mesh

import (
	"iter"
	"maps"
	"slices"

	"receptor/mesh/linkstate"
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
		KnownConnectionCosts: make(map[string]map[string]float64),
	}
	for u := range n.db.Records() {
		st.KnownConnectionCosts[u.NodeID] = maps.Collect(u.Links())
	}
	for _, s := range n.peers {
		st.Connections = append(st.Connections, Connection{NodeID: s.peer, Cost: s.cost})
	}
	for id, peer := range n.table.Load().routes() {
		st.RoutingTable[id] = peer
	}
	st.Advertisements = n.services.advertisements()
	return st
}

// Advertisements returns the known services, in order of node and service. The
// caller owns them.
func (n *Node) Advertisements() []wire.ServiceAdvertisement {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.services.advertisements()
}

func (s *services) advertisements() []wire.ServiceAdvertisement {
	var list []wire.ServiceAdvertisement
	for _, k := range s.order {
		if known := s.known[k]; !known.Cancel {
			ad := known.ServiceAdvertisement
			ad.Tags = maps.Clone(ad.Tags)
			ad.WorkCommands = slices.Clone(ad.WorkCommands)
			list = append(list, ad)
		}
	}
	return list
}

// Costs returns what the routes to other nodes cost, +Inf where there is none at
// present. It computes all routes: it is nothing to ask for each datagram.
func (n *Node) Costs(nodes []string) []float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.db.Costs(nodes)
}

// Reachable reports whether a route to a node is known at present.
func (n *Node) Reachable(node string) bool {
	id := n.nodeID(node)
	return id == n.id || n.table.Load().next(wire.HashNode(id)) != nil
}

// Service returns what is known of a service of a node, and whether it is
// advertised at present. The tags and work types are shared: do not change them.
func (n *Node) Service(node, service string) (wire.ServiceAdvertisement, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.services.known[serviceKey{n.nodeID(node), service}]
	if known == nil || known.Cancel {
		return wire.ServiceAdvertisement{}, false
	}
	return known.ServiceAdvertisement, true
}

// View is a node's database, routes and services as they are, not copied.
type View struct {
	db       *linkstate.DB
	table    *table
	services *services
}

// Inspect lets f look at the node's database, routes and services. The node is locked
// meanwhile: neither may f call into it, nor may the view be kept.
func (n *Node) Inspect(f func(View)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(View{n.db, n.table.Load(), &n.services})
}

// Record returns what is known of a node's links, nil if it is not on record.
// Nodes that share a pool give the same answer if they hold the same update.
func (v View) Record(node string) *linkstate.Update { return v.db.Record(node) }

// Records iterates over all records, in no particular order.
func (v View) Records() iter.Seq[*linkstate.Update] { return v.db.Records() }

// Services iterates over the known services and their nodes, in no particular
// order.
func (v View) Services() iter.Seq2[string, string] {
	return func(yield func(node, service string) bool) {
		for k, known := range v.services.known {
			if !known.Cancel && !yield(k.node, k.service) {
				return
			}
		}
	}
}

// NextHop returns the peer to which datagrams for a node go.
func (v View) NextHop(node string) (peer string, ok bool) {
	s := v.table.next(wire.HashNode(node))
	if s == nil {
		return "", false
	}
	return s.peer, true
}

// Routes iterates over all nodes that can be reached and their next hops, in no
// particular order.
func (v View) Routes() iter.Seq2[string, string] { return v.table.routes() }

func (t *table) routes() iter.Seq2[string, string] {
	return func(yield func(node, peer string) bool) {
		for i, h := range t.hops {
			if k, ok := h.Link(); ok && !yield(t.directory.ID(int32(i)), t.peers[k].peer) {
				return
			}
		}
	}
}
