// Package probe counts how often a simulated mesh gets into situations that are
// rare, and in which mistakes hide: a check that never got there has not
// checked them. It looks at what nodes tell (mesh.Event) and at frames on their
// way; nodes know nothing of it.
package probe

import (
	"errors"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
)

// Probe is a rare situation.
type Probe int

// Probes. The comments say what is counted.
const (
	EpochRollbackSeen    Probe = iota // an update arrives whose epoch is older than the one on record
	UpdateOlderThanKnown              // or whose sequence is, in the same epoch
	DuplicateIDSeen                   // a node hears of another one with its ID
	DuplicateSuspected                // a node hears that two others share an ID
	NodeShutDown                      // as the newer one of two with its ID
	ChallengeSent                     // a peer is asked whether it is there, since another link claims its ID
	ChallengeUnanswered               // and does not answer in time
	LinkReplaced                      // by another one of the same peer
	LinkRefused                       // by this node, which sends a reject
	RejectReceived                    // on an established link or before
	HandshakeGaveUp                   // no routing update came
	TooManyHandshakes                 // a link is turned away since so many have begun
	IdleLinkDropped                   // nothing has arrived for long
	ControlQueueFull                  // a link is given up since its peer takes no control frames
	DataQueueFull                     // a datagram is dropped since its link takes no more
	NodeForgotten                     // it has been unreachable for long
	ServiceWithdrawn                  // a node learns so, or an advertisement grew too old
	NoRoute                           // a datagram is dropped: its node cannot be reached
	HopLimitReached                   // a datagram is dropped: it has no more hops to live
	ServiceUnknown                    // a datagram is dropped: nobody offers its service
	SourceUnknown                     // a datagram is dropped: from a node that is not on record
	UnreachableSent                   // a node reports that a datagram failed
	UnreachableReceived               // and its sender hears of it
	FrameUnusable                     // a frame from a peer is dropped
	SummaryRepaired                   // a peer's summary differs twice in a row, so it is sent what differs
	SummaryAgreed                     // or differs once, and agrees by itself

	probes // their number
)

var names = [probes]string{
	EpochRollbackSeen:    "epoch-rollback-seen",
	UpdateOlderThanKnown: "update-older-than-known",
	DuplicateIDSeen:      "duplicate-id-seen",
	DuplicateSuspected:   "duplicate-suspected",
	NodeShutDown:         "node-shut-down-as-duplicate",
	ChallengeSent:        "challenge-sent",
	ChallengeUnanswered:  "challenge-unanswered",
	LinkReplaced:         "link-replaced",
	LinkRefused:          "link-refused",
	RejectReceived:       "reject-received",
	HandshakeGaveUp:      "handshake-gave-up",
	TooManyHandshakes:    "too-many-handshakes",
	IdleLinkDropped:      "idle-link-dropped",
	ControlQueueFull:     "control-queue-full",
	DataQueueFull:        "data-queue-full",
	NodeForgotten:        "node-forgotten",
	ServiceWithdrawn:     "service-withdrawn",
	NoRoute:              "no-route",
	HopLimitReached:      "hop-limit-reached",
	ServiceUnknown:       "service-unknown",
	SourceUnknown:        "source-unknown",
	UnreachableSent:      "unreachable-sent",
	UnreachableReceived:  "unreachable-received",
	FrameUnusable:        "frame-unusable",
	SummaryRepaired:      "summary-repaired",
	SummaryAgreed:        "summary-agreed",
}

// String returns the name of a probe.
func (p Probe) String() string { return names[p] }

// All returns all probes.
func All() []Probe {
	all := make([]Probe, probes)
	for i := range all {
		all[i] = Probe(i)
	}
	return all
}

// Counts tells how often each situation has been reached. The zero value is
// ready to use; it is a plain value, to be copied at will.
type Counts [probes]uint64

// Add adds what another run has reached.
func (c *Counts) Add(o Counts) {
	for i, n := range o {
		c[i] += n
	}
}

// Observe takes an event of any node.
func (c *Counts) Observe(e mesh.Event) {
	switch e := e.(type) {
	case mesh.DuplicateID:
		c[DuplicateIDSeen]++
		if e.Leaving {
			c[NodeShutDown]++
		}
	case mesh.DuplicateSuspected:
		c[DuplicateSuspected]++
	case mesh.PeerChallenged:
		c[ChallengeSent]++
	case mesh.LinkRefused:
		c[LinkRefused]++
	case mesh.LinkFailed:
		c.ended(e.Err)
	case mesh.LinkDown:
		c.ended(e.Err)
	case mesh.NodeForgotten:
		c[NodeForgotten]++
	case mesh.ServiceChanged:
		if e.Withdrawn {
			c[ServiceWithdrawn]++
		}
	case mesh.DatagramDropped:
		if p, ok := drops[e.Reason]; ok {
			c[p]++
		}
	case mesh.UnreachReceived:
		c[UnreachableReceived]++
	case mesh.FrameDropped:
		c[FrameUnusable]++
	case mesh.Differed:
		if e.Repaired {
			c[SummaryRepaired]++
		} else {
			c[SummaryAgreed]++
		}
	}
}

var drops = map[mesh.DropReason]Probe{
	mesh.DropNoRoute:        NoRoute,
	mesh.DropExpired:        HopLimitReached,
	mesh.DropQueueFull:      DataQueueFull,
	mesh.DropServiceUnknown: ServiceUnknown,
	mesh.DropUnknownSource:  SourceUnknown,
}

var ends = []struct {
	err   error
	probe Probe
}{
	{mesh.ErrUnanswered, ChallengeUnanswered},
	{mesh.ErrReplaced, LinkReplaced},
	{mesh.ErrRejected, RejectReceived},
	{mesh.ErrNoHandshake, HandshakeGaveUp},
	{mesh.ErrTooMany, TooManyHandshakes},
	{mesh.ErrIdle, IdleLinkDropped},
	{transport.ErrControlFull, ControlQueueFull},
}

// ended takes the reason for which a link has ended.
func (c *Counts) ended(err error) {
	for _, end := range ends {
		if errors.Is(err, end.err) {
			c[end.probe]++
			return
		}
	}
}

// Sent takes a data frame that its maker, and not a node on the way, puts on a
// wire.
func (c *Counts) Sent(h wire.Header) {
	if h.ToService == wire.ServiceUnreach {
		c[UnreachableSent]++
	}
}

// Arrived takes the version of a routing update that reaches a node, and the
// newest one that the node has accepted.
func (c *Counts) Arrived(epoch, sequence, knownEpoch, knownSequence uint64) {
	switch {
	case epoch < knownEpoch:
		c[EpochRollbackSeen]++
	case epoch == knownEpoch && sequence < knownSequence:
		c[UpdateOlderThanKnown]++
	}
}
