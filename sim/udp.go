package sim

import (
	"bytes"
	"slices"

	"receptor/sim/lane"
	"receptor/sim/stats"
	"receptor/transport"
)

// udpFlow is what a dialer's socket and a listener exchange. It is no
// connection: the dialer's end is there at once, the listener's appears with
// the first frame from an address that it does not know, and neither learns
// that the other has gone.
//
// Each frame is on its own: it is lost or not, and may overtake another by
// jitter. One that is under way when the wire goes down is lost if it would
// arrive before the wire is up again.
type udpFlow struct {
	cable *cable
	ends  [2]*udpEnd
	ended func(transport.Outcome) // for the dialer
}

// udpEnd is the link as the node at one end has it.
type udpEnd struct {
	flow     *udpFlow
	side     int
	state    endState
	recv     transport.Receiver
	underWay int // bytes of its frames
}

func (c *cable) dialUDP(ended func(transport.Outcome)) {
	c.flows = slices.DeleteFunc(c.flows, (*udpFlow).over)
	f := &udpFlow{cable: c, ended: ended}
	c.flows = append(c.flows, f)
	f.attach(dialer)
}

// over reports whether nobody holds an end any more.
func (f *udpFlow) over() bool {
	for _, e := range f.ends {
		if e != nil && e.state != endClosed {
			return false
		}
	}
	return true
}

// attach makes a new end.
func (f *udpFlow) attach(side int) *udpEnd {
	e := &udpEnd{flow: f, side: side, state: endOpen}
	f.ends[side] = e
	e.recv = f.cable.hosts[side].accept(e, f.cable.terms())
	return e
}

// String implements transport.Link.
func (e *udpEnd) String() string { return e.flow.cable.describe(e.side) }

// Send implements transport.Link. A frame that is lost was sent all the same.
func (e *udpEnd) Send(frame []byte) bool {
	if e.state != endOpen || len(frame) == 0 || len(frame) > maxUDPFrame ||
		e.underWay+len(frame) > transport.MaxQueuedData {
		return false
	}
	c := e.flow.cable
	c.leaves(e.side, frame)
	l := &c.lanes[e.side]
	e.transmit(l, frame)
	c.net.tap.holds(c.hosts[e.side], e.underWay, 0)
	if l.Draws(l.Duplicate) {
		e.transmit(l, bytes.Clone(frame)) // who gets a data frame may change it
	}
	return true
}

// transmit puts one copy of a frame on the wire.
func (e *udpEnd) transmit(l *lane.Lane, sent []byte) {
	c := e.flow.cable
	arrival, frame, fate := l.Launch(c.net.now, sent)
	switch fate {
	case lane.Lost:
		c.loses(1-e.side, sent, stats.LossWire)
		return
	case lane.Crowded:
		c.loses(1-e.side, sent, stats.LossRoom)
		return
	case lane.Altered:
		c.net.tap.tainted()
	}
	e.underWay += len(frame)
	p := &packet{from: e, what: c.pack(e.side, frame)}
	if l.Clog > 0 {
		c.held = append(c.held, p)
		return
	}
	c.net.queue.push(arrival, p)
}

// releaseHeld delivers what a clogged lane has held back, in any order.
func (c *cable) releaseHeld(side int) {
	l := &c.lanes[side]
	var released []*packet
	c.held = slices.DeleteFunc(c.held, func(p *packet) bool {
		if p.from.side == side {
			released = append(released, p)
			return true
		}
		return false
	})
	l.Shuffle(len(released), func(i, j int) { released[i], released[j] = released[j], released[i] })
	for _, p := range released {
		c.net.queue.push(c.net.now+l.Travel(), p)
	}
}

// Close implements transport.Link. The far end hears nothing of it.
func (e *udpEnd) Close() {
	if e.state != endOpen {
		return
	}
	e.state = endClosing
	e.flow.cable.net.after(0, func() {
		if e.state != endClosing {
			return // its process was killed meanwhile
		}
		e.state = endClosed
		e.flow.cable.record(eventClosed, e.side, nil)
		e.flow.cable.hosts[e.side].handle(func() {
			e.recv.Closed(nil)
			if e.side == dialer {
				e.flow.ended(transport.OutcomeOf(e.recv))
			}
		})
	})
}

// packet is a frame on its way.
type packet struct {
	from *udpEnd
	what parcel
}

// frame is good until another parcel is unpacked.
func (p *packet) frame() []byte { return p.from.flow.cable.unpack(p.from.side, p.what) }

func (p *packet) live(uint64) bool { return true }

func (p *packet) run() {
	f, side := p.from.flow, 1-p.from.side
	frame := p.frame()
	p.from.underWay -= len(frame)
	l := &f.cable.lanes[p.from.side]
	switch h := f.cable.hosts[side]; {
	case l.Down > 0:
		f.cable.loses(side, frame, stats.LossWire)
	case !h.running():
		f.cable.loses(side, frame, stats.LossNode)
	case l.Clog > 0:
		p.from.underWay += len(frame)
		f.cable.held = append(f.cable.held, p)
	default:
		f.cable.record(eventFrame, side, frame)
		if h.free() {
			f.deliver(side, frame)
			return
		}
		h.handle(func() { f.deliver(side, p.frame()) })
	}
}

func (f *udpFlow) deliver(side int, frame []byte) {
	to := f.ends[side]
	if to == nil || to.state == endClosed {
		if side == dialer {
			f.cable.net.tap.lost(frame, stats.LossLink)
			return // the socket is closed
		}
		to = f.attach(side)
	}
	if to.state != endOpen {
		return
	}
	f.cable.arrives(side, frame)
	to.recv.Receive(frame)
}
