package mesh

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"

	"receptor/mesh/wire"
)

// endpoint is a service of this node: who gets its datagrams. Both functions
// are called without a lock, from whatever thread brought the datagram, and
// must not block.
type endpoint struct {
	// datagram takes a payload, which it then owns.
	datagram func(from Addr, payload []byte)
	// unreachable, if set, takes reports about datagrams that the service sent.
	unreachable func(u wire.Unreach, reportedBy string)
	// closed, if set, is called when the node closes.
	closed func()
	// passFirewall: the datagrams are the node's own business, and none of the
	// firewall's.
	passFirewall bool
}

// endpoints are the services of a node, under a lock of their own: datagrams
// are delivered while the control plane is busy.
type endpoints struct {
	mu     sync.RWMutex
	closed bool
	all    map[wire.Service]*endpoint
}

func (e *endpoints) init() { e.all = make(map[wire.Service]*endpoint) }

func (e *endpoints) get(s wire.Service) *endpoint {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.all[s]
}

func (e *endpoints) add(s wire.Service, ep *endpoint) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return ErrClosed
	case s.Reserved():
		return fmt.Errorf("service %q is reserved for the mesh itself", s)
	case e.all[s] != nil:
		return fmt.Errorf("service %q is already in use on this node", s)
	}
	e.all[s] = ep
	return nil
}

func (e *endpoints) remove(s wire.Service, ep *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all[s] == ep {
		delete(e.all, s)
	}
}

func (e *endpoints) closeAll() {
	e.mu.Lock()
	all := e.all
	e.closed, e.all = true, nil
	e.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(all), func(a, b wire.Service) int { return bytes.Compare(a[:], b[:]) })
	for _, name := range names {
		if ep := all[name]; ep.closed != nil {
			ep.closed()
		}
	}
}

// HandleDatagrams gives the datagrams for a service of this node to f, which
// owns the payload and must not block. ad, unless nil, makes the service known
// to the mesh. The service ends when stop is called.
func (n *Node) HandleDatagrams(service string, ad *Advertise, f func(from Addr, payload []byte)) (stop func(), err error) {
	name, remove, err := n.open(service, &endpoint{datagram: f})
	if err != nil || ad == nil {
		return remove, err
	}
	n.advertise(name.String(), wire.ConnDatagram, *ad)
	return func() {
		n.withdraw(name.String())
		remove()
	}, nil
}

// open registers an endpoint, under a fresh name if service is empty.
func (n *Node) open(service string, ep *endpoint) (name wire.Service, stop func(), err error) {
	if service == "" {
		name, err = n.openEphemeral(ep)
	} else if name, err = wire.ParseService(service); err == nil {
		err = n.local.add(name, ep)
	}
	if err != nil {
		return name, nil, err
	}
	return name, func() { n.local.remove(name, ep) }, nil
}

func (n *Node) openEphemeral(ep *endpoint) (wire.Service, error) {
	for {
		n.mu.Lock()
		name := wire.Service([]byte(n.randomID()))
		n.mu.Unlock()
		if n.local.get(name) != nil {
			continue
		}
		return name, n.local.add(name, ep)
	}
}

// SendDatagram sends one datagram from a service of this node, with the number
// of hops that it may live. It reports what is wrong with the address or the
// size, or ErrNoRoute; what happens further on is not known here. The payload
// is copied.
func (n *Node) SendDatagram(fromService string, to Addr, payload []byte, hops byte) error {
	from, err := wire.ParseService(fromService)
	if err != nil {
		return err
	}
	return n.sendTo(to, payload, wire.Header{FromService: from, HopsToLive: hops})
}

// sendTo is SendDatagram with a header that lacks the addresses of both nodes,
// and the service that it is for.
func (n *Node) sendTo(to Addr, payload []byte, h wire.Header) error {
	id, service, err := n.resolve(to)
	if err != nil {
		return err
	}
	if len(payload) > wire.MaxPayload {
		return fmt.Errorf("datagram of %d bytes to %s: at most %d are possible", len(payload), to, wire.MaxPayload)
	}
	h.ToNode, h.ToService = wire.HashNode(id), service
	return n.route(n.makeFrame(h, payload))
}

// deliver takes a data frame for this node.
func (n *Node) deliver(frame []byte) {
	d, err := wire.ParseData(frame)
	if err != nil {
		n.emit(FrameDropped{Err: err})
		return
	}
	from := n.name(d.FromNode)
	if from == "" {
		n.drop(frame, DropUnknownSource)
		return
	}
	switch d.ToService {
	case wire.ServicePing:
		// An answer to a ping that claims to come from "ping" would be answered
		// in turn, without end.
		if !d.FromService.Reserved() {
			n.send(wire.ServicePing, d.FromNode, d.FromService, nil, MaxHops)
		}
		return
	case wire.ServiceUnreach:
		n.deliverUnreach(d, from)
		return
	}
	ep := n.local.get(d.ToService)
	if ep == nil {
		n.drop(frame, DropServiceUnknown)
		n.reportUnreachable(frame, wire.ProblemServiceUnknown)
		return
	}
	ep.datagram(Addr{Node: from, Service: d.FromService.String()}, d.Payload)
}

// deliverUnreach passes a report on to the service whose datagram failed.
func (n *Node) deliverUnreach(d wire.Data, from string) {
	u, err := wire.ParseUnreach(d.Payload)
	if err != nil {
		n.emit(FrameDropped{Peer: from, Err: err})
		return
	}
	if u.FromNode != n.id {
		return
	}
	n.emit(UnreachReceived{ReportedBy: from, Unreach: *u})
	service, err := wire.ParseService(u.FromService)
	if err != nil {
		return
	}
	if ep := n.local.get(service); ep != nil && ep.unreachable != nil {
		ep.unreachable(*u, from)
	}
}
