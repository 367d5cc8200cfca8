package mesh

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
	"receptor/transport"
)

// linkState is where a link is in its life (PROTOCOL section 2.3):
//
//	handshake --first routing update--> heard --it lists us--> established --> closed
//	       \---refused, given up-----------\---------------------------------^
//
// A link on which the peer is heard is told to the peer alone, and not used until
// the peer has said that it hears us: one that carries frames in one direction
// must not become part of the mesh. (Deployed nodes use it at once.)
type linkState int

const (
	stateHandshake linkState = iota
	stateHeard
	stateEstablished
	stateClosed
)

// Errors of LinkFailed and LinkDown, besides those of the link itself.
var (
	ErrRejected    = errors.New("the peer rejected the link")
	ErrEnded       = fmt.Errorf("%w, or has stopped", ErrRejected)
	ErrNoHandshake = fmt.Errorf("no routing update arrived in %d tries", handshakeTries)
	ErrReplaced    = errors.New("the peer opened another link")
	ErrTooMany     = fmt.Errorf("%d newer links wait for their handshake", maxStarting)
	ErrIdle        = errors.New("nothing arrived")
	ErrUnanswered  = errors.New("the peer did not answer when another link claimed its ID")
)

// maxStarting bounds the links that are not established: whoever can connect
// can make one. Beyond it the oldest gives way: a peer that means it is done
// within a few round trips, and nobody can lock it out by links that say nothing.
const maxStarting = 1024

// session is the protocol on one link. It implements transport.Receiver; its
// state is the node's, under the node's mutex, but for the atomics that the
// forwarding path reads.
type session struct {
	node *Node
	link transport.Link
	opts LinkOptions

	inbox  inbox       // control frames that wait for the node's mutex
	known  atomic.Bool // the peer is: what it sends is taken
	active atomic.Bool // something has arrived since the last look
	whole  atomic.Bool // frames with wire.FlagWhole may go to the peer

	state linkState
	peer  string
	cost  float64
	since time.Time // established then
	heard time.Time // something had arrived by then

	refused bool // by one of its ends, for a reason that is told

	replaces bool      // another link to the peer, when this one is established
	tries    int       // handshake updates sent in this state
	next     time.Time // when to send another

	listed   bool // the peer's updates have listed us
	epoch    uint64
	sequence uint64 // of the peer's last update about itself on this link
	features []string

	compared time.Time    // when the peer's last summary came; zero: he may not have established the link
	differed wire.PartSet // where it was unlike our own, and has not been repaired
	repaired allowance    // of what the peer is told again, in parts

	challenge *challenge // another link claims to be of this peer
}

// greet sends a handshake update, or gives up. It requires the node's mutex,
// as all methods of session do but Receive and Closed.
func (s *session) greet(now time.Time) {
	if s.tries == handshakeTries {
		s.end(now, ErrNoHandshake)
		return
	}
	s.tries++
	s.next = now.Add(handshakeInterval)
	s.node.arm(s.next)
	s.tellOwn()
}

// tellOwn sends the peer alone an update about this node, which lists him if he was
// heard.
func (s *session) tellOwn() {
	u := s.node.makeUpdate(0)
	if s.state != stateHandshake {
		u.Connections[s.peer] = s.cost
	}
	s.link.Send(u.Encode())
}

// Receive implements transport.Receiver.
func (s *session) Receive(frame []byte) {
	if !s.active.Load() {
		s.active.Store(true)
	}
	if transport.IsData(frame) {
		if s.known.Load() {
			s.node.forward(frame)
		}
		return
	}
	s.receiveSoon(frame)
}

// Closed implements transport.Receiver.
func (s *session) Closed(err error) {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	s.receiveWaiting() // the last of them may say why
	s.end(s.node.clock.Now(), err)
}

func (s *session) receiveControl(now time.Time, frame []byte) error {
	t, err := wire.TypeOf(frame)
	if err != nil {
		return err
	}
	switch t {
	case wire.TypeRouting:
		return s.receiveRouting(now, frame)
	case wire.TypeService:
		if s.state == stateHandshake {
			return nil
		}
		return s.node.receiveAdvertisement(now, frame, s)
	case wire.TypeSummary:
		return s.receiveSummary(now, frame)
	case wire.TypeReject:
		s.receiveReject(now, wire.RejectReason(frame))
	}
	return nil
}

