package deployed

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
)

// Times of the handshake, PROTOCOL section 2.3.
const (
	handshakeInterval = time.Second
	handshakeTries    = 11
)

// Reasons of mesh.LinkDown and mesh.LinkFailed.
var (
	errRejected    = errors.New("the peer rejected the link")
	errNoHandshake = fmt.Errorf("no routing update arrived in %d tries", handshakeTries)
)

// linkState is where a link is in its life:
//
//	handshake --first routing update--> established --> closed
//	handshake --refused, given up-----------------------^
type linkState int

const (
	handshake linkState = iota
	established
	closed
)

// link is the protocol on one link. It implements transport.Receiver.
type link struct {
	node  *Node
	link  transport.Link
	opts  mesh.LinkOptions
	state linkState
	tries int
	timer transport.Timer // of the next handshake update

	peer   string
	cost   float64
	listed bool      // the peer has listed us
	heard  time.Time // something arrived last
}

// Attach gives the node a new link, and returns the receiver of its frames.
func (n *Node) Attach(to transport.Link, opts mesh.LinkOptions) transport.Receiver {
	l := &link{node: n, link: to, opts: opts, cost: opts.Cost, heard: n.clock.Now()}
	if n.closed {
		l.shut()
		return l
	}
	n.starting = append(n.starting, l)
	l.greet()
	return l
}

// greet sends a handshake update, or gives up.
func (l *link) greet() {
	if l.tries == handshakeTries {
		l.end(errNoHandshake)
		return
	}
	l.tries++
	l.timer = l.node.clock.AfterFunc(handshakeInterval, l.greet)
	l.link.Send(l.node.makeUpdate(0).Encode())
}

// Receive implements transport.Receiver.
func (l *link) Receive(frame []byte) {
	if l.state == closed {
		return
	}
	l.heard = l.node.clock.Now()
	if len(frame) == 0 {
		l.node.Close() // it reads the type without looking: the process dies (PROTOCOL section 9)
		return
	}
	if err := l.receive(frame); err != nil {
		l.node.emit(mesh.FrameDropped{Peer: l.peer, Err: err})
	}
}

// Closed implements transport.Receiver.
func (l *link) Closed(err error) { l.end(err) }

func (l *link) receive(frame []byte) error {
	kind, err := wire.TypeOf(frame)
	if err != nil {
		return err
	}
	up := l.state == established
	switch {
	case kind == wire.TypeReject:
		l.end(errRejected)
	case kind == wire.TypeRouting:
		u, err := wire.ParseRouting(frame)
		if err != nil {
			return err
		}
		u.Features = nil // it does not know the field
		if up {
			l.receiveUpdate(u)
		} else {
			l.establish(u.ForwardingNode)
		}
	case kind == wire.TypeService && up:
		return l.node.receiveAdvertisement(frame, l)
	case kind == wire.TypeData && up:
		return l.node.receiveData(frame)
	case kind == wire.TypeSummary:
		return fmt.Errorf("a %v is nothing that a deployed node knows", kind)
	}
	return nil
}

// establish decides about a link when its first routing update arrives. Beyond
// the peer's ID nothing is read of that update.
func (l *link) establish(peer string) {
	n := l.node
	l.peer = peer
	switch {
	case peer == n.id:
		l.refuse("it uses this node's own ID")
		return
	case l.opts.AllowedPeers != nil && !slices.Contains(l.opts.AllowedPeers, peer):
		l.refuse("it is not in the allowed peers list")
		return
	case n.peers[peer] != nil:
		l.refuse("a link to a node of that ID is already established")
		return
	}
	if cost, ok := l.opts.NodeCost[peer]; ok {
		l.cost = cost
	}
	l.timer.Stop()
	l.state = established
	l.leaveStarting()
	n.peers[peer] = l
	n.hash(peer)
	n.emit(mesh.LinkUp{Peer: peer, Cost: l.cost, Link: l.link.String()})
	n.connected(peer, l.cost)
}

// receiveUpdate takes a routing update on an established link. The peer's own
// updates speak of the link too.
func (l *link) receiveUpdate(u *wire.RoutingUpdate) {
	if u.ForwardingNode != l.peer {
		l.refuse(fmt.Sprintf("its node ID changed from %q to %q", l.peer, u.ForwardingNode))
		return
	}
	if u.NodeID == l.peer {
		cost, lists := u.Connections[l.node.id]
		switch {
		case !lists && l.listed:
			l.refuse("it no longer lists this node as a connection")
			return
		case !lists:
			return // sent before it had established the link
		case cost != l.cost:
			l.refuse(fmt.Sprintf("it says that the link costs %v, here it costs %v", cost, l.cost))
			return
		}
		l.listed = true
	}
	l.node.receiveUpdate(u, l)
}

// refusal is the error of a link that this node refused.
type refusal string

func (r refusal) Error() string { return string(r) }

// refuse rejects the link.
func (l *link) refuse(reason string) {
	l.link.Send(wire.Reject(""))
	l.node.emit(mesh.LinkRefused{Peer: l.peer, Link: l.link.String(), Reason: reason})
	l.end(refusal(reason))
}

// end closes the link, if it is not, and tells the node's parts.
func (l *link) end(err error) {
	n := l.node
	if l.state == closed {
		return
	}
	wasUp := l.state == established
	l.shut()
	if !wasUp {
		l.leaveStarting()
		if _, told := err.(refusal); !told {
			n.emit(mesh.LinkFailed{Link: l.link.String(), Err: err})
		}
		return
	}
	delete(n.peers, l.peer)
	n.emit(mesh.LinkDown{Peer: l.peer, Link: l.link.String(), Err: err})
	n.disconnected(l.peer)
}

// shut closes the link, and nothing else.
func (l *link) shut() {
	l.state = closed
	if l.timer != nil {
		l.timer.Stop()
	}
	l.link.Close()
}

func (l *link) leaveStarting() {
	l.node.starting = slices.DeleteFunc(l.node.starting, func(o *link) bool { return o == l })
}

// dropIdleLinks ends the links on which nothing arrives any more.
func (n *Node) dropIdleLinks() {
	now := n.clock.Now()
	for _, peer := range n.peerIDs() {
		if l := n.peers[peer]; now.Sub(l.heard) > maxIdleLink {
			l.end(fmt.Errorf("nothing arrived for %v", now.Sub(l.heard).Round(time.Second)))
		}
	}
}
