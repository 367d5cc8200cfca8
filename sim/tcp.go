package sim

import (
	"bytes"
	"io"
	"math"
	"slices"
	"time"

	"receptor/sim/stats"
	"receptor/transport"
)

// tcpConn is a TCP-like link, or an attempt to make one. Frames arrive in the
// order in which they were sent. One that is lost is sent again, and delays
// those behind it; when that does not help, the link breaks. On a wire that is
// down nothing moves; if it stays down for brokenAfter, the link breaks too.
type tcpConn struct {
	cable *cable
	ends  [2]tcpEnd
	ended func(connected bool) // for the dialer; nil after it was called
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

func (c *cable) dialTCP(ended func(connected bool)) {
	conn := &tcpConn{cable: c, ended: ended}
	for side := range conn.ends {
		e := &conn.ends[side]
		e.conn, e.side, e.out.end = conn, side, e
	}
	c.conns = append(c.conns, conn)
	conn.ends[dialer].out.send(segment{kind: segmentOpen})
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
		if e.out.data+len(frame) > transport.MaxQueuedData || !l.fits(e.conn.cable.net.now, len(frame)) {
			return false
		}
	} else if e.out.control+len(frame) > transport.MaxQueuedControl {
		// Not at once: the node that sends must not hear of it before it returns.
		e.conn.cable.net.after(0, func() { e.conn.breakUp(transport.ErrControlFull) })
		return false
	}
	e.conn.cable.leaves(e.side, frame)
	kind := segmentControl
	if transport.IsData(frame) {
		kind = segmentData
	}
	e.out.send(segment{kind: kind, frame: frame})
	return true
}

// Close implements transport.Link. What was sent so far still arrives.
func (e *tcpEnd) Close() {
	if e.state != endOpen {
		return
	}
	e.state = endClosing
	e.out.send(segment{kind: segmentClose})
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
		e.out.send(segment{kind: segmentClose})
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
		ended(true)
	})
	e.conn.settle()
}

func (e *tcpEnd) host() *host { return e.conn.cable.hosts[e.side] }

// takeEnded returns what is to be told once the link at one end is over: the
// dialer's redialer, and it only once.
func (conn *tcpConn) takeEnded(side int) func(connected bool) {
	ended := conn.ended
	if side != dialer || ended == nil {
		return func(bool) {}
	}
	conn.ended = nil
	return ended
}

