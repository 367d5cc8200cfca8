// Package mesh is the mesh node: links, routing, datagrams, services and ping,
// and streams on top of them (PROTOCOL sections 1 to 3).
//
// Node is a monitor. It owns its state under one mutex; frames from links and
// calls of its one timer are its only inputs, Link.Send its only output. There
// is no goroutine, channel or sleep in it, so the simulator runs thousands of
// nodes on one thread. Only packetconn.go and stream.go, which give blocking
// conveniences on top, wait for anything.
package mesh

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"receptor/mesh/firewall"
	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
	"receptor/transport"
)

// Timers of the routing protocol, PROTOCOL sections 1 and 2.
const (
	handshakeInterval = time.Second
	handshakeTries    = 11
	// updateInterval is how often updates are repeated where there are deployed
	// nodes. Theirs is also the keep-alive of links, and repairs updates that a
	// lossy link has lost; among nodes of ours summaries do.
	updateInterval = 10 * time.Second
	// coalesce is how long changes are gathered before one update, or one
	// computation of routes, tells of them.
	coalesce          = 100 * time.Millisecond
	idleCheckInterval = 5 * time.Second
	// DefaultMaxIdleLink is how long nothing may arrive on a link.
	DefaultMaxIdleLink = 21 * time.Second
	// joinWindow is how long after it got its first link a node obeys a
	// message that it is the newer of two with its ID. It would learn so when
	// it joins; later such a message can only be forged, or stale.
	joinWindow = time.Minute
	// suspicionInterval spaces the updates that tell of one and the same duplicate.
	suspicionInterval = time.Second
)

// MaxHops is the number of hops to live of a fresh message.
const MaxHops = wire.MaxHops

// Config is what a node is made of.
type Config struct {
	// ID is the node ID, 1 to wire.MaxNodeID bytes.
	ID string
	// Clock is the node's only source of time.
	Clock transport.Clock
	// Rand makes update IDs, the low bits of the epoch, and the names of
	// ephemeral services. The node alone uses it.
	Rand rand.Source
	// MaxIdleLink is how long nothing may arrive on a link before it is
	// dropped; zero means DefaultMaxIdleLink, and less is raised to that.
	MaxIdleLink time.Duration
	// Firewall has the rules for the datagrams that the node sends, takes and
	// passes on; none accepts all.
	Firewall []firewall.Rule
	// Events, if set, is called for every event, possibly with the node's lock
	// held: it must not block nor call into the node. Calls may overlap.
	Events func(Event)
	// Pool, if set, is shared with other nodes, to hold what all of them know
	// once. No two of the nodes may be called at one time.
	Pool *linkstate.Pool
	// Trace, if set, is called for every datagram that the node sends, takes or
	// passes on, before its firewall. It may be called from any goroutine, must not
	// block nor call into the node, and costs speed.
	Trace func(Datagram)
	// QLog, if set, opens the file for what QUIC tells of one end of a stream, in
	// the format qlog: packets and timers, but no payload. The name is
	// "log_CONNECTION_client.qlog" or "…_server.qlog"; nil means not to tell. It
	// may be called, and the file written to and closed, from any goroutine.
	QLog func(name string) io.WriteCloser
}

// Node is a mesh node. Its methods may be called from any goroutine.
type Node struct {
	id      string
	hash    uint64
	epoch   uint64
	clock   transport.Clock
	maxIdle time.Duration
	emit    func(Event)
	trace   func(Datagram)
	qlog    func(name string) io.WriteCloser

	firewall *firewall.Firewall    // nil without rules
	table    atomic.Pointer[table] // next hops, for the forwarding path
	local    endpoints             // services of this node
	shared   shared                // connections of this node's streams

	mu       sync.Mutex
	closed   bool
	rand     *rand.Rand
	sequence uint64
	starting []*session // links that are not established, oldest first
	peers    []*session // established links, in order of peer ID
	pool     *linkstate.Pool
	db       *linkstate.DB
	services services
	known    knowledge
	repaired allowance // of floods about this node for peers that know something else
	dup      duplicates
	due      deadlines
	timer    transport.Timer
	timerAt  time.Time
	timers   uint64 // made so far
}

// deadlines of the node's parts; zero when there is nothing to do. Those of
// links that are not established are in their sessions.
type deadlines struct {
	update    time.Time // flood an update about ourselves
	repeat    time.Time // repeat it, where there are deployed nodes
	summary   time.Time // tell the peers what we know
	routes    time.Time // compute the routes
	forget    time.Time // look for departed nodes
	idleCheck time.Time // look for dead links
	challenge time.Time // look for links that did not answer
}

// New returns a node without links.
func New(c Config) (*Node, error) {
	if err := wire.CheckNodeID(c.ID); err != nil {
		return nil, err
	}
	if strings.EqualFold(c.ID, localhost) {
		return nil, fmt.Errorf("node ID %q means the own node everywhere; choose another", c.ID)
	}
	rules, err := firewall.New(c.Firewall, c.ID)
	if err != nil {
		return nil, err
	}
	now := c.Clock.Now()
	rnd := rand.New(c.Rand)
	n := &Node{
		id:      c.ID,
		hash:    wire.HashNode(c.ID),
		epoch:   newEpoch(now, rnd),
		clock:   c.Clock,
		maxIdle: max(c.MaxIdleLink, DefaultMaxIdleLink),
		emit:    c.Events,
		trace:   c.Trace,
		qlog:    c.QLog,
		rand:    rnd,
		pool:    c.Pool,

		firewall: rules,
	}
	if n.pool == nil {
		n.pool = linkstate.NewPool()
	}
	n.db = linkstate.New(c.ID, n.pool)
	if n.emit == nil {
		n.emit = func(Event) {}
	}
	n.table.Store(emptyTable())
	n.services.init()
	n.local.init()
	n.due.repeat = now.Add(updateInterval)
	n.due.summary = now.Add(summaryInterval)
	n.due.idleCheck = now.Add(idleCheckInterval)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.arm(n.nextDeadline())
	return n, nil
}