// receiveRouting takes a routing update. Most are known already: in a mesh with
// loops each comes from several peers. Those are not decoded; but the ones of the
// peer about itself speak of the link too, so they are always read.
func (s *session) receiveRouting(now time.Time, frame []byte) error {
	u, by := s.node.pool.Recall(frame)
	forwarder := s.peer
	switch {
	case u == nil:
		if s.isStale(frame) {
			return nil
		}
		var err error
		if u, forwarder, err = s.node.pool.Parse(frame); err != nil {
			return err
		}
	case s.state == stateEstablished && u.NodeID != s.peer && s.node.db.Has(u):
		return nil
	case string(by) != s.peer:
		forwarder = string(by)
	}
	if s.state == stateHandshake && !s.hear(now, u, forwarder) {
		return nil
	}
	s.receiveUpdate(now, u, forwarder)
	return nil
}

// isStale reports whether a frame is an update that is certainly of no use.
func (s *session) isStale(frame []byte) bool {
	if s.state != stateEstablished {
		return false
	}
	k, ok := wire.PeekRouting(frame)
	return ok && string(k.NodeID) != s.peer && s.node.db.IsStale(k)
}

// hear decides about a link when its first routing update arrives, which says
// who the peer is.
func (s *session) hear(now time.Time, u *linkstate.Update, forwarder string) bool {
	n := s.node
	s.peer = forwarder
	s.cost = s.opts.Cost
	if cost, ok := s.opts.NodeCost[s.peer]; ok {
		s.cost = cost
	}
	if reason := s.whyNot(); reason != "" {
		s.refuse(now, reason)
		return false
	}
	if old := n.peerSession(s.peer); old != nil {
		if s.replaces = s.mayReplace(now, old, u); !s.replaces {
			s.refuse(now, linkedAlready)
			return false
		}
	}
	s.state = stateHeard
	s.known.Store(true)
	s.tries = 0
	s.greet(now)
	return true
}

const linkedAlready = "a link to a node of that ID is already established: if that is another node, give one of them another ID"

// establish makes the link part of the mesh: the peer hears us too.
func (s *session) establish(now time.Time) bool {
	n := s.node
	if old := n.peerSession(s.peer); old != nil {
		if !s.replaces {
			s.refuse(now, linkedAlready)
			return false
		}
		old.end(now, ErrReplaced)
	}
	if len(n.peers) == 0 {
		n.dup.joined = now
	}
	s.state = stateEstablished
	s.since, s.heard, s.next = now, now, time.Time{}
	n.starting = slices.DeleteFunc(n.starting, func(o *session) bool { return o == s })
	at, _ := n.findPeer(s.peer)
	n.peers = slices.Insert(n.peers, at, s)
	n.emit(LinkUp{Peer: s.peer, Cost: s.cost, Link: s.link.String()})
	n.linksChanged(now)
	s.exchange(now)
	s.sendSummary()
	if s.opts.Pieces {
		n.bring(&n.due.summary, now.Add(lossyInterval))
	}
	return true
}

// whyNot returns the reason to refuse the link, whatever other links there are,
// or "".
func (s *session) whyNot() string {
	n := s.node
	switch {
	case s.peer == n.id:
		return "it uses this node's own ID: give one of them another ID"
	case s.opts.AllowedPeers != nil && !slices.Contains(s.opts.AllowedPeers, s.peer):
		return "it is not in the allowed peers list: name it in allowedpeers if it is to be let in"
	case !n.canList(s.peer):
		return "this node has as many links as fit in a routing update"
	}
	return ""
}

// exchange sends the peer all that is known, so that the mesh need not flood
// it anew: every node's newest update, also the peer's own (by which a node
// whose clock was set back learns of it), and all advertisements.
func (s *session) exchange(now time.Time) {
	for _, frame := range s.node.db.Frames() {
		s.link.Send(frame)
	}
	all := func(*knownService) bool { return true }
	for _, frame := range s.node.services.frames(now, all) {
		s.link.Send(frame)
	}
}

