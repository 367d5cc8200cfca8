package mesh

import (
	"encoding/binary"
	"slices"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
)

// table maps the hash of a node ID to where its datagrams go. It is never
// changed once it is the node's table, so forwarding reads it without a lock.
type table struct {
	hops map[uint64]hop
}

// hop is the next hop to a node; link is nil when the node is known but cannot
// be reached.
type hop struct {
	link transport.Link
	name string
	via  string
	cost float64
}

// computeRoutes replaces the table. It requires mu.
func (n *Node) computeRoutes(now time.Time) {
	n.routes = n.db.Routes(now, n.routes[:0])
	t := &table{hops: make(map[uint64]hop, len(n.routes))}
	before := n.table.Load().hops
	var changed RoutesChanged
	for _, r := range n.routes {
		h := hop{name: r.Node, via: r.Via, cost: r.Cost}
		if s := n.peerSession(r.Via); s != nil {
			h.link = s.link
			changed.Reachable++
			if before[r.Hash].link == nil {
				changed.Gained = append(changed.Gained, r.Node)
			}
		} else {
			n.bring(&n.due.forget, now)
		}
		t.hops[r.Hash] = h
	}
	n.table.Store(t)
	slices.Sort(changed.Gained)
	n.emit(changed)
}

// forward takes a data frame from a peer. It takes no lock, and allocates
// nothing for a frame that is passed on.
func (n *Node) forward(frame []byte) {
	if len(frame) < wire.HeaderSize {
		n.emit(FrameDropped{Err: wire.ErrShortData})
		return
	}
	n.route(frame)
}

// route sends a data frame, which it owns, towards its destination. The error
// is for senders on this node; ErrNoRoute is the one that they are told.
func (n *Node) route(frame []byte) error {
	to := binary.BigEndian.Uint64(frame[wire.OffsetToNode:])
	if to == n.hash {
		n.deliver(frame)
		return nil
	}
	next := n.table.Load().hops[to]
	if next.link == nil {
		n.drop(frame, DropNoRoute)
		return ErrNoRoute
	}
	hops := frame[wire.OffsetHops]
	if hops == 0 {
		n.drop(frame, DropExpired)
		n.reportUnreachable(frame, next.name, wire.ProblemExpired)
		return nil
	}
	wire.SetHops(frame, hops-1)
	if !next.link.Send(frame) {
		n.drop(frame, DropQueueFull)
	}
	return nil
}

func (n *Node) drop(frame []byte, reason DropReason) {
	d, err := wire.ParseData(frame)
	if err == nil {
		n.emit(DatagramDropped{Reason: reason, Header: d.Header})
	}
}

// name returns the node ID that a hash stands for, "" if no node on record has
// it.
func (n *Node) name(hash uint64) string {
	if hash == n.hash {
		return n.id
	}
	return n.table.Load().hops[hash].name
}

// reportUnreachable tells the sender of a datagram that it failed. A report
// about a report would have no end, so those are not made.
func (n *Node) reportUnreachable(frame []byte, toNode, problem string) {
	d, err := wire.ParseData(frame)
	if err != nil || d.FromService == wire.ServiceUnreach {
		return
	}
	from := n.name(d.FromNode)
	if from == "" {
		return
	}
	u := wire.Unreach{
		FromNode: from, ToNode: toNode,
		FromService: d.FromService.String(), ToService: d.ToService.String(),
		Problem: problem,
	}
	n.send(wire.ServiceUnreach, d.FromNode, wire.ServiceUnreach, u.Encode(), MaxHops)
}

// send makes a data frame and routes it.
func (n *Node) send(from wire.Service, to uint64, service wire.Service, payload []byte, hops byte) error {
	h := wire.Header{HopsToLive: hops, FromNode: n.hash, ToNode: to, FromService: from, ToService: service}
	return n.route(wire.AppendData(make([]byte, 0, wire.HeaderSize+len(payload)), h, payload))
}
