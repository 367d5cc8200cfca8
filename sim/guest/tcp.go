package guest

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"receptor/sim/lane"
	"receptor/transport"
)

// tcpBuffer is how many bytes a TCP-like link takes that have not arrived.
const tcpBuffer = 256 << 10

// never is when a segment arrives that does not.
const never = time.Duration(math.MaxInt64)

// conn is one end of a connection over a TCP-like link. Frames arrive in order:
// what is lost is sent again, and delays what is behind. Its fields are guarded by
// the mutex of the cable.
type conn struct {
	cable *cable
	side  int
	life  *incarnation
	peer  *conn

	arrival sync.Cond   // somebody reads, and may now
	room    sync.Cond   // somebody writes, and may now
	clock   *time.Timer // when the first of due arrives; nil: nothing was due yet

	due  []parcel      // on their way to this end, in order
	held int           // bytes of them
	last time.Duration // when the newest of due arrives
	over error         // nothing is read any more
	lost bool          // its machine has lost its power: it is over, and the peer has not been told
	// unanswered: something was sent to a peer that is lost.
	unanswered bool
}

// newConn returns one end, that has no peer yet.
func (c *cable) newConn(side int, life *incarnation) *conn {
	return &conn{cable: c, side: side, life: life, arrival: sync.Cond{L: &c.mu}, room: sync.Cond{L: &c.mu}}
}

// stir has who reads or writes look again. It requires the mutex.
func (e *conn) stir() {
	e.arrival.Broadcast()
	e.room.Broadcast()
}

// parcel is a frame, or the end of the connection, with when it arrives.
type parcel struct {
	at    time.Duration
	frame []byte // nil: the end
}

// acceptor takes connections for the node that is dialled.
type acceptor interface {
	owner() *incarnation
	// take is called without the mutex.
	take(far *conn)
	// leave has it listen no more.
	leave()
}

// listener is the backend of the node that is dialled.
type listener struct {
	cable  *cable
	life   *incarnation
	accept transport.Acceptor
	links  transport.LinkSet
}

// Start implements transport.Backend.
func (l *listener) Start(accept transport.Acceptor) error {
	l.accept = accept
	l.cable.mu.Lock()
	defer l.cable.mu.Unlock()
	l.cable.listener = l
	return nil
}

// Close implements transport.Backend.
func (l *listener) Close() {
	l.leave()
	l.links.Close()
}

func (l *listener) leave() {
	l.cable.mu.Lock()
	defer l.cable.mu.Unlock()
	if l.cable.listener == acceptor(l) {
		l.cable.listener = nil
	}
}

func (l *listener) owner() *incarnation { return l.life }

func (l *listener) take(far *conn) {
	l.links.Run(transport.NewLink(far, l.life, transport.MaxFrame), l.accept, func(transport.Receiver) {})
}

// String implements transport.Backend.
func (l *listener) String() string { return "listener " + l.cable.link.Name() }

// dial makes a link between the two ends.
func (c *cable) dial(ctx context.Context, life *incarnation) (transport.Runner, error) {
	near, err := c.connect(ctx, life)
	if err != nil {
		return nil, err
	}
	return transport.NewLink(near, life, transport.MaxFrame), nil
}

// connect connects the two ends: it takes a way there and one back, over a wire that
// may be down for a while.
func (c *cable) connect(ctx context.Context, life *incarnation) (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.cross(ctx, dialEnd); err != nil {
		return nil, err
	}
	l := c.listener
	if l == nil {
		if err := c.cross(ctx, listenEnd); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: connection refused", c.name)
	}
	if err := life.check(); err != nil {
		return nil, err
	}
	near, far := c.newConn(dialEnd, life), c.newConn(listenEnd, l.owner())
	near.peer, far.peer = far, near
	c.conns = append(c.conns, near, far)
	c.mu.Unlock()
	l.owner().own() // what runs the far end is not the dialer's
	l.take(far)
	life.own()
	c.mu.Lock()
	if err := c.cross(ctx, listenEnd); err != nil {
		near.abort()
		return nil, err
	}
	return near, nil
}

