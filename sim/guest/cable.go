package guest

import (
	"context"
	"hash/fnv"
	"io"
	"slices"
	"sync"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/lane"
	"receptor/sim/scenario"
)

// Ends of a cable. What an end sends goes over the lane with its number.
const (
	dialEnd   = 0
	listenEnd = 1
)

// cable is a link of the scenario: two lanes between two machines, over which
// connections, or the datagrams of sockets, go.
type cable struct {
	link     scenario.Link
	name     string // of the link
	log      *logger
	machines [2]*machine

	mu       sync.Mutex
	changed  sync.Cond    // for all but the ends of connections, which have their own
	lanes    [2]lane.Lane // by the end that sends
	outage   int          // numbers the times that it went down
	listener acceptor     // of a TCP-like link; nil: nobody listens
	trusted  bool         // its ends may have a link over TLS that they made when they believed each other
	conns    []*conn      // both ends of each
	sockets  []*udpSocket // of a UDP-like link
	held     []datagram   // by a clogged lane
	ports    int          // that sockets have had
}

func newCable(link scenario.Link, w *world) *cable {
	c := &cable{link: link, name: link.Name(), log: w.log, lanes: lane.Of(link, w.scenario.Seed)}
	c.machines = [2]*machine{w.machines[link.From], w.machines[link.To]}
	c.changed.L = &c.mu
	return c
}

// now returns the time since the start.
func (c *cable) now() time.Duration { return time.Since(c.log.start) }

// up reports whether both wires carry something; a TCP-like link needs both. It
// requires the mutex.
func (c *cable) up() bool { return c.lanes[dialEnd].Down == 0 && c.lanes[listenEnd].Down == 0 }

// flows reports whether what an end has sent goes on over a TCP-like link. It
// requires the mutex.
func (c *cable) flows(side int) bool { return c.up() && c.lanes[side].Clog == 0 }

// wake has those who wait look again, in a while.
func (c *cable) wake(in time.Duration) {
	time.AfterFunc(in, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stir()
	})
}

// stir has all who wait look again. It requires the mutex.
func (c *cable) stir() {
	c.changed.Broadcast()
	for _, conn := range c.conns {
		conn.stir()
	}
}

// await waits until something is so, or ctx ends. It requires the mutex.
func (c *cable) await(ctx context.Context, so func() bool) error {
	defer context.AfterFunc(ctx, func() { c.wake(0) })()
	for !so() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.changed.Wait()
	}
	return nil
}

// takeDown lets wires carry nothing, until the answer is called.
func (c *cable) takeDown(sides ...int) (restore func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up() {
		c.outage++
		outage := c.outage
		time.AfterFunc(lane.BrokenAfter, func() { c.breakIf(outage) })
	}
	for _, side := range sides {
		c.lanes[side].Down++
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, side := range sides {
			c.lanes[side].Down--
		}
		c.thaw(dialEnd, listenEnd)
	}
}

// breakIf breaks what is connected if an outage still lasts.
func (c *cable) breakIf(outage int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up() || c.outage != outage {
		return
	}
	for _, conn := range slices.Clone(c.conns) {
		conn.fail(lane.ErrDead)
	}
	c.trusted = false
}

// clogUp lets wires hold back what they are given, until the answer is called.
func (c *cable) clogUp(sides ...int) (unclog func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, side := range sides {
		c.lanes[side].Clog++
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, side := range sides {
			c.lanes[side].Clog--
		}
		c.thaw(sides...)
		for _, side := range sides {
			c.releaseHeld(side)
		}
	}
}

// thaw sets what stood still moving again. It requires the mutex.
func (c *cable) thaw(sides ...int) {
	for _, side := range sides {
		if !c.flows(side) {
			continue
		}
		soonest := c.now() + c.lanes[side].Delay
		for _, conn := range c.conns {
			if conn.side != side {
				conn.delay(soonest)
			}
		}
		c.wake(c.lanes[side].Delay)
	}
	c.resetLost()
	c.stir()
}

// arrived logs a frame that a machine gets.
func (c *cable) arrived(side int, frame []byte) {
	sum := fnv.New64a()
	sum.Write(frame)
	c.log.log(eventlog.Event{Kind: eventlog.Frame, Node: c.machines[side].name, Text: c.name, Size: len(frame), Sum: sum.Sum64()})
}

// kill does what a machine does with what a process had here that has ended.
func (c *cable) kill(life *incarnation) {
	for _, held := range c.heldBy(life) {
		held.Close()
	}
}

// heldBy returns the connections and sockets of a daemon.
func (c *cable) heldBy(life *incarnation) (all []io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		if conn.life == life {
			all = append(all, conn)
		}
	}
	for _, s := range c.sockets {
		if s.life == life {
			all = append(all, s)
		}
	}
	return all
}
