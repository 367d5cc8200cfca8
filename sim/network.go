package sim

import (
	"fmt"
	"slices"

	"receptor/mesh"
	"receptor/sim/lane"
	"receptor/sim/scenario"
	"receptor/sim/stats"
	"receptor/sim/truth"
	"receptor/transport"
)

// How the virtual network behaves where a scenario does not say.
const (
	// maxUDPFrame is the longest frame of a UDP-like link.
	maxUDPFrame = 65507
)

// network is all that links have in common.
type network struct {
	*timeline
	trace *trace
	tap   tap
	packer
	depot depot
}

// tap sees every frame that a host sends, every one that reaches one, and every
// one that is lost in between.
type tap interface {
	leaves(from *host, frame []byte)
	arrives(at *host, frame []byte)
	lost(frame []byte, why stats.Loss)
	// holds tells what a link holds, in bytes of frames, after one was sent. A
	// UDP-like link counts all as data.
	holds(from *host, data, control int)
	// tainted tells that a frame has been changed on its way.
	tainted()
}

// Ends of a cable. Frames that an end sends travel in its direction.
const (
	dialer   = 0
	listener = 1
)

// cable is a link of the scenario: two lanes between two hosts, on which links
// come and go.
type cable struct {
	net   *network
	name  string
	kind  scenario.Backend
	cost  float64
	hosts [2]*host
	lanes [2]lane.Lane // by the end that sends

	outage int        // how often the cable has gone down
	conns  []*tcpConn // that are not over
	flows  []*udpFlow // of which somebody may hold an end
	held   []*packet  // by a clogged lane
}

func newCable(net *network, l scenario.Link, from, to *host, master uint64) *cable {
	c := &cable{net: net, name: l.Name(), kind: l.Backend, cost: l.Cost, hosts: [2]*host{from, to}}
	c.lanes = lane.Of(l, master)
	return c
}

// terms are those on which both ends accept a link over the cable.
func (c *cable) terms() mesh.LinkOptions {
	return mesh.LinkOptions{Cost: c.cost, Pieces: c.kind == scenario.UDP}
}

func (c *cable) up() bool    { return truth.Up(&c.lanes) }
func (c *cable) sound() bool { return truth.Sound(&c.lanes) }

// dial makes an attempt; ended is called once, when it has failed or the link
// that it made has ended.
func (c *cable) dial(ended func(transport.Outcome)) {
	c.record(eventDial, dialer, nil)
	if c.kind == scenario.UDP {
		c.dialUDP(ended)
	} else {
		c.dialTCP(ended)
	}
}

// takeDown lets a wire carry nothing, until the answer is called.
func (c *cable) takeDown(sides ...int) (restore func()) {
	wasUp := c.up()
	for _, side := range sides {
		if c.lanes[side].Down++; c.lanes[side].Down == 1 {
			c.record(eventWireDown, side, nil)
		}
	}
	if wasUp {
		c.outage++
		for _, conn := range c.conns {
			conn.freeze()
			c.breakUnlessRepaired(conn)
		}
	}
	return func() {
		for _, side := range sides {
			if c.lanes[side].Down--; c.lanes[side].Down == 0 {
				c.record(eventWireUp, side, nil)
			}
		}
		if c.up() {
			for _, conn := range c.conns {
				conn.thaw()
			}
		}
	}
}

// breakUnlessRepaired breaks a link in lane.BrokenAfter if this outage still lasts.
func (c *cable) breakUnlessRepaired(conn *tcpConn) {
	outage := c.outage
	c.net.after(lane.BrokenAfter, func() {
		if !c.up() && c.outage == outage {
			conn.breakUp(lane.ErrDead)
		}
	})
}

// clogUp lets a wire hold back what it is given, until the answer is called.
func (c *cable) clogUp(sides ...int) (unclog func()) {
	for _, side := range sides {
		c.lanes[side].Clog++
		for _, conn := range c.conns {
			conn.ends[side].out.disarm()
		}
	}
	return func() {
		for _, side := range sides {
			if c.lanes[side].Clog--; c.lanes[side].Clog > 0 {
				continue
			}
			for _, conn := range c.conns {
				conn.ends[side].out.thaw()
			}
			c.releaseHeld(side)
		}
	}
}

// kill ends what the host at one end had of its links, without a word to it.
func (c *cable) kill(side int) {
	for _, conn := range slices.Clone(c.conns) {
		conn.ends[side].abandon()
	}
	for _, f := range c.flows {
		if e := f.ends[side]; e != nil {
			e.state = endClosed
		}
	}
}

// pack and unpack make a parcel of a frame that one end sends, and a frame of
// it again; see packer.
func (c *cable) pack(side int, frame []byte) parcel  { return c.net.pack(frame, c.hosts[side].id) }
func (c *cable) unpack(side int, what parcel) []byte { return c.net.unpack(what, c.hosts[side].id) }

// record adds an event at one end of the cable to the trace.
func (c *cable) record(kind eventKind, side int, frame []byte) {
	c.net.trace.record(c.net.now, kind, c.hosts[side].number, c.hosts[1-side].number, frame)
}

// leaves and arrives show the tap a frame that one end sends or gets.
func (c *cable) leaves(side int, frame []byte)  { c.net.tap.leaves(c.hosts[side], frame) }
func (c *cable) arrives(side int, frame []byte) { c.net.tap.arrives(c.hosts[side], frame) }

// loses records that a frame to one end is lost.
func (c *cable) loses(side int, frame []byte, why stats.Loss) {
	c.record(eventLost, side, frame)
	c.net.tap.lost(frame, why)
}

// describe names the link at one end: for a person, and for the world, to which
// the node repeats it.
func (c *cable) describe(side int) string {
	return fmt.Sprintf("simulated %s from %s to %s", c.kind, c.hosts[side].id, c.hosts[1-side].id)
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