// cross waits for as long as a segment of a handshake takes that an end sends. It
// requires the mutex.
func (c *cable) cross(ctx context.Context, side int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began, outage := c.now(), c.outage
	to := c.machines[1-side]
	cuts := to.powerCuts.Load()
	defer time.AfterFunc(lane.BrokenAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.up() && c.outage == outage || to.isOff() && to.powerCuts.Load() == cuts {
			cancel(lane.ErrDead)
		}
	}).Stop()
	reaches := func() bool { return c.flows(side) && !to.isOff() }
	if err := c.await(ctx, reaches); err != nil {
		return err
	}
	at, ok := c.lanes[side].Transit(c.now(), 0)
	c.wake(at - c.now())
	if err := c.await(ctx, func() bool { return c.now() >= at && reaches() }); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("after %v: %w", c.now()-began, lane.ErrLossy)
	}
	return nil
}

// send puts a parcel on its way to the peer. It requires the mutex.
func (e *conn) send(frame []byte) {
	c, to := e.cable, e.peer
	at, ok := c.lanes[e.side].Transit(c.now(), len(frame))
	if !ok {
		time.AfterFunc(at-c.now(), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			e.fail(lane.ErrLossy)
			to.fail(lane.ErrLossy)
		})
		at = never
	}
	to.last = max(at, to.last)
	to.due = append(to.due, parcel{to.last, frame})
	to.held += len(frame)
	if to.lost {
		e.goUnanswered(to.last)
	} else if len(to.due) == 1 {
		to.setClock()
	}
}

// setClock has who reads look when the first parcel arrives. It requires the mutex.
func (e *conn) setClock() {
	c, at := e.cable, e.due[0].at
	switch {
	case at == never:
	case e.clock != nil:
		e.clock.Reset(at - c.now())
	default:
		e.clock = time.AfterFunc(at-c.now(), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			e.arrival.Broadcast()
		})
	}
}

// delay is for an outage that has ended. It requires the mutex.
func (e *conn) delay(soonest time.Duration) {
	for i := range e.due {
		e.due[i].at = max(e.due[i].at, soonest)
	}
	e.last = max(e.last, soonest)
}

// ReadFrame implements transport.Conn.
func (e *conn) ReadFrame() ([]byte, error) {
	c := e.cable
	c.mu.Lock()
	defer c.mu.Unlock()
	for e.over == nil {
		if e.life.machine.paused() || !c.flows(1-e.side) || len(e.due) == 0 {
			e.arrival.Wait()
			continue
		}
		if e.due[0].at > c.now() {
			e.setClock()
			e.arrival.Wait()
			continue
		}
		frame := e.due[0].frame
		e.due = e.due[1:]
		if frame == nil {
			e.over = io.EOF
			break
		}
		e.held -= len(frame)
		e.peer.room.Broadcast()
		c.arrived(e.side, frame)
		return frame, nil
	}
	return nil, e.over
}

// WriteFrames implements transport.Conn.
func (e *conn) WriteFrames(frames [][]byte) error {
	c := e.cable
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range frames {
		for e.over == nil && !e.takes(len(frame)) {
			e.room.Wait()
		}
		if e.over != nil {
			return e.over
		}
		e.send(append([]byte{}, frame...)) // the peer changes the hops in what it gets
	}
	return nil
}

// takes reports whether a frame can be written now. It requires the mutex.
func (e *conn) takes(size int) bool {
	l := &e.cable.lanes[e.side]
	if !l.Fits(e.cable.now(), size) {
		e.cable.wake(l.Takes(float64(size)))
		return false
	}
	return !e.life.machine.paused() && (e.peer.over != nil && !e.peer.lost || e.peer.held == 0 || e.peer.held+size <= tcpBuffer)
}

// Close implements transport.Conn.
func (e *conn) Close() error {
	e.Abort()
	return nil
}

// Abort implements transport.Conn. What was written still arrives.
func (e *conn) Abort() {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	e.abort()
}

// abort requires the mutex.
func (e *conn) abort() {
	if e.over == nil {
		e.send(nil)
	}
	e.fail(io.ErrClosedPipe)
}

// fail ends this end. It requires the mutex.
func (e *conn) fail(err error) {
	if e.over == nil {
		e.over = err
	}
	e.cable.conns = slices.DeleteFunc(e.cable.conns, func(o *conn) bool { return o == e })
	e.stir()
	e.peer.stir()
}

// String implements transport.Conn.
func (e *conn) String() string { return "virtual " + e.cable.link.Name() }
