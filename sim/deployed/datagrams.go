package deployed

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
)

const localhost = "localhost"

// errNotConnected: the routes still lead to a peer whose link has gone.
var errNotConnected = errors.New("no connection to next hop")

// errServiceUnknown is for a sender on this node; others are sent a report.
var errServiceUnknown = errors.New(wire.ProblemServiceUnknown)

// Endpoint takes what comes to a service of this node. It is called by the thread of
// the node, into which it must not call.
type Endpoint struct {
	// Datagram owns the payload.
	Datagram func(from mesh.Addr, payload []byte)
	// Unreachable is told of a report that a datagram of the service has failed, and by
	// which node; it may be nil.
	Unreachable func(u wire.Unreach, reportedBy string)
	// Closed is called when the node closes; it may be nil.
	Closed func()
}

// message is a datagram as a node handles it: with names in place of hashes.
type message struct {
	from, to               string
	fromService, toService wire.Service
	hops                   byte
	payload                []byte
}

// HandleDatagrams gives the datagrams for a service of this node to f, which
// owns the payload. If ad is not nil, the service is advertised with its tags.
// The service ends when stop is called.
func (n *Node) HandleDatagrams(service string, ad *mesh.Advertise, f func(from mesh.Addr, payload []byte)) (stop func(), err error) {
	var told *Ad
	if ad != nil {
		told = &Ad{ConnType: wire.ConnDatagram, Tags: ad.Tags}
	}
	_, stop, err = n.Open(service, Endpoint{Datagram: f}, told)
	return stop, err
}

// Open opens a service of this node, until stop is called; the name "" chooses a
// fresh one. If ad is not nil the mesh is told of it.
func (n *Node) Open(service string, e Endpoint, ad *Ad) (name string, stop func(), err error) {
	if service == "" {
		service = n.freshService().String()
	}
	parsed, err := wire.ParseService(service)
	switch {
	case err != nil:
		return "", nil, err
	case n.closed:
		return "", nil, mesh.ErrClosed
	case parsed.Reserved() || n.endpoints[parsed] != nil:
		return "", nil, fmt.Errorf("service %q is already in use on this node", service)
	}
	n.endpoints[parsed] = &e
	if ad != nil {
		n.advertise(service, *ad)
	}
	return service, func() {
		if n.endpoints[parsed] == &e {
			delete(n.endpoints, parsed)
			n.withdraw(service)
		}
	}, nil
}

// freshService returns the name of no service.
func (n *Node) freshService() wire.Service {
	for {
		if name := wire.Service([]byte(n.randomID())); n.endpoints[name] == nil {
			return name
		}
	}
}

// SendDatagram sends one datagram from a service of this node, with the number
// of hops that it may live. The errors say what is wrong with the address or the
// size, or that no path leads there now. The payload is copied.
func (n *Node) SendDatagram(fromService string, to mesh.Addr, payload []byte, hops byte) error {
	from, err := wire.ParseService(fromService)
	if err != nil {
		return err
	}
	service, err := wire.ParseService(to.Service)
	if err != nil {
		return fmt.Errorf("address %s: %w", to, err)
	}
	if err := wire.CheckNodeID(to.Node); err != nil {
		return err
	}
	if len(payload) > wire.MaxPayload {
		return fmt.Errorf("datagram of %d bytes to %s: at most %d are possible", len(payload), to, wire.MaxPayload)
	}
	return n.handle(message{n.id, n.nodeID(to.Node), from, service, hops, slices.Clone(payload)})
}

func (n *Node) nodeID(id string) string {
	if strings.EqualFold(id, localhost) {
		return n.id
	}
	return id
}

// send sends a message of the node itself. Where it cannot be sent nobody is told.
func (n *Node) send(from wire.Service, to string, service wire.Service, payload []byte) {
	if err := n.handle(message{n.id, to, from, service, wire.MaxHops, payload}); err != nil {
		n.drop(message{n.id, to, from, service, wire.MaxHops, nil}, mesh.DropNoRoute)
	}
}

// receiveData takes a data frame from a peer.
func (n *Node) receiveData(frame []byte) error {
	d, err := wire.ParseData(frame)
	if err != nil {
		return err
	}
	from, to := n.names[d.FromNode], n.names[d.ToNode]
	switch {
	case from == "":
		n.emit(mesh.DatagramDropped{Reason: mesh.DropUnknownSource, Header: d.Header})
		return nil
	case to == "":
		n.emit(mesh.DatagramDropped{Reason: mesh.DropNoRoute, Header: d.Header})
		return nil
	}
	m := message{from, to, d.FromService, d.ToService, d.HopsToLive, d.Payload}
	if err := n.handle(m); err != nil {
		n.drop(m, mesh.DropNoRoute)
	}
	return nil
}

