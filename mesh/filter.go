package mesh

import (
	"encoding/binary"

	"receptor/mesh/firewall"
	"receptor/mesh/wire"
)

// filter asks the firewall about a frame, and reports whether the frame goes
// on; if it does not, that has been told, and err is for a sender on this node.
//
// Rules are about names, and a frame that names a hash which nobody on record
// has is dropped (PROTOCOL section 2.1). Without rules a frame to a known node
// is passed on whoever sent it, for what the next nodes think of that is their
// business; with rules it cannot be judged, and so ends here.
func (n *Node) filter(frame []byte) (passes bool, err error) {
	from := n.name(binary.BigEndian.Uint64(frame[wire.OffsetFromNode:]))
	if from == "" {
		n.drop(frame, DropUnknownSource)
		return false, nil
	}
	to := n.name(binary.BigEndian.Uint64(frame[wire.OffsetToNode:]))
	if to == "" {
		n.drop(frame, DropNoRoute)
		return false, ErrNoRoute
	}
	action, rule := n.firewall.Judge(firewall.MessageOf(frame, from, to))
	switch {
	case action == firewall.Accept, to == n.id && n.passesFirewall(frame):
		return true, nil
	case action == firewall.Reject:
		n.dropBy(frame, DropRejected, rule)
		n.reportRejected(frame, from)
	default:
		n.dropBy(frame, DropFirewall, rule)
	}
	return false, nil
}

// filterForged is filter's first step for frames from peers, and reports whether
// a frame goes on. Who has rules has one that accepts what the node itself sends,
// and nobody else must be let in by it. (A message of ours that a routing loop
// brings back is lost too; it had little hope.)
func (n *Node) filterForged(frame []byte) bool {
	if binary.BigEndian.Uint64(frame[wire.OffsetFromNode:]) == n.hash {
		n.drop(frame, DropForged)
		return false
	}
	return true
}

// reportRejected tells the sender, from, of a datagram that a rule rejected it.
// The report is the node's own message, so rules are asked about it too; but
// only one that drops it keeps it. A rule that rejects everything, as a last
// rule often does, would otherwise keep its own reports, and be a drop.
func (n *Node) reportRejected(frame []byte, from string) {
	report := n.makeReport(frame, wire.ProblemFirewall)
	if report == nil {
		return
	}
	action, rule := n.firewall.Judge(firewall.MessageOf(report, n.id, from))
	if action == firewall.Drop {
		n.dropBy(report, DropFirewall, rule)
		return
	}
	n.pass(report)
}

// passesFirewall reports whether a datagram for this node is the node's own
// business.
func (n *Node) passesFirewall(frame []byte) bool {
	ep := n.local.get(wire.Service(frame[wire.OffsetToService:wire.HeaderSize]))
	return ep != nil && ep.passFirewall
}