// fail tells the dialer that there is no link.
func (conn *tcpConn) fail() {
	ended := conn.takeEnded(dialer)
	conn.cable.hosts[dialer].handle(func() { ended(false) })
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

// segmentKind is what a segment tells the far end.
type segmentKind byte

const (
	segmentOpen   segmentKind = iota // the dialer wants a link
	segmentAccept                    // and has one
	segmentRefuse                    // and has none: nobody listens
	segmentControl
	segmentData
	segmentClose // the sender has closed the link
)

type segment struct {
	at    time.Duration // it arrives then
	kind  segmentKind
	frame []byte
}

// stuck is the time at which a segment arrives that never does.
const stuck = time.Duration(math.MaxInt64)

// stream is one direction of a TCP-like link: segments on their way, in order.
// Only the first of them has an event in the queue.
type stream struct {
	end           *tcpEnd // that sends
	segments      ring
	last          time.Duration // when the last one arrives
	control, data int           // bytes of frames under way
	armed         uint64        // the number of the event; 0: none
}

func (s *stream) send(seg segment) {
	s.count(seg, len(seg.frame))
	seg.at = max(s.transit(len(seg.frame)), s.last)
	s.last = seg.at
	s.segments.push(seg)
	s.arm()
}

func (s *stream) count(seg segment, bytes int) {
	if seg.kind == segmentData {
		s.data += bytes
	} else {
		s.control += bytes
	}
}

// transit draws when a segment that is sent now arrives.
func (s *stream) transit(size int) time.Duration {
	conn := s.end.conn
	net, l := conn.cable.net, &conn.cable.lanes[s.end.side]
	left := l.serialise(net.now, size)
	for again := 0; l.loses() || l.draws(l.Corrupt); again++ {
		left += l.retransmit
		if again == maxRetransmits {
			net.after(left-net.now, func() { conn.breakUp(errWireLossy) })
			return stuck
		}
	}
	return left + l.delay()
}

func (s *stream) arm() {
	c := s.end.conn.cable
	if s.armed != 0 || !c.up() || c.lanes[s.end.side].clog > 0 || s.segments.n == 0 || s.segments.first().at == stuck {
		return
	}
	s.armed = c.net.queue.push(s.segments.first().at, s)
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
	for i := range s.segments.n {
		seg := s.segments.at(i)
		seg.at = max(seg.at, soonest)
	}
	s.last = max(s.last, soonest)
	s.arm()
}

// stop forgets everything under way.
func (s *stream) stop() {
	s.disarm()
	for i := range s.segments.n {
		if seg := s.segments.at(i); seg.kind == segmentData {
			s.end.conn.cable.net.tap.lost(seg.frame, stats.LossLink)
		}
	}
	s.segments = ring{}
	s.control, s.data = 0, 0
}

func (s *stream) live(sequence uint64) bool { return s.armed == sequence }

// run delivers the first segment.
func (s *stream) run() {
	s.armed = 0
	seg := s.segments.pop()
	s.count(seg, -len(seg.frame))
	s.arm()
	s.end.conn.ends[1-s.end.side].receive(seg)
}

// receive takes a segment from the far end. What is the machine's part is done
// at once, what is the process's when its host comes to it.
func (e *tcpEnd) receive(seg segment) {
	c, h := e.conn.cable, e.host()
	switch seg.kind {
	case segmentOpen:
		if !h.running() {
			c.record(eventRefused, e.side, nil)
			e.state = endClosed
			e.out.send(segment{kind: segmentRefuse})
			return
		}
		c.record(eventAccept, e.side, nil)
		e.accepted = true
		e.out.send(segment{kind: segmentAccept})
		h.handle(e.attach)
	case segmentAccept:
		c.record(eventDialed, e.side, nil)
		if e.state == endClosed {
			e.out.send(segment{kind: segmentClose}) // the process that dialled is gone
			return
		}
		h.handle(e.attach)
	case segmentRefuse:
		e.conn.fail()
	case segmentControl, segmentData:
		c.record(eventFrame, e.side, seg.frame)
		h.handle(func() {
			if e.state == endOpen {
				c.arrives(e.side, seg.frame)
				e.recv.Receive(owned(seg.frame))
			} else {
				c.net.tap.lost(seg.frame, stats.LossLink)
			}
		})
	case segmentClose:
		c.record(eventFrame, e.side, nil)
		h.handle(func() { e.finish(io.EOF) })
	}
}

// attach gives the node its link, unless that is over already.
func (e *tcpEnd) attach() {
	if e.state != endAbsent || e.conn.over {
		return
	}
	e.state = endOpen
	e.recv = e.host().accept(e, e.conn.cable.cost)
}

// owned returns a frame that its receiver may change: a flooded one is shared
// by many links, while one with a datagram goes to one link alone.
func owned(frame []byte) []byte {
	if transport.IsData(frame) {
		return frame
	}
	return bytes.Clone(frame)
}

// ring is a queue of segments.
type ring struct {
	slots []segment
	head  int
	n     int
}

func (r *ring) at(i int) *segment { return &r.slots[(r.head+i)%len(r.slots)] }
func (r *ring) first() *segment   { return &r.slots[r.head] }

func (r *ring) push(seg segment) {
	if r.n == len(r.slots) {
		grown := make([]segment, max(4, 2*len(r.slots)))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.slots, r.head = grown, 0
	}
	r.n++
	*r.at(r.n - 1) = seg
}

func (r *ring) pop() segment {
	seg := r.slots[r.head]
	r.slots[r.head] = segment{}
	r.head = (r.head + 1) % len(r.slots)
	r.n--
	return seg
}