// handle delivers a message, or forwards it.
func (n *Node) handle(m message) error {
	if n.closed {
		return mesh.ErrClosed
	}
	if m.to != n.id {
		return n.forward(m)
	}
	switch m.toService {
	case wire.ServicePing:
		n.send(wire.ServicePing, m.from, m.fromService, nil) // whoever asks, also a "ping"
		return nil
	case wire.ServiceUnreach:
		return n.handleUnreach(m)
	}
	h := n.endpoints[m.toService]
	switch {
	case h != nil:
		h.Datagram(mesh.Addr{Node: m.from, Service: m.fromService.String()}, m.payload)
	case m.from == n.id:
		return errServiceUnknown
	default:
		n.drop(m, mesh.DropServiceUnknown)
		n.report(m, wire.ProblemServiceUnknown) // also if it came from "unreach"
	}
	return nil
}

// forward sends a message to its next hop. That it has no hops left is noticed
// before that there is no route.
func (n *Node) forward(m message) error {
	if m.hops == 0 {
		n.drop(m, mesh.DropExpired)
		if m.fromService != wire.ServiceUnreach {
			n.report(m, wire.ProblemExpired)
		}
		return nil
	}
	via, ok := n.routes[m.to]
	if !ok {
		return mesh.ErrNoRoute
	}
	l := n.peers[via]
	if l == nil {
		return errNotConnected
	}
	h := wire.Header{
		HopsToLive: m.hops - 1, FromNode: n.hash(m.from), ToNode: n.hash(m.to), FromService: m.fromService, ToService: m.toService,
	}
	if !l.link.Send(wire.AppendData(nil, h, m.payload)) {
		n.drop(m, mesh.DropQueueFull)
	}
	return nil
}

// report tells the sender of a message that it failed.
func (n *Node) report(m message, problem string) {
	u := wire.Unreach{
		FromNode: m.from, ToNode: m.to, FromService: m.fromService.String(), ToService: m.toService.String(), Problem: problem,
	}
	n.send(wire.ServiceUnreach, m.from, wire.ServiceUnreach, u.Encode())
}

// handleUnreach passes a report on to the service whose message failed.
func (n *Node) handleUnreach(m message) error {
	u, err := wire.ParseUnreach(m.payload)
	if err != nil {
		return err
	}
	n.emit(mesh.UnreachReceived{ReportedBy: m.from, Unreach: *u})
	service, err := wire.ParseService(u.FromService)
	if err != nil || u.FromNode != n.id {
		return nil
	}
	if h := n.endpoints[service]; h != nil && h.Unreachable != nil {
		h.Unreachable(*u, m.from)
	}
	return nil
}

func (n *Node) drop(m message, reason mesh.DropReason) {
	n.emit(mesh.DatagramDropped{Reason: reason, Header: wire.Header{
		HopsToLive: m.hops, FromNode: wire.HashNode(m.from), ToNode: wire.HashNode(m.to),
		FromService: m.fromService, ToService: m.toService,
	}})
}

// PingAsync pings a node and calls done once, with the answer, or the error of
// SendDatagram, a *mesh.UnreachableError and who reported it, mesh.ErrClosed, or
// one that says that no answer came in time. done may be called before PingAsync
// returns.
func (n *Node) PingAsync(target string, hopsToLive byte, timeout time.Duration, done func(mesh.PingReply, error)) {
	if n.closed {
		done(mesh.PingReply{}, mesh.ErrClosed)
		return
	}
	sent := n.clock.Now()
	name := n.freshService()
	finish := func(from string, err error) {
		if n.endpoints[name] != nil {
			delete(n.endpoints, name)
			done(mesh.PingReply{From: from, RTT: n.clock.Now().Sub(sent)}, err)
		}
	}
	timer := n.clock.AfterFunc(timeout, func() { finish("", fmt.Errorf("ping of %s: no answer in %v", target, timeout)) })
	n.endpoints[name] = &Endpoint{
		Datagram: func(from mesh.Addr, _ []byte) { timer.Stop(); finish(from.Node, nil) },
		Unreachable: func(u wire.Unreach, by string) {
			timer.Stop()
			finish(by, &mesh.UnreachableError{Problem: u.Problem, ReportedBy: by})
		},
		Closed: func() { timer.Stop(); finish("", mesh.ErrClosed) },
	}
	to := mesh.Addr{Node: target, Service: wire.ServicePing.String()}
	if err := n.SendDatagram(name.String(), to, nil, hopsToLive); err != nil {
		timer.Stop()
		finish("", err)
	}
}

// closeEndpoints ends all services, in the order of their names.
func (n *Node) closeEndpoints() {
	names := slices.SortedFunc(maps.Keys(n.endpoints), func(a, b wire.Service) int { return bytes.Compare(a[:], b[:]) })
	for _, name := range names {
		if h := n.endpoints[name]; h != nil && h.Closed != nil {
			h.Closed()
		}
	}
	n.endpoints = nil
}
