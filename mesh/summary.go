package mesh

import (
	"time"

	"receptor/mesh/wire"
)

// Among nodes of ours nobody repeats what has not changed. Each tells its peers in
// a few bytes what it knows (wire.Summary), which is also the keep-alive. On a link
// that is in order and loses nothing, who hears that has already got all that the
// peer had: where his own knowledge differs, he has something that the peer has
// not. It may be on its way. If it differs in the next summary too, it is lost, or
// was refused, and is sent again: for each direction by the end that knows more,
// and no more than the parts that differ.
//
// Where one node is deployed, or behind deployed ones, updates are flooded every
// updateInterval besides.

const (
	// summaryInterval is the keep-alive of links.
	summaryInterval = 10 * time.Second
	// lossyInterval is that of links that lose frames. Many must be lost before
	// such a link counts as dead, and what is lost is to be repaired soon.
	lossyInterval = 2 * time.Second
)

// A peer that says again and again that it knows something else does not listen, or
// lies, and must not have us tell it everything for ever: it can have a whole exchange a
// minute, and some at once, for links that lose much. What a node floods about itself
// costs the whole mesh, whoever asks: so much it can be made to as it floods where there
// are deployed nodes.
var (
	repairsOfPeer = terms{burst: 4 * wire.SummaryParts, every: time.Minute / wire.SummaryParts} // in parts
	repairsOfOwn  = terms{burst: 10, every: updateInterval}
)

// knowledge is what a node knows of the mesh, in short. It is made anew when
// something has changed.
type knowledge struct {
	summary wire.Summary
	frame   []byte // of the summary
	ours    bool   // all nodes that can be reached send summaries

	// What it was made of: the run, and versions of the rest; 0: it was not made.
	epoch, records, services uint64
}

// knowledge returns what the node knows now. It requires mu.
func (n *Node) knowledge() *knowledge {
	k := &n.known
	if k.epoch == n.epoch && k.records == n.db.Version() && k.services == n.services.version {
		return k
	}
	*k = knowledge{epoch: n.epoch, records: n.db.Version(), services: n.services.version}
	k.ours = n.db.Summarize(n.epoch, &k.summary)
	for _, known := range n.services.known {
		if !known.Cancel && n.counts(known) {
			k.summary.Add(wire.PartOf(known.node), known.digest)
		}
	}
	k.frame = k.summary.Encode()
	return k
}

// counts reports whether a service is part of summaries: not that of a node which
// cannot be reached, for the same reason as with its record.
func (n *Node) counts(known *knownService) bool {
	return known.node == n.hash || n.table.Load().next(known.node) != nil
}

// allSummarize reports whether nobody needs a flood: all nodes that can be reached
// send summaries. It requires mu.
func (n *Node) allSummarize() bool {
	for _, s := range n.peers {
		if !s.hasFeature(wire.FeatureSummary) {
			return false
		}
	}
	return n.knowledge().ours
}

// sendSummaries sends one to each peer that knows what it is. It requires mu.
func (n *Node) sendSummaries(now time.Time) {
	next := summaryInterval
	for _, s := range n.peers {
		if s.opts.Pieces {
			next = lossyInterval
		}
		if s.compared.IsZero() && s.hasFeature(wire.FeatureSummary) {
			s.tellOwn() // what told him that he is heard may be lost
		}
		s.sendSummary()
	}
	n.due.summary = now.Add(next)
}

// sendSummary sends one, if the peer knows what it is. That this node says what it
// knows also says that it has established the link.
func (s *session) sendSummary() {
	if s.hasFeature(wire.FeatureSummary) {
		s.link.Send(s.node.knowledge().frame)
	}
}

// receiveSummary compares what the peer knows with what this node knows.
func (s *session) receiveSummary(now time.Time, frame []byte) error {
	theirs, err := wire.ParseSummary(frame)
	if err != nil {
		return err
	}
	before := s.compared
	s.compared = now
	if s.state != stateEstablished || before.IsZero() {
		return nil // who has just established the link is still told of it
	}
	if now.Sub(before) < lossyInterval/2 {
		s.compared = before
		return nil // he must not make us send more by saying more
	}
	differs := theirs.Differences(&s.node.knowledge().summary)
	again := differs & s.differed
	switch {
	case again == 0:
		if s.differed != 0 {
			s.node.emit(Differed{Peer: s.peer})
		}
	case s.repaired.take(now, again.Len(), repairsOfPeer):
		s.repair(now, again)
		s.node.emit(Differed{Peer: s.peer, Repaired: true})
	default:
		s.node.emit(Unheeded{Peer: s.peer})
		again = 0 // when time has given enough back
	}
	s.differed = differs &^ again
	return nil
}

// repair sends the peer what is known of some parts of the mesh. What is wrong about
// this node itself may be wrong everywhere, so that is told to all.
func (s *session) repair(now time.Time, parts wire.PartSet) {
	n := s.node
	for _, frame := range n.db.FramesOf(parts) {
		s.link.Send(frame)
	}
	inParts := func(known *knownService) bool { return parts.Has(wire.PartOf(known.node)) && n.counts(known) }
	for _, frame := range n.services.frames(now, inParts) {
		s.link.Send(frame)
	}
	if parts.Has(wire.PartOf(n.hash)) && n.repaired.take(now, 1, repairsOfOwn) {
		n.bring(&n.due.update, now.Add(coalesce))
	}
}
