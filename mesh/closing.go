package mesh

import (
	"time"

	"github.com/quic-go/quic-go"
)

// How a closed stream ends.
//
// When a QUIC connection ends, both ends forget what is under way, and what has
// arrived but is not read yet. So it must not end before the peer's reader has
// everything, and QUIC says no such thing: acknowledged is what the peer has
// received. Among nodes of ours each end says it, by an empty unidirectional
// stream: I have read all that you sent, or want no more of it. Whoever is done
// and has heard that ends the connection. Nodes of ours know each other by the
// protocol that TLS agrees upon (readEndALPN); deployed nodes never say it, see
// linger. A connection with several streams outlives each of them, see carrier.go.

const (
	// maxUnwanted is how many bytes a closed stream still takes, in order to
	// see whether the peer has ended its side; then it refuses the rest.
	maxUnwanted = 64 << 10
	// maxLinger bounds the wait for a peer that has read everything, or is a
	// deployed node, to end its own side.
	maxLinger = time.Minute
	// closeQuiet is the least time without a packet after which all data of a
	// closed connection counts as acknowledged; several times the probe timeout
	// where that is more.
	closeQuiet = 200 * time.Millisecond
)

// saysAllRead tells whether both ends say what they have read.
func (c *Conn) saysAllRead() bool { return isOurs(c.qc) }

// sayAllRead tells the peer that nothing need be kept for this end.
func (c *Conn) sayAllRead() {
	c.allRead.Do(func() {
		if !c.saysAllRead() {
			return
		}
		if c.carrier != nil {
			c.carrier.say(c.stream.StreamID())
		} else if word, err := c.qc.OpenUniStream(); err == nil { // else the connection has ended
			word.Close()
		}
	})
}

// finish ends the connection of a closed Conn in the background.
func (c *Conn) finish() {
	go c.drain()
	if c.saysAllRead() {
		go c.awaitAllRead()
		return
	}
	l := &linger{conn: c, until: c.node.clock.Now().Add(maxLinger)}
	l.look()
}

// drain reads on until the peer has ended its side too. A peer that goes on
// writing is refused.
func (c *Conn) drain() {
	defer close(c.drained)
	c.reading.Lock() // the Read that was under way is over
	c.stream.SetReadDeadline(time.Time{})
	c.reading.Unlock() // those that follow see that this is closed
	buf := make([]byte, 4<<10)
	for unwanted := 0; unwanted < maxUnwanted; {
		n, err := c.read(buf)
		if err != nil {
			break
		}
		unwanted += n
	}
	c.stream.CancelRead(0)
	c.sayAllRead()
}

// awaitAllRead ends the connection, or the stream if others share that, once neither
// end needs it.
func (c *Conn) awaitAllRead() {
	if !c.hearAllRead() {
		return // the connection has ended
	}
	late := make(chan struct{})
	timer := c.node.clock.AfterFunc(maxLinger, func() { close(late) })
	defer timer.Stop()
	select {
	case <-c.drained:
	case <-late:
	}
	if c.carrier == nil {
		c.qc.CloseWithError(codeNormal, textNormal)
		return
	}
	c.stream.CancelRead(0)
	c.carrier.release(c)
}

// hearAllRead waits until the peer has all, or wants no more. It reports false if
// the stream ends before.
func (c *Conn) hearAllRead() bool {
	if c.carrier == nil {
		_, err := c.qc.AcceptUniStream(c.ctx)
		return err == nil
	}
	select {
	case <-c.heard:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// linger ends the connection of a closed Conn whose peer is a deployed node.
// Such a peer is taken to have everything if it ended its side after we had
// ended ours. Whoever spoke last cannot know that he was heard: he leaves it to
// the other to end the connection, for a while. quic-go does not tell when all
// is acknowledged either; but unacknowledged data is sent again after a probe
// timeout, so a connection that has sent nothing for several of them has none.
type linger struct {
	conn  *Conn
	until time.Time
	sent  uint64 // packets, at the last look
	looks int
}

func (l *linger) look() {
	c := l.conn
	if c.qc.Context().Err() != nil {
		return
	}
	stats := c.qc.ConnectionStats()
	quiet := l.looks > 0 && stats.PacketsSent == l.sent
	now := c.node.clock.Now()
	if quiet && c.answered.Load() || !now.Before(l.until) {
		c.qc.CloseWithError(codeNormal, textNormal)
		return
	}
	l.sent = stats.PacketsSent
	l.looks++
	c.node.clock.AfterFunc(max(closeQuiet, 4*probeTimeout(stats)), l.look)
}

// probeTimeout is that of RFC 9002, section 6.2.1.
func probeTimeout(stats quic.ConnectionStats) time.Duration {
	return stats.SmoothedRTT + 4*stats.MeanDeviation + 25*time.Millisecond
}
