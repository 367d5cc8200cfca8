package sim

import (
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
	ended func(connected bool) // for the dialer
}

// udpEnd is the link as the node at one end has it.
type udpEnd struct {
	flow     *udpFlow
	side     int
	state    endState
	recv     transport.Receiver
	underWay int // bytes of its frames
}

func (c *cable) dialUDP(ended func(connected bool)) {
	f := &udpFlow{cable: c, ended: ended}
	f.attach(dialer)
}

// attach makes a new end.
func (f *udpFlow) attach(side int) *udpEnd {
	e := &udpEnd{flow: f, side: side, state: endOpen}
	f.ends[side] = e
	e.recv = f.cable.ports[side].attach(e)
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
	if lost := l.loses(); lost || !c.up {
		c.loses(1-e.side, frame)
		return true
	}
	e.underWay += len(frame)
	c.net.queue.push(c.net.now+l.delay(), &packet{from: e, frame: frame})
	return true
}

// Close implements transport.Link. The far end hears nothing of it.
func (e *udpEnd) Close() {
	if e.state != endOpen {
		return
	}
	e.state = endClosing
	e.flow.cable.net.after(0, func() {
		e.state = endClosed
		e.flow.cable.record(eventClosed, e.side, nil)
		e.recv.Closed(nil)
		if e.side == dialer {
			e.flow.ended(true)
		}
	})
}

// packet is a frame on its way.
type packet struct {
	from  *udpEnd
	frame []byte
}

func (p *packet) live(uint64) bool { return true }

func (p *packet) run() {
	f, side := p.from.flow, 1-p.from.side
	p.from.underWay -= len(p.frame)
	if !f.cable.up {
		f.cable.loses(side, p.frame)
		return
	}
	f.cable.record(eventFrame, side, p.frame)
	to := f.ends[side]
	if to == nil || to.state != endOpen {
		if side == dialer {
			f.cable.net.tap.lost(p.frame, stats.LossLink)
			return // the socket is closed
		}
		to = f.attach(side)
	}
	f.cable.arrives(side, p.frame)
	to.recv.Receive(owned(p.frame))
}
