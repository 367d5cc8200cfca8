package sim

import (
	"io"
	"math"
	"slices"
	"time"

	"receptor/sim/lane"
	"receptor/sim/stats"
	"receptor/transport"
)

// tcpConn is a TCP-like link, or an attempt to make one. Frames arrive in the
// order in which they were sent. One that is lost is sent again, and delays
// those behind it; when that does not help, the link breaks. On a wire that is
// down nothing moves; if it stays down for lane.BrokenAfter, the link breaks too.
type tcpConn struct {
	cable *cable
	ends  [2]tcpEnd
	ended func(transport.Outcome) // for the dialer; nil after it was called
	over  bool
}

// tcpEnd is the link as the node at one end has it.
type tcpEnd struct {
	conn  *tcpConn
	side  int
	state endState
	recv  transport.Receiver
	out   stream

	accepted bool // the listener's machine has, its process may not have come to it
}

func (c *cable) dialTCP(ended func(transport.Outcome)) {
	conn := &tcpConn{cable: c, ended: ended}
	for side := range conn.ends {
		e := &conn.ends[side]
		e.conn, e.side, e.out.end = conn, side, e
	}
	c.conns = append(c.conns, conn)
	conn.ends[dialer].out.send(segmentOpen, 0)
	if !c.up() {
		c.breakUnlessRepaired(conn)
	}
}

// String implements transport.Link.
func (e *tcpEnd) String() string { return e.conn.cable.describe(e.side) }

// Send implements transport.Link, with the bounds of transport.Queue on what is
// under way.
func (e *tcpEnd) Send(frame []byte) bool {
	if e.state != endOpen || len(frame) == 0 || len(frame) > transport.MaxFrame {
		return false
	}
	if transport.IsData(frame) {
		l := &e.conn.cable.lanes[e.side]
		if e.out.data+len(frame) > transport.MaxQueuedData || !l.Fits(e.conn.cable.net.now, len(frame)) {
			return false
		}
	} else if e.out.control+len(frame) > transport.MaxQueuedControl {
		// Not at once: the node that sends must not hear of it before it returns.
		e.conn.cable.net.after(0, func() { e.conn.breakUp(transport.ErrControlFull) })
		return false
	}
	c := e.conn.cable
	c.leaves(e.side, frame)
	e.out.count(frame, len(frame))
	c.net.tap.holds(e.host(), e.out.data, e.out.control)
	e.out.send(c.pack(e.side, frame), len(frame))
	return true
}

// Close implements transport.Link. What was sent so far still arrives.
func (e *tcpEnd) Close() {
	if e.state != endOpen {
		return
	}
	e.state = endClosing
	e.out.send(segmentClose, 0)
	e.conn.cable.net.after(0, func() { e.finish(nil) })
}

// abandon is what the machine does with a link whose process has been killed:
// what was sent still arrives, and then the end.
func (e *tcpEnd) abandon() {
	conn := e.conn
	if e.side == dialer {
		conn.ended = nil
	}
	switch {
	case e.state == endOpen, e.state == endAbsent && e.accepted:
		e.state = endClosed
		e.out.send(segmentClose, 0)
	case e.state == endClosing, e.state == endAbsent && e.side == dialer:
		e.state = endClosed
	}
	conn.settle()
}

// finish tells the node that its link is over.
func (e *tcpEnd) finish(err error) {
	if e.state != endOpen && e.state != endClosing {
		return
	}
	e.state = endClosed
	e.conn.cable.record(eventClosed, e.side, nil)
	ended := e.conn.takeEnded(e.side)
	e.host().handle(func() {
		e.recv.Closed(err)
		ended(transport.OutcomeOf(e.recv))
	})
	e.conn.settle()
}

func (e *tcpEnd) host() *host { return e.conn.cable.hosts[e.side] }

// takeEnded returns what is to be told once the link at one end is over: the
// dialer's redialer, and it only once.
func (conn *tcpConn) takeEnded(side int) func(transport.Outcome) {
	ended := conn.ended
	if side != dialer || ended == nil {
		return func(transport.Outcome) {}
	}
	conn.ended = nil
	return ended
}

// fail tells the dialer that there is no link.
func (conn *tcpConn) fail() {
	ended := conn.takeEnded(dialer)
	conn.cable.hosts[dialer].handle(func() { ended(transport.Failed) })
	conn.end()
}

// breakUp ends the link at both ends, or the attempt to make it.
func (conn *tcpConn) breakUp(err error) {
	if conn.over {
		return
	}
	for side := range conn.ends {
		conn.ends[side].finish(err)
	}
	conn.fail() // unless finish has told it more
}

// settle ends the link when it is over at both ends.
func (conn *tcpConn) settle() {
	if conn.ends[dialer].state == endClosed && conn.ends[listener].state == endClosed {
		conn.end()
	}
}

func (conn *tcpConn) end() {
	if conn.over {
		return
	}
	conn.over = true
	for side := range conn.ends {
		conn.ends[side].out.stop()
	}
	conn.cable.conns = slices.DeleteFunc(conn.cable.conns, func(o *tcpConn) bool { return o == conn })
}

func (conn *tcpConn) freeze() {
	for side := range conn.ends {
		conn.ends[side].out.disarm()
	}
}

func (conn *tcpConn) thaw() {
	for side := range conn.ends {
		conn.ends[side].out.thaw()
	}
}