// newEpoch returns the number of a run: seconds, shifted as deployed nodes do
// (PROTOCOL section 2.2), then the fraction of the second, so that a node which
// restarts at once is newer than it was, and some random bits.
func newEpoch(now time.Time, rnd *rand.Rand) uint64 {
	const fractionBits, randomBits = 14, 10
	fraction := uint64(now.Nanosecond()) << fractionBits / uint64(time.Second)
	return uint64(now.Unix())<<(fractionBits+randomBits) | fraction<<randomBits | rnd.Uint64()>>(64-randomBits)
}

// ID returns the node's ID.
func (n *Node) ID() string { return n.id }

// LinkOptions are the terms on which a link is accepted.
type LinkOptions struct {
	// Cost of the link; positive. Both ends must agree on it.
	Cost float64
	// NodeCost overrides Cost for the peers that it names.
	NodeCost map[string]float64
	// AllowedPeers are the node IDs that are accepted; nil means all.
	AllowedPeers []string
	// Pieces: the link carries a long frame in pieces, and loses it with any of
	// them. So it is with UDP.
	Pieces bool
	// Accepted: the peer has made the connection, and may be anybody. Events tell.
	Accepted bool
}

// Attach gives the node a new link, and returns the receiver of its frames.
func (n *Node) Attach(link transport.Link, opts LinkOptions) transport.Receiver {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &session{node: n, link: link, opts: opts}
	if n.closed {
		s.state = stateClosed
		link.Close()
		return s
	}
	now := n.clock.Now()
	if len(n.starting) >= maxStarting {
		n.starting[0].end(now, ErrTooMany)
	}
	n.starting = append(n.starting, s)
	s.greet(now)
	return s
}

// Close ends all links and timers. The node is of no use afterwards.
func (n *Node) Close() {
	n.mu.Lock()
	n.shut()
	n.mu.Unlock()
	n.local.closeAll()
}

// shut is Close without the services. It requires mu.
func (n *Node) shut() {
	if n.closed {
		return
	}
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
	for _, s := range slices.Concat(n.starting, n.peers) {
		s.state = stateClosed
		s.known.Store(false)
		s.link.Close()
	}
	n.starting, n.peers = nil, nil
	n.table.Store(emptyTable())
}

// arm makes the node's timer fire no later than at. It requires mu.
func (n *Node) arm(at time.Time) {
	if at.IsZero() || n.closed {
		return
	}
	if n.timer != nil {
		if !at.Before(n.timerAt) {
			return
		}
		n.timer.Stop()
	}
	n.timerAt = at
	n.timers++
	number := n.timers
	n.timer = n.clock.AfterFunc(at.Sub(n.clock.Now()), func() { n.fire(number) })
}

// fire does everything that is due, when the timer of that number fires. One
// that was replaced while it waited for the lock leaves it to its successor.
func (n *Node) fire(number uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || number != n.timers {
		return
	}
	n.timer = nil
	now := n.clock.Now()
	for _, s := range slices.Clone(n.starting) {
		if isDue(s.next, now) {
			s.greet(now)
		}
	}
	if isDue(n.due.idleCheck, now) {
		n.dropIdleLinks(now)
		n.due.idleCheck = now.Add(idleCheckInterval)
	}
	if isDue(n.due.challenge, now) {
		n.dropUnanswered(now)
	}
	if isDue(n.due.repeat, now) {
		n.due.repeat = now.Add(updateInterval)
		if !n.allSummarize() {
			n.due.update = now
		}
	}
	if isDue(n.due.update, now) {
		n.due.update = time.Time{}
		n.floodOwn(0)
	}
	if isDue(n.due.summary, now) {
		n.sendSummaries(now)
	}
	if isDue(n.due.routes, now) {
		n.due.routes = time.Time{}
		n.computeRoutes(now)
	}
	if isDue(n.due.forget, now) {
		n.forgetNodes(now)
	}
	n.serviceTimer(now)
	n.arm(n.nextDeadline())
}

func isDue(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// nextDeadline returns the first of all deadlines. It requires mu.
func (n *Node) nextDeadline() time.Time {
	next := n.services.nextDeadline()
	for _, at := range []time.Time{n.due.update, n.due.repeat, n.due.summary, n.due.routes, n.due.forget, n.due.idleCheck, n.due.challenge} {
		next = earlier(next, at)
	}
	for _, s := range n.starting {
		next = earlier(next, s.next)
	}
	return next
}

// earlier returns the earlier of two deadlines, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// bring moves a deadline forward to at, and arms the timer. It requires mu.
func (n *Node) bring(deadline *time.Time, at time.Time) {
	*deadline = earlier(*deadline, at)
	n.arm(*deadline)
}

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// randomID returns eight letters and digits. It requires mu.
func (n *Node) randomID() string {
	var b [8]byte
	for i := range b {
		b[i] = idLetters[n.rand.IntN(len(idLetters))]
	}
	return string(b[:])
}
