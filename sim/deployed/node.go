// Package deployed is a model of a node as deployed receptor 1.x nodes are, for
// mixed meshes in the simulator. It puts on the wire what they do (PROTOCOL
// sections 1 to 3), has none of our extensions, and keeps the habits of theirs
// that neighbours feel (section 9): it floods anew whenever it hears of a node,
// edits the records of others when one changes, never forgets a node or the
// service of one that has gone, passes on every cancel of a service that it does
// not know, and dies of an empty frame.
//
// It is written against the protocol alone. With package mesh it shares the
// words that a checker needs (events, addresses, status), and the codecs of
// mesh/wire where the frames are the same, but no decision.
//
// Deployed nodes are not deterministic: where they follow the order of a map (the
// choice among paths of equal cost), the model draws from its source of
// randomness. Their frames leave through a goroutine for each, so two that are
// sent at one instant may change places; the model keeps them in order.
package deployed

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
)

// Timers of deployed nodes, PROTOCOL sections 1 and 2.
const (
	updateInterval    = 10 * time.Second
	updateDelay       = 100 * time.Millisecond // from a change to the update
	routesDelay       = 100 * time.Millisecond // from a change to the routes
	routesInterval    = 24 * time.Hour
	advertiseInterval = time.Minute
	advertiseDelay    = 5 * time.Second
	idleCheckInterval = 5 * time.Second
	maxIdleLink       = 21 * time.Second
	seenLife          = time.Hour
	seenCheckInterval = seenLife / 2
)

// Config is what a node is made of.
type Config struct {
	// ID is the node ID, 1 to wire.MaxNodeID bytes.
	ID string
	// Clock is the node's only source of time.
	Clock transport.Clock
	// Rand makes IDs and the low bits of the epoch, and decides among paths of
	// equal cost. The node alone uses it.
	Rand rand.Source
	// Events, if set, is called for what a node of ours would tell too. It must
	// not call into the node.
	Events func(mesh.Event)
}

// Node is a model of a deployed node. It is for one thread.
type Node struct {
	id       string
	epoch    uint64
	sequence uint64
	clock    transport.Clock
	rand     *rand.Rand
	emit     func(mesh.Event)
	closed   bool

	starting []*link          // that are not established, oldest first
	peers    map[string]*link // established, by node ID
	names    map[uint64]string

	versions map[string]version            // of the newest update of each node
	costs    map[string]map[string]float64 // connections of each node, as far as believed
	seen     map[string]time.Time          // update IDs, and when
	routes   map[string]string             // next hops

	endpoints map[wire.Service]*Endpoint
	services  map[string]Ad // of this node, that are advertised
	ads       map[adKey]wire.ServiceAdvertisement

	updates, routing, advertising, aging, forgetting *ticker
}

// New returns a node without links.
func New(c Config) (*Node, error) {
	if err := wire.CheckNodeID(c.ID); err != nil {
		return nil, err
	}
	if strings.EqualFold(c.ID, localhost) {
		return nil, fmt.Errorf("node ID %q means the own node everywhere; choose another", c.ID)
	}
	rnd := rand.New(c.Rand)
	n := &Node{
		id: c.ID, clock: c.Clock, rand: rnd, emit: c.Events,
		epoch:     uint64(c.Clock.Now().Unix())<<24 | rnd.Uint64()>>40,
		peers:     make(map[string]*link),
		names:     make(map[uint64]string),
		versions:  make(map[string]version),
		costs:     make(map[string]map[string]float64),
		seen:      make(map[string]time.Time),
		routes:    make(map[string]string),
		endpoints: make(map[wire.Service]*Endpoint),
		services:  make(map[string]Ad),
		ads:       make(map[adKey]wire.ServiceAdvertisement),
	}
	if n.emit == nil {
		n.emit = func(mesh.Event) {}
	}
	n.hash(n.id)
	n.updates = newTicker(n.clock, updateInterval, func() { n.floodOwn(0) })
	n.routing = newTicker(n.clock, routesInterval, n.computeRoutes)
	n.advertising = newTicker(n.clock, advertiseInterval, n.advertiseAll)
	n.aging = newTicker(n.clock, idleCheckInterval, n.dropIdleLinks)
	n.forgetting = newTicker(n.clock, seenCheckInterval, n.forgetSeen)
	return n, nil
}

// ID returns the node's ID.
func (n *Node) ID() string { return n.id }

// Close ends all links and timers, as the end of the process does. The node is
// of no use afterwards.
func (n *Node) Close() {
	if n.closed {
		return
	}
	n.closed = true
	for _, t := range []*ticker{n.updates, n.routing, n.advertising, n.aging, n.forgetting} {
		t.stop()
	}
	links := slices.Clone(n.starting)
	for _, peer := range n.peerIDs() {
		links = append(links, n.peers[peer])
	}
	n.starting, n.peers, n.routes = nil, nil, nil
	for _, l := range links {
		l.shut()
	}
	n.closeEndpoints()
}

func (n *Node) peerIDs() []string { return slices.Sorted(maps.Keys(n.peers)) }

// hash returns the hash of a node ID, and makes it known: frames with a hash
// that is not are dropped.
func (n *Node) hash(id string) uint64 {
	h := wire.HashNode(id)
	if _, known := n.names[h]; !known {
		n.names[h] = id
	}
	return h
}

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// randomID returns eight letters and digits.
func (n *Node) randomID() string {
	var b [8]byte
	for i := range b {
		b[i] = idLetters[n.rand.IntN(len(idLetters))]
	}
	return string(b[:])
}

// Status returns what the node knows of the mesh; the caller owns it. Nodes and
// services that have gone are still in it: deployed nodes never forget any.
func (n *Node) Status() mesh.Status {
	st := mesh.Status{
		NodeID:               n.id,
		Connections:          make([]mesh.Connection, 0, len(n.peers)),
		RoutingTable:         maps.Clone(n.routes),
		KnownConnectionCosts: make(map[string]map[string]float64, len(n.costs)),
		Advertisements:       n.advertisements(),
	}
	for _, peer := range n.peerIDs() {
		st.Connections = append(st.Connections, mesh.Connection{NodeID: peer, Cost: n.peers[peer].cost})
	}
	for id, connections := range n.costs {
		st.KnownConnectionCosts[id] = maps.Clone(connections)
	}
	return st
}
