package deployed

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

const testDelay = time.Millisecond

// member is a node of a test, of either kind.
type member interface {
	Attach(link transport.Link, opts mesh.LinkOptions) transport.Receiver
	HandleDatagrams(service string, ad *mesh.Advertise, f func(from mesh.Addr, payload []byte)) (stop func(), err error)
	SendDatagram(fromService string, to mesh.Addr, payload []byte, hops byte) error
	PingAsync(target string, hopsToLive byte, timeout time.Duration, done func(mesh.PingReply, error))
	Status() mesh.Status
	Close()
}

// testNet is a mesh of nodes of both kinds on a virtual clock.
type testNet struct {
	t      *testing.T
	clock  *transporttest.Clock
	nodes  map[string]member
	events map[string][]mesh.Event
	seed   uint64
}

// newNet makes nodes a, b, c, ..., whose kinds are the letters of mix: d for
// deployed, o for ours.
func newNet(t *testing.T, mix string) *testNet {
	n := &testNet{t: t, clock: transporttest.NewClock(), nodes: map[string]member{}, events: map[string][]mesh.Event{}}
	for i, kind := range mix {
		n.start(string(rune('a'+i)), kind)
	}
	return n
}

// start makes one more node, or a later run of one.
func (n *testNet) start(id string, kind rune) member {
	n.t.Helper()
	n.seed++
	source := rand.NewPCG(n.seed, 0)
	events := func(e mesh.Event) { n.events[id] = append(n.events[id], e) }
	var node member
	var err error
	if kind == 'd' {
		node, err = New(Config{ID: id, Clock: n.clock, Rand: source, Events: events})
	} else {
		node, err = mesh.New(mesh.Config{ID: id, Clock: n.clock, Rand: source, Events: events})
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.nodes[id] = node
	return node
}

// deployed returns a node that is a model.
func (n *testNet) deployed(id string) *Node { return n.nodes[id].(*Node) }

func (n *testNet) link(a, b string, cost float64) (*transporttest.Link, *transporttest.Link) {
	return n.join(a, b, mesh.LinkOptions{Cost: cost}, mesh.LinkOptions{Cost: cost})
}

func (n *testNet) join(a, b string, oa, ob mesh.LinkOptions) (*transporttest.Link, *transporttest.Link) {
	nodeA, nodeB := n.nodes[a], n.nodes[b]
	return transporttest.Pipe(n.clock, testDelay,
		func(l transport.Link) transport.Receiver { return nodeA.Attach(l, oa) },
		func(l transport.Link) transport.Receiver { return nodeB.Attach(l, ob) })
}

func (n *testNet) advance(d time.Duration) { n.clock.Advance(d) }

func (n *testNet) wantRoutes(from string, want map[string]string) {
	n.t.Helper()
	if got := n.nodes[from].Status().RoutingTable; !maps.Equal(got, want) {
		n.t.Errorf("routes of %s: %v, want %v", from, got, want)
	}
}

// wantLinks checks what every node holds of the links of one.
func (n *testNet) wantLinks(of string, want map[string]float64) {
	n.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(n.nodes)) {
		if got := n.nodes[id].Status().KnownConnectionCosts[of]; !maps.Equal(got, want) {
			n.t.Errorf("%s holds %v as the links of %s, want %v", id, got, of, want)
		}
	}
}

// wantServices checks which services are known at a node, as NODE:SERVICE.
func (n *testNet) wantServices(at string, want ...string) {
	n.t.Helper()
	var got []string
	for _, ad := range n.nodes[at].Status().Advertisements {
		got = append(got, ad.NodeID+":"+ad.Service)
	}
	if !slices.Equal(got, want) {
		n.t.Errorf("services known at %s: %v, want %v", at, got, want)
	}
}

// ping returns what a ping answered within ten seconds.
func (n *testNet) ping(from, to string, hops byte) (reply mesh.PingReply, err error) {
	n.t.Helper()
	answers := 0
	n.nodes[from].PingAsync(to, hops, 10*time.Second, func(r mesh.PingReply, e error) {
		answers++
		reply, err = r, e
	})
	n.advance(11 * time.Second)
	if answers != 1 {
		n.t.Fatalf("ping %s -> %s ended %d times, want once", from, to, answers)
	}
	return reply, err
}

func (n *testNet) wantPing(from, to string) {
	n.t.Helper()
	if r, err := n.ping(from, to, mesh.MaxHops); err != nil || r.From != to {
		n.t.Errorf("ping %s -> %s: answer from %q, error %v", from, to, r.From, err)
	}
}

func count[E mesh.Event](events []mesh.Event) int {
	return len(slices.DeleteFunc(slices.Clone(events), func(e mesh.Event) bool { _, ok := e.(E); return !ok }))
}

// script is a peer that says only what a test tells it to, and remembers what
// the node has sent it.
type script struct {
	n        *testNet
	id       string
	end      *transporttest.Link
	sequence uint64
	got      []received
	over     bool
}

type received struct {
	at    time.Duration // since the script began
	frame []byte
}

// script links a peer to a node.
func (n *testNet) script(node, id string) *script {
	s := &script{n: n, id: id}
	began := n.clock.Now()
	to := n.nodes[node]
	_, s.end = transporttest.Pipe(n.clock, testDelay,
		func(l transport.Link) transport.Receiver { return to.Attach(l, mesh.LinkOptions{Cost: 1}) },
		func(transport.Link) transport.Receiver { return recorder{s, began} })
	return s
}

type recorder struct {
	s     *script
	began time.Time
}

func (r recorder) Receive(frame []byte) {
	r.s.got = append(r.s.got, received{r.s.n.clock.Now().Sub(r.began) - testDelay, frame})
}
func (r recorder) Closed(error) { r.s.over = true }

// update sends an update of a node by way of this peer.
func (s *script) update(of string, epoch uint64, links ...string) *wire.RoutingUpdate {
	s.sequence++
	u := &wire.RoutingUpdate{
		NodeID: of, UpdateID: fmt.Sprintf("%s%07d", s.id, s.sequence), UpdateEpoch: epoch, UpdateSequence: s.sequence,
		Connections: map[string]float64{}, ForwardingNode: s.id,
	}
	for _, id := range links {
		u.Connections[id] = 1
	}
	s.send(u)
	return u
}

func (s *script) send(u *wire.RoutingUpdate) {
	s.end.Send(u.Encode())
	s.n.advance(2 * testDelay)
}

// up sends what establishes the link, and confirms it.
func (s *script) up(node string) {
	s.update(s.id, 1)
	s.update(s.id, 1, node)
}

// updates returns the routing updates that came, and forgets all frames.
func (s *script) updates() []*wire.RoutingUpdate {
	var all []*wire.RoutingUpdate
	for _, r := range s.got {
		if wire.Type(r.frame[0]) == wire.TypeRouting {
			u, err := wire.ParseRouting(r.frame)
			if err != nil {
				s.n.t.Fatal(err)
			}
			all = append(all, u)
		}
	}
	s.got = nil
	return all
}

// frames returns how many frames of a type came.
func (s *script) frames(kind wire.Type) int {
	count := 0
	for _, r := range s.got {
		if wire.Type(r.frame[0]) == kind {
			count++
		}
	}
	return count
}
