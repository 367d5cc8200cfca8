package mesh

import (
	"time"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
)

const (
	// replaceAfter is how old a link must be before another one from the same
	// peer replaces it: two nodes that dial each other at one instant must not.
	replaceAfter = 2 * time.Second
	// challengeTimeout is how long the peer of a link may take to show that it
	// is there, when somebody else claims its ID.
	challengeTimeout = 3 * time.Second
)

// challenge is a question to the peer of an established link: are you there?
// It is asked when another link claims the peer's ID with another epoch. The
// peer may have restarted, its host may have crashed, and nobody told us of the
// old link: then no answer comes, and the claimant gets in when it dials again.
// If an answer comes there are two nodes with one ID, and the claimant, who is
// the newcomer here, is told so.
type challenge struct {
	epoch    uint64 // of the claimant
	until    time.Time
	answered bool
	stop     func()
}

// mayReplace decides whether a new link may take the place of an established one
// to a node of the same ID.
func (s *session) mayReplace(now time.Time, old *session, u *linkstate.Update) bool {
	if u.NodeID != s.peer {
		return false
	}
	if u.UpdateEpoch == old.epoch {
		// The same process. If it no longer lists us it has lost the link that
		// we still hold.
		_, lists := u.Connections[s.node.id]
		return !lists && now.Sub(old.since) >= replaceAfter
	}
	switch c := old.challenge; {
	case c == nil || c.epoch != u.UpdateEpoch:
		old.ask(now, u.UpdateEpoch)
	case c.answered:
		s.tellDuplicate(old, u)
	}
	return false
}

// ask sends the peer a ping on this very link.
func (s *session) ask(now time.Time, epoch uint64) {
	s.dropChallenge()
	n := s.node
	c := &challenge{epoch: epoch, until: now.Add(challengeTimeout)}
	name := wire.Service([]byte(n.randomID()))
	answer := func(from string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		c.answered = c.answered || from == s.peer
	}
	ep := &endpoint{
		datagram: func(from Addr, _ []byte) { answer(from.Node) },
		// A peer whose firewall rejects pings shows as well that it is there.
		unreachable:  func(_ wire.Unreach, by string) { answer(by) },
		passFirewall: true,
	}
	if n.local.add(name, ep) != nil {
		return // that name is in use; the claimant will be back
	}
	c.stop = func() { n.local.remove(name, ep) }
	s.challenge = c
	s.link.Send(wire.AppendData(nil, wire.Header{
		HopsToLive: MaxHops - 1, FromNode: n.hash, ToNode: wire.HashNode(s.peer), FromService: name, ToService: wire.ServicePing,
	}, nil))
	n.emit(PeerChallenged{Peer: s.peer, Epoch: epoch})
	n.bring(&n.due.challenge, c.until)
}

func (s *session) dropChallenge() {
	if s.challenge != nil {
		s.challenge.stop()
		s.challenge = nil
	}
}

// dropUnanswered ends the links whose peers did not answer. It requires mu.
func (n *Node) dropUnanswered(now time.Time) {
	n.due.challenge = time.Time{}
	var dead []*session
	for _, s := range n.peers {
		switch c := s.challenge; {
		case c == nil || c.answered:
		case now.Before(c.until):
			n.due.challenge = earlier(n.due.challenge, c.until)
		default:
			dead = append(dead, s)
		}
	}
	for _, s := range dead {
		s.end(now, ErrUnanswered)
	}
}

// tellDuplicate tells the claimant what the node that has its ID would: that it
// is a duplicate (PROTOCOL section 2.2).
func (s *session) tellDuplicate(old *session, u *linkstate.Update) {
	n := s.node
	n.emit(DuplicateSuspected{Node: s.peer, Epoch: old.epoch, Suspect: u.UpdateEpoch})
	suspicion := wire.RoutingUpdate{
		NodeID:             s.peer,
		UpdateID:           n.randomID(),
		UpdateEpoch:        old.epoch,
		UpdateSequence:     old.sequence,
		Connections:        map[string]float64{n.id: old.cost},
		ForwardingNode:     n.id,
		SuspectedDuplicate: u.UpdateEpoch,
	}
	s.link.Send(suspicion.Encode())
}
