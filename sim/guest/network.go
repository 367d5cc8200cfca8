package guest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/transport"
)

const (
	// brokenAfter is how long a link stays up over a wire that is down.
	brokenAfter = 3 * time.Second
	// retransmit is what a lost transmission adds to the time a frame takes.
	retransmit = 200 * time.Millisecond
)

var errBroken = errors.New("the wire has been down for too long")

// cable is a link of the scenario, over which one connection at a time goes.
type cable struct {
	link scenario.Link
	log  *logger
	rand [2]*rand.Rand // of the two directions

	mu       sync.Mutex
	changed  sync.Cond
	down     int // how many reasons there are for it to be down
	outage   int // numbers the times that it went down
	listener *listener
	conns    map[*conn]struct{} // both ends of each
}

func newCable(link scenario.Link, master uint64, log *logger) *cable {
	c := &cable{link: link, log: log, conns: make(map[*conn]struct{})}
	c.changed.L = &c.mu
	for i, way := range []string{">", "<"} {
		c.rand[i] = seed.Rand(master, "full wire", link.From+way+link.To)
	}
	return c
}

// setDown adds a reason for the wire to carry nothing, or takes one away.
func (c *cable) setDown(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !down {
		c.down = max(c.down-1, 0)
		if c.down == 0 {
			c.changed.Broadcast()
		}
		return
	}
	c.down++
	c.outage++
	outage := c.outage
	time.AfterFunc(brokenAfter, func() { c.breakIf(outage) })
}

// breakIf breaks what is connected if the wire is down since an outage began.
func (c *cable) breakIf(outage int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == 0 || c.outage != outage {
		return
	}
	for conn := range c.conns {
		conn.fail(errBroken)
	}
}

// dial connects the two ends, once the wire is up.
func (c *cable) dial(ctx context.Context, life *incarnation) (transport.Runner, error) {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.down > 0 && ctx.Err() == nil {
		c.changed.Wait()
	}
	l := c.listener
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case life.dead.Load() || l == nil:
		return nil, fmt.Errorf("%s: connection refused", c.link.Name())
	}
	near, far := newConn(c, 0, life), newConn(c, 1, l.life)
	near.peer, far.peer = far, near
	c.conns[near], c.conns[far] = struct{}{}, struct{}{}
	l.life.own() // what runs the far end is not the dialer's
	l.links.Run(transport.NewLink(far, l.life, transport.MaxFrame), l.accept, func() {})
	life.own()
	return transport.NewLink(near, life, transport.MaxFrame), nil
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
	if l.cable.listener == l {
		l.cable.listener = nil
	}
}

// String implements transport.Backend.
func (l *listener) String() string { return "listener " + l.cable.link.Name() }

// conn is one end of a connection. Its fields are guarded by the cable's mutex.
type conn struct {
	cable *cable
	side  int
	life  *incarnation
	peer  *conn

	ready sync.Cond
	due   []parcel // on their way to this end, in order
	free  time.Time
	last  time.Time // when the newest of due arrives
	over  error     // nothing is read any more
}

// parcel is a frame, or the end of the connection, with when it arrives.
type parcel struct {
	at    time.Time
	frame []byte // nil: the end
}

func newConn(c *cable, side int, life *incarnation) *conn {
	conn := &conn{cable: c, side: side, life: life}
	conn.ready.L = &c.mu
	life.conns[conn] = struct{}{}
	return conn
}

// send puts a parcel on its way to the peer. It requires the mutex.
func (e *conn) send(frame []byte) {
	w, r, to := e.cable.link.Forward, e.cable.rand[e.side], e.peer
	if e.side == 1 {
		w = e.cable.link.Back
	}
	leaves := time.Now()
	if w.Bandwidth > 0 {
		if to.free.After(leaves) {
			leaves = to.free
		}
		leaves = leaves.Add(time.Duration(float64(len(frame)) * 8 / w.Bandwidth * float64(time.Second)))
		to.free = leaves
	}
	at := leaves.Add(w.Delay)
	if w.Jitter > 0 {
		at = at.Add(time.Duration(r.Int64N(int64(w.Jitter) + 1)))
	}
	for w.Loss > 0 && r.Float64() < w.Loss {
		at = at.Add(retransmit)
	}
	if at.Before(to.last) {
		at = to.last
	}
	to.last = at
	to.due = append(to.due, parcel{at, frame})
	time.AfterFunc(time.Until(at), func() {
		e.cable.mu.Lock()
		defer e.cable.mu.Unlock()
		to.ready.Broadcast()
	})
}

// ReadFrame implements transport.Conn.
func (e *conn) ReadFrame() ([]byte, error) {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	for e.over == nil {
		if e.cable.down > 0 {
			e.cable.changed.Wait()
			continue
		}
		if len(e.due) == 0 || e.due[0].at.After(time.Now()) {
			e.ready.Wait()
			continue
		}
		frame := e.due[0].frame
		e.due = e.due[1:]
		if frame == nil {
			e.over = io.EOF
			break
		}
		sum := fnv.New64a()
		sum.Write(frame)
		e.cable.log.log(eventlog.Event{Kind: eventlog.Frame, Node: e.life.machine.id, Text: e.cable.link.Name(), Size: len(frame), Sum: sum.Sum64()})
		return frame, nil
	}
	return nil, e.over
}

// WriteFrames implements transport.Conn.
func (e *conn) WriteFrames(frames [][]byte) error {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	for _, frame := range frames {
		if e.over != nil {
			return e.over
		}
		e.send(append([]byte{}, frame...)) // the peer changes the hops in what it gets
	}
	return nil
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
	if e.over == nil {
		e.send(nil)
	}
	e.fail(io.ErrClosedPipe)
	delete(e.life.conns, e)
}

// fail ends this end. It requires the mutex.
func (e *conn) fail(err error) {
	if e.over == nil {
		e.over = err
	}
	delete(e.cable.conns, e)
	e.ready.Broadcast()
	e.cable.changed.Broadcast()
}

// String implements transport.Conn.
func (e *conn) String() string { return "virtual " + e.cable.link.Name() }
