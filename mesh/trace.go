package mesh

import (
	"receptor/mesh/wire"
)

// Datagram is what Config.Trace tells of one: everything but what it says.
type Datagram struct {
	// From and To are where it comes from and goes to. A node is "" while nothing
	// is known of it but its hash.
	From, To Addr
	// Hops is how many more it may take.
	Hops byte
	// Length is that of the payload, in bytes.
	Length int
	// Own: this node made it. Here: it is for this node.
	Own, Here bool
}

// traceDatagram tells of a data frame that is about to be routed.
func (n *Node) traceDatagram(frame []byte) {
	d, err := wire.ParseData(frame)
	if err != nil {
		return // it will be dropped
	}
	n.trace(Datagram{
		From:   Addr{Node: n.name(d.FromNode), Service: d.FromService.String()},
		To:     Addr{Node: n.name(d.ToNode), Service: d.ToService.String()},
		Hops:   d.HopsToLive,
		Length: len(d.Payload),
		Own:    d.FromNode == n.hash,
		Here:   d.ToNode == n.hash,
	})
}