// segmentKind is what a segment without a frame tells the far end.
type segmentKind byte

const (
	segmentOpen   segmentKind = iota // the dialer wants a link
	segmentAccept                    // and has one
	segmentRefuse                    // and has none: nobody listens
	segmentClose                     // the sender has closed the link
)

// stuck is the time at which a segment arrives that never does.
const stuck = time.Duration(math.MaxInt64)

// stream is one direction of a TCP-like link: segments on their way, in order.
// Only the first of them has an event in the queue.
type stream struct {
	end           *tcpEnd // that sends
	segments      convoy
	last          time.Duration // when the last one arrives
	control, data int           // bytes of frames under way
	armed         uint64        // the number of the event; 0: none
}

// send puts a parcel on its way, with a frame of so many bytes in it.
func (s *stream) send(what parcel, size int) {
	s.last = max(s.transit(size), s.last)
	s.segments.push(segment{at: s.last, what: what}, &s.end.conn.cable.net.depot)
	s.arm()
}

// count adds to the bytes under way those of a frame.
func (s *stream) count(frame []byte, bytes int) {
	if transport.IsData(frame) {
		s.data += bytes
	} else {
		s.control += bytes
	}
}

// transit draws when a segment that is sent now arrives.
func (s *stream) transit(size int) time.Duration {
	conn := s.end.conn
	net, l := conn.cable.net, &conn.cable.lanes[s.end.side]
	at, ok := l.Transit(net.now, size)
	if !ok {
		net.after(at-net.now, func() { conn.breakUp(lane.ErrLossy) })
		return stuck
	}
	return at
}

func (s *stream) arm() {
	c := s.end.conn.cable
	if s.armed != 0 || !c.up() || c.lanes[s.end.side].Clog > 0 || s.segments.n == 0 || s.segments.front().at == stuck {
		return
	}
	s.armed = c.net.queue.push(s.segments.front().at, s)
}

func (s *stream) disarm() {
	if s.armed != 0 {
		s.armed = 0
		s.end.conn.cable.net.queue.calledOff()
	}
}

// thaw sets the segments moving again after an outage.
func (s *stream) thaw() {
	c := s.end.conn.cable
	if s.armed != 0 {
		return
	}
	soonest := c.net.now + c.lanes[s.end.side].Delay
	for seg := range s.segments.all() {
		seg.at = max(seg.at, soonest)
	}
	s.last = max(s.last, soonest)
	s.arm()
}

// stop forgets everything under way.
func (s *stream) stop() {
	s.disarm()
	for seg := range s.segments.all() {
		if frame, ok := seg.what.(looseFrame); ok && transport.IsData(frame) {
			s.end.conn.cable.net.tap.lost(frame, stats.LossLink)
		}
	}
	s.segments = convoy{}
	s.control, s.data = 0, 0
}

func (s *stream) live(sequence uint64) bool { return s.armed == sequence }

// run delivers the first segment.
func (s *stream) run() {
	s.armed = 0
	c := s.end.conn.cable
	seg := s.segments.pop(&c.net.depot)
	frame := c.unpack(s.end.side, seg.what)
	s.count(frame, -len(frame))
	s.arm()
	to := &s.end.conn.ends[1-s.end.side]
	if kind, ok := seg.what.(segmentKind); ok {
		to.told(kind)
	} else {
		to.receive(seg.what, frame)
	}
}

// told takes from the far end what is no frame. What is the machine's part is
// done at once, what is the process's when its host comes to it.
func (e *tcpEnd) told(what segmentKind) {
	c, h := e.conn.cable, e.host()
	switch what {
	case segmentOpen:
		if !h.running() {
			c.record(eventRefused, e.side, nil)
			e.state = endClosed
			e.out.send(segmentRefuse, 0)
			return
		}
		c.record(eventAccept, e.side, nil)
		e.accepted = true
		e.out.send(segmentAccept, 0)
		h.handle(e.attach)
	case segmentAccept:
		c.record(eventDialed, e.side, nil)
		if e.state == endClosed {
			e.out.send(segmentClose, 0) // the process that dialled is gone
			return
		}
		h.handle(e.attach)
	case segmentRefuse:
		e.conn.fail()
	case segmentClose:
		c.record(eventFrame, e.side, nil)
		h.handle(func() { e.finish(io.EOF) })
	}
}

// receive takes a parcel with a frame from the far end. The frame is good only
// until another is unpacked.
func (e *tcpEnd) receive(what parcel, frame []byte) {
	c, h := e.conn.cable, e.host()
	c.record(eventFrame, e.side, frame)
	if h.running() && h.free() {
		e.take(frame)
		return
	}
	h.handle(func() { e.take(c.unpack(1-e.side, what)) })
}

// take gives a frame to the node.
func (e *tcpEnd) take(frame []byte) {
	if e.state != endOpen {
		e.conn.cable.net.tap.lost(frame, stats.LossLink)
		return
	}
	e.conn.cable.arrives(e.side, frame)
	e.recv.Receive(frame)
}

// attach gives the node its link, unless that is over already.
func (e *tcpEnd) attach() {
	if e.state != endAbsent || e.conn.over {
		return
	}
	e.state = endOpen
	e.recv = e.host().accept(e, e.conn.cable.terms())
}
