package quic

// Not in upstream: an application that knows the path of a connection says how
// long its packets may be, and whether one was too long.

import (
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go/internal/monotime"
	"github.com/quic-go/quic-go/internal/protocol"
)

const (
	// blackHolePTOs is how many probe timeouts in a row make it likely that long
	// packets do not arrive (RFC 8899, section 4.3).
	blackHolePTOs = 3
	// After that packets are short for minShortTime, then for twice as long each
	// time, up to maxShortTime.
	minShortTime = time.Minute
	maxShortTime = time.Hour
	// packetsPerWindow is how many packets are to fit in the congestion window. Of
	// many connections that share a link none has a large one, and with few packets
	// on their way they would wait for timeouts.
	packetsPerWindow = 64
)

// packetSize is the state of a connection whose packets may be long. But for the
// atomics it belongs to the run loop.
type packetSize struct {
	wanted  atomic.Int64 // 0: as upstream
	tooLong atomic.Bool  // the application says so of a packet

	shortUntil monotime.Time
	shortTime  time.Duration
}

// SetPacketSize has the connection send packets of at most size bytes from now
// on, but no more than the peer takes, nor than 16384. It is for connections over
// a net.PacketConn that is a PacketReader, at both ends, and without path MTU
// discovery. Packets have the initial size while longer ones seem not to arrive,
// and are shorter than they may be while the congestion window is small.
// SetPacketSize may be called at any time, and takes effect once the handshake is
// confirmed.
func (c *Conn) SetPacketSize(size int) {
	c.packetSize.wanted.Store(int64(size))
	c.scheduleSending()
}

// PacketTooLong tells that a packet of the connection was too long for its path.
// It may be called at any time.
func (c *Conn) PacketTooLong() {
	c.packetSize.tooLong.Store(true)
	c.scheduleSending()
}

// updatePacketSize is called by the run loop before it sends.
func (c *Conn) updatePacketSize(now monotime.Time) {
	size := protocol.ByteCount(c.packetSize.wanted.Load())
	if size == 0 || !c.handshakeConfirmed || c.mtuDiscoverer == nil {
		return
	}
	before, short := c.mtuDiscoverer.CurrentSize(), c.config.initialPacketSize()
	// Reports about packets from before the last change come late.
	tooLong := c.packetSize.tooLong.Swap(false) || c.sentPacketHandler.PTOCount() >= blackHolePTOs
	if before > short && tooLong {
		c.packetSize.lost(now)
		c.setPacketSize(short)
		// What is under way is lost, and the path is another.
		c.sentPacketHandler.MigratedPath(now, short)
		return
	}
	if c.packetSize.isShort(now) {
		return
	}
	size = min(size, protocol.MaxJumboPacketSize)
	if c.peerParams.MaxUDPPayloadSize > 0 {
		size = min(size, c.peerParams.MaxUDPPayloadSize)
	}
	window := protocol.ByteCount(c.connStats.CongestionWindow.Load())
	for size > short && size*packetsPerWindow > window {
		size /= 2
	}
	if size = max(size, short); size != before {
		c.setPacketSize(size)
	}
}

func (c *Conn) setPacketSize(size protocol.ByteCount) {
	c.mtuDiscoverer.Reset(size, size)
	c.maxPayloadSizeEstimate.Store(uint32(estimateMaxPayloadSize(size)))
	c.sentPacketHandler.SetPacketSize(size)
}

// lost tells that packets which were not short are.
func (s *packetSize) lost(now monotime.Time) {
	s.shortTime = min(max(2*s.shortTime, minShortTime), maxShortTime)
	s.shortUntil = now.Add(s.shortTime)
}

// isShort reports whether packets are to be short for now.
func (s *packetSize) isShort(now monotime.Time) bool {
	return !s.shortUntil.IsZero() && now.Before(s.shortUntil)
}
