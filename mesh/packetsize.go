package mesh

import (
	"github.com/quic-go/quic-go"

	"receptor/mesh/wire"
)

// How long the packets of a stream are.
//
// Nearly all that a stream costs, it costs for each packet, so between nodes of
// ours packets are as long as a datagram may be. Links over UDP would carry those
// in pieces, and deployed nodes have such links, too: so long packets ask not to
// be sent there (wire.FlagWhole). The node that drops one for that reason tells
// the sender, whose packets are short for some time from then on, as they are to
// deployed nodes. QUIC finds out by itself if firewalls keep that from it.
const (
	longPacket = wire.MaxPayload
	// shortPacket is how long the others are at most.
	shortPacket = 1280
)

// isOurs tells whether the peer of a connection is a node of ours. It waits for
// what TLS agrees upon.
func isOurs(qc *quic.Conn) bool {
	agreed := qc.ConnectionState().TLS.NegotiatedProtocol
	return agreed == readEndALPN || agreed == sharedALPN
}

// sendLong has a connection send long packets if its peer takes them, and its
// path carries them.
func sendLong(qc *quic.Conn) {
	if isOurs(qc) {
		qc.SetPacketSize(longPacket)
	}
}

// packetFlags are the flags of the frame for a packet.
func packetFlags(packet []byte) byte {
	if len(packet) > shortPacket {
		return wire.FlagWhole
	}
	return 0
}
