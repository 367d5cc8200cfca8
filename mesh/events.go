package mesh

import (
	"receptor/mesh/wire"
)

// Event is something that happened to a node. Logs, metrics and the
// simulator's checkers subscribe to the same ones, by Config.Events.
type Event interface{ event() }

// LinkUp: a link to a peer is established.
type LinkUp struct {
	Peer string
	Cost float64
	Link string
}

// LinkDown: an established link has ended.
type LinkDown struct {
	Peer string
	Link string
	Err  error
}

// LinkFailed: a link ended before it was established.
type LinkFailed struct {
	Link     string
	Accepted bool // see LinkOptions
	Err      error
}

// LinkRefused: this node rejected a link, before or after it was established.
type LinkRefused struct {
	Peer     string
	Link     string
	Accepted bool // see LinkOptions
	Reason   string
}

// PeerChallenged: another link claims the ID of an established peer, with this
// epoch; the peer was asked whether it is still there.
type PeerChallenged struct {
	Peer  string
	Epoch uint64
}

// UpdateAccepted: a routing update of another node was newer than what was
// known, and is passed on.
type UpdateAccepted struct {
	Node            string
	Epoch, Sequence uint64
	From            string
}

// Differed: what a peer's summary said of the mesh differed from what this node
// knows. If Repaired, the next one did too, and the peer has been sent what differs;
// else it had been on its way.
type Differed struct {
	Peer     string
	Repaired bool
}

// Unheeded: the peer has been sent what differs again and again, and says still that it
// knows something else. It is told more rarely from now on.
type Unheeded struct {
	Peer string
}

// DuplicateSuspected: an update of another node says that it shares its ID
// with one of the epoch Suspect.
type DuplicateSuspected struct {
	Node           string
	Epoch, Suspect uint64
}

// DuplicateID: another node uses this node's ID. If Leaving, this node is the
// newcomer of the two and has shut itself down.
type DuplicateID struct {
	ID         string
	OtherEpoch uint64
	From       string
	Leaving    bool
}

// RoutesChanged: the next-hop table was computed anew.
type RoutesChanged struct {
	// Reachable is how many other nodes can be reached.
	Reachable int
	// Gained are those of them that could not be reached before, sorted.
	Gained []string
	// Lost are those that could be reached before and cannot now, sorted.
	Lost []string
}

// NodeForgotten: a node has been unreachable so long that its record is gone.
type NodeForgotten struct{ Node string }

// ServiceChanged: an advertisement appeared, changed or was withdrawn.
type ServiceChanged struct {
	Node, Service string
	Withdrawn     bool
}

// FrameDropped: a frame could not be used. Peer is empty before it is known who
// that is; Link is empty for data frames.
type FrameDropped struct {
	Peer, Link string
	Err        error
}

// DropReason says why a datagram went no further.
type DropReason string

// Reasons for DatagramDropped.
const (
	DropNoRoute        DropReason = "no route to node"
	DropExpired        DropReason = "message expired"
	DropQueueFull      DropReason = "link does not take it"
	DropTooLong        DropReason = "link would carry it in pieces"
	DropUnknownSource  DropReason = "unknown source node"
	DropServiceUnknown DropReason = "service unknown"
	DropReaderSlow     DropReason = "reader of the service is too slow"
	DropFirewall       DropReason = "dropped by firewall"
	DropRejected       DropReason = "rejected by firewall"
	DropForged         DropReason = "a peer sent it in this node's own name"
)

// DatagramDropped: a datagram was neither delivered nor forwarded.
type DatagramDropped struct {
	Reason DropReason
	Header wire.Header
	// Rule is the number of the rule of the firewall, from 1, if one decided.
	Rule int
}

// UnreachReceived: a node reports that a datagram of ours failed.
type UnreachReceived struct {
	ReportedBy string
	wire.Unreach
}

// StreamRefused: a stream ended because one of its ends did not believe the
// other's certificate. There is none at the end that dials if Dial returned the
// error, and there may be none at the other if that happened at once: QUIC hands
// out no connection that has ended.
type StreamRefused struct {
	Local, Remote Addr
	Err           error // ErrTLS
}

func (LinkUp) event()             {}
func (LinkDown) event()           {}
func (LinkFailed) event()         {}
func (LinkRefused) event()        {}
func (PeerChallenged) event()     {}
func (UpdateAccepted) event()     {}
func (Differed) event()           {}
func (Unheeded) event()           {}
func (DuplicateSuspected) event() {}
func (DuplicateID) event()        {}
func (RoutesChanged) event()      {}
func (NodeForgotten) event()      {}
func (ServiceChanged) event()     {}
func (FrameDropped) event()       {}
func (DatagramDropped) event()    {}
func (UnreachReceived) event()    {}
func (StreamRefused) event()      {}
