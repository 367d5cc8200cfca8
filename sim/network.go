package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"receptor/mesh/linkstate"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/sim/stats"
	"receptor/transport"
)

// How the virtual network behaves where a scenario does not say.
const (
	// brokenAfter is how long a TCP-like link, or an attempt to make one, lives
	// on a wire that carries nothing. (A machine's TCP takes minutes, and the
	// node's own watch 21 s; a link that breaks sooner makes more of a run.)
	brokenAfter = 3 * time.Second
	// minRetransmit is how long a TCP-like link waits beyond one round trip
	// before it sends again what was lost. It waits equally long each time, as
	// TCP does for a stream with little under way.
	minRetransmit = 200 * time.Millisecond
	// maxRetransmits is how often it sends again before it breaks.
	maxRetransmits = 15
	// maxUDPFrame is the longest frame of a UDP-like link.
	maxUDPFrame = 65507
)

// Reasons for which a virtual link ends.
var (
	errWireDead  = fmt.Errorf("the wire has carried nothing for %v", brokenAfter)
	errWireLossy = fmt.Errorf("the wire has lost a frame %d times in a row", maxRetransmits+1)
)

// network is all that links have in common.
type network struct {
	*timeline
	trace *trace
	tap   tap
	pool  *linkstate.Pool // of all nodes
}

// tap sees every frame that a node, by its number, sends, every one that
// reaches a node, and every one that is lost in between.
type tap interface {
	leaves(node int, frame []byte)
	arrives(node int, frame []byte)
	lost(frame []byte, why stats.Loss)
}

// port is where a cable ends: a node, by its number, and how it takes links.
type port struct {
	node   int32
	id     string
	attach transport.Acceptor
}

// Ends of a cable. Frames that an end sends travel in its direction.
const (
	dialer   = 0
	listener = 1
)

// cable is a link of the scenario: two lanes between two nodes, on which links
// come and go.
type cable struct {
	net   *network
	name  string
	kind  scenario.Backend
	ports [2]port
	lanes [2]lane // by the end that sends

	up     bool
	outage int        // how often the cable has gone down
	conns  []*tcpConn // that are not over
}

// lane is one direction of a cable.
type lane struct {
	scenario.Wire
	loss, jitter *rand.Rand
	retransmit   time.Duration
}

func newCable(net *network, l scenario.Link, from, to port, master uint64) *cable {
	c := &cable{net: net, name: l.Name(), kind: l.Backend, ports: [2]port{from, to}, up: true}
	for side, w := range [2]scenario.Wire{l.Forward, l.Back} {
		name := c.ports[side].id + ">" + c.ports[1-side].id
		c.lanes[side] = lane{
			Wire:       w,
			loss:       seed.Rand(master, "loss", name),
			jitter:     seed.Rand(master, "jitter", name),
			retransmit: retransmitTime(l),
		}
	}
	return c
}

func retransmitTime(l scenario.Link) time.Duration {
	return minRetransmit + l.Forward.Delay + l.Forward.Jitter + l.Back.Delay + l.Back.Jitter
}

// delay draws how long one transmission takes.
func (l *lane) delay() time.Duration {
	if l.Jitter == 0 {
		return l.Delay
	}
	return l.Delay + time.Duration(l.jitter.Int64N(int64(l.Jitter)+1))
}

// loses draws whether one transmission is lost.
func (l *lane) loses() bool { return l.Loss > 0 && l.loss.Float64() < l.Loss }

// dial makes an attempt; ended is called once, when it has failed or the link
// that it made has ended.
func (c *cable) dial(ended func(connected bool)) {
	c.record(eventDial, dialer, nil)
	if c.kind == scenario.UDP {
		c.dialUDP(ended)
	} else {
		c.dialTCP(ended)
	}
}

// setUp puts the wires in order, or out of it, both directions at once.
func (c *cable) setUp(up bool) {
	if c.up == up {
		return
	}
	c.up = up
	if up {
		c.record(eventWireUp, dialer, nil)
		for _, conn := range c.conns {
			conn.thaw()
		}
		return
	}
	c.record(eventWireDown, dialer, nil)
	c.outage++
	for _, conn := range c.conns {
		conn.freeze()
		c.breakUnlessRepaired(conn)
	}
}

// breakUnlessRepaired breaks a link in brokenAfter if this outage still lasts.
func (c *cable) breakUnlessRepaired(conn *tcpConn) {
	outage := c.outage
	c.net.after(brokenAfter, func() {
		if !c.up && c.outage == outage {
			conn.breakUp(errWireDead)
		}
	})
}

// record adds an event at one end of the cable to the trace.
func (c *cable) record(kind eventKind, side int, frame []byte) {
	c.net.trace.record(c.net.now, kind, c.ports[side].node, c.ports[1-side].node, frame)
}

// leaves and arrives show the tap a frame that one end sends or gets.
func (c *cable) leaves(side int, frame []byte)  { c.net.tap.leaves(int(c.ports[side].node), frame) }
func (c *cable) arrives(side int, frame []byte) { c.net.tap.arrives(int(c.ports[side].node), frame) }

// loses records that a frame to one end is lost on the wire.
func (c *cable) loses(side int, frame []byte) {
	c.record(eventLost, side, frame)
	c.net.tap.lost(frame, stats.LossWire)
}

// describe names the link at one end: for a person, and for the world, to which
// the node repeats it.
func (c *cable) describe(side int) string {
	return fmt.Sprintf("simulated %s from %s to %s", c.kind, c.ports[side].id, c.ports[1-side].id)
}

// endState is where one end of a link is in its life:
//
//	absent --> open --Close--> closing --> closed
//	              \------------------------^ the far end has closed, or the link is broken
type endState int

const (
	endAbsent  endState = iota // the node has not been given it
	endOpen                    // frames go both ways
	endClosing                 // the node has closed it, and is about to be told so
	endClosed                  // the node has been told that it is over
)