// receiveUpdate takes a routing update from a peer that is known.
func (s *session) receiveUpdate(now time.Time, u *linkstate.Update, forwarder string) {
	if forwarder != s.peer {
		s.refuse(now, fmt.Sprintf("its node ID changed from %q to %q", s.peer, forwarder))
		return
	}
	if u.NodeID == s.peer && u.SuspectedDuplicate == 0 && !s.receivePeerUpdate(now, u) {
		return
	}
	s.node.receiveUpdate(now, u, s)
}

// receivePeerUpdate looks at what the peer says of the link itself, and
// reports whether the update is to be used.
func (s *session) receivePeerUpdate(now time.Time, u *linkstate.Update) bool {
	newer := wire.Newer(u.UpdateEpoch, u.UpdateSequence, s.epoch, s.sequence)
	if newer {
		s.epoch, s.sequence, s.features = u.UpdateEpoch, u.UpdateSequence, u.Features
		s.whole.Store(s.hasFeature(wire.FeatureWhole) && !s.opts.Pieces)
	}
	cost, lists := u.Connections[s.node.id]
	switch {
	case lists && cost != s.cost:
		s.refuse(now, fmt.Sprintf("it says that the link costs %v, here it costs %v: want one cost at both ends", cost, s.cost))
		return false
	case lists:
		s.listed = true
		if s.state == stateHeard {
			// One of ours tells us alone, and the whole mesh 100 ms later: passed on,
			// its word would make as many floods of a node that starts as it has links.
			return s.establish(now) && !s.hasFeature(wire.FeatureExchange)
		}
		return true
	case s.listed && newer:
		s.refuse(now, "it no longer lists this node as a connection")
		return false
	default:
		// It was sent before the peer had heard us. If the link is established, the peer
		// has begun anew, with a clock that was set back, and has not heard us yet.
		if s.state == stateEstablished {
			s.tellOwn()
		}
		return false
	}
}

func (s *session) hasFeature(name string) bool { return slices.Contains(s.features, name) }

// receiveReject ends the link, which the peer does not want. reason is what it says
// of this node; "": nothing.
func (s *session) receiveReject(now time.Time, reason string) {
	err := ErrRejected
	if s.state == stateEstablished {
		err = ErrEnded
	}
	if reason != "" {
		err = fmt.Errorf("%w: it says of this node: %q", err, reason)
	}
	s.refused = reason != ""
	s.end(now, err)
}

// Refused implements transport.Refuser: before it was established, one end has refused
// the link, and said why.
func (s *session) Refused() bool {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	return s.refused && s.since.IsZero()
}

// refuse rejects the link.
func (s *session) refuse(now time.Time, reason string) {
	s.refused = true
	s.link.Send(wire.Reject(reason))
	s.node.emit(LinkRefused{Peer: s.peer, Link: s.link.String(), Accepted: s.opts.Accepted, Reason: reason})
	s.end(now, refusal(reason))
}

// refusal is the error of a link that this node refused.
type refusal string

func (r refusal) Error() string { return string(r) }

// end closes the link, if it is not, and tells the node's parts.
func (s *session) end(now time.Time, err error) {
	if s.state == stateClosed {
		return
	}
	n := s.node
	wasUp := s.state == stateEstablished
	s.state = stateClosed
	s.known.Store(false)
	s.dropChallenge()
	s.link.Close()
	same := func(o *session) bool { return o == s }
	if !wasUp {
		n.starting = slices.DeleteFunc(n.starting, same)
		if _, told := err.(refusal); !told {
			n.emit(LinkFailed{Link: s.link.String(), Accepted: s.opts.Accepted, Err: err})
		}
		return
	}
	n.peers = slices.DeleteFunc(n.peers, same)
	n.emit(LinkDown{Peer: s.peer, Link: s.link.String(), Err: err})
	n.linksChanged(now)
}
