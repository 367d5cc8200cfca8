package mesh

import (
	"encoding/binary"
	"slices"
	"time"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
)

// table says where the datagrams for each node go. It is never changed once it
// is the node's table, so forwarding reads it without a lock.
type table struct {
	directory *linkstate.Directory
	hops      []linkstate.Hop // by number in the directory
	peers     []*session      // by number of the link in hops
}

// lookup returns the hop to the node that a hash stands for, and its number.
func (t *table) lookup(hash uint64) (h linkstate.Hop, number int32) {
	number, ok := t.directory.Number(hash)
	if !ok || int(number) >= len(t.hops) {
		return linkstate.NotOnRecord, 0
	}
	return t.hops[number], number
}

// next returns the peer to which datagrams for a node go, nil if it cannot be
// reached.
func (t *table) next(hash uint64) *session {
	h, _ := t.lookup(hash)
	if k, ok := h.Link(); ok {
		return t.peers[k]
	}
	return nil
}

// name returns the ID of a node on record, "" if it is not.
func (t *table) name(hash uint64) string {
	h, number := t.lookup(hash)
	if h == linkstate.NotOnRecord {
		return ""
	}
	return t.directory.ID(number)
}

// reaches reports whether there is a route to a node of a directory.
func (t *table) reaches(d *linkstate.Directory, number int32) bool {
	if t.directory == d {
		return int(number) < len(t.hops) && t.hops[number] >= linkstate.FirstLink
	}
	h, _ := t.lookup(wire.HashNode(d.ID(number)))
	return h >= linkstate.FirstLink
}

func emptyTable() *table { return &table{directory: new(linkstate.Directory)} }

// computeRoutes replaces the table. It requires mu.
func (n *Node) computeRoutes(now time.Time) {
	hops := n.db.Routes(now)
	before := n.table.Load()
	t := &table{directory: n.pool.Directory(), hops: before.hops, peers: slices.Clone(n.peers)}
	var changed RoutesChanged
	lost := false
	for i, h := range hops {
		switch {
		case h == linkstate.Unreachable:
			lost = true
			if before.reaches(t.directory, int32(i)) {
				changed.Lost = append(changed.Lost, t.directory.ID(int32(i)))
			}
		case h >= linkstate.FirstLink:
			changed.Reachable++
			if !before.reaches(t.directory, int32(i)) {
				changed.Gained = append(changed.Gained, t.directory.ID(int32(i)))
			}
		}
	}
	if lost {
		n.bring(&n.due.forget, now)
	}
	if !slices.Equal(hops, before.hops) {
		t.hops = slices.Clone(hops)
	}
	n.table.Store(t)
	slices.Sort(changed.Gained)
	slices.Sort(changed.Lost)
	n.shared.rejoined(changed.Gained)
	n.emit(changed)
}

// forward takes a data frame from a peer. It takes no lock, and allocates
// nothing for a frame that is passed on.
func (n *Node) forward(frame []byte) {
	if len(frame) < wire.HeaderSize {
		n.emit(FrameDropped{Err: wire.ErrShortData})
		return
	}
	if n.firewall != nil && !n.filterForged(frame) {
		return
	}
	n.route(frame)
}

// route sends a data frame, which it owns, towards its destination. The error
// is for senders on this node; ErrNoRoute is the one that they are told.
//
// All that the node sends, takes and passes on comes by here once, so this is
// the place of the trace and of the firewall.
func (n *Node) route(frame []byte) error {
	if n.trace != nil {
		n.traceDatagram(frame)
	}
	if n.firewall != nil {
		if passes, err := n.filter(frame); !passes {
			return err
		}
	}
	return n.pass(frame)
}

// pass is route beyond the firewall.
func (n *Node) pass(frame []byte) error {
	to := binary.BigEndian.Uint64(frame[wire.OffsetToNode:])
	if to == n.hash {
		n.deliver(frame)
		return nil
	}
	next := n.table.Load().next(to)
	if next == nil {
		n.drop(frame, DropNoRoute)
		return ErrNoRoute
	}
	hops := frame[wire.OffsetHops]
	if hops == 0 {
		n.drop(frame, DropExpired)
		n.reportUnreachable(frame, wire.ProblemExpired)
		return nil
	}
	if frame[wire.OffsetFlags]&wire.FlagWhole != 0 && !next.whole.Load() {
		n.drop(frame, DropTooLong)
		n.reportUnreachable(frame, wire.ProblemTooLong)
		return nil
	}
	wire.SetHops(frame, hops-1)
	if !next.link.Send(frame) {
		n.drop(frame, DropQueueFull)
	}
	return nil
}

func (n *Node) drop(frame []byte, reason DropReason) { n.dropBy(frame, reason, 0) }

func (n *Node) dropBy(frame []byte, reason DropReason, rule int) {
	d, err := wire.ParseData(frame)
	if err == nil {
		n.emit(DatagramDropped{Reason: reason, Header: d.Header, Rule: rule})
	}
}

// name returns the node ID that a hash stands for, "" if no node on record has
// it.
func (n *Node) name(hash uint64) string {
	if hash == n.hash {
		return n.id
	}
	return n.table.Load().name(hash)
}

// reportUnreachable tells the sender of a datagram that it failed, if there is
// anything to tell.
func (n *Node) reportUnreachable(frame []byte, problem string) {
	if report := n.makeReport(frame, problem); report != nil {
		n.route(report)
	}
}

// makeReport returns the frame that tells the sender of a datagram that it
// failed. It returns nil for a report, since reports about reports would have no
// end, and where a node has no name.
func (n *Node) makeReport(frame []byte, problem string) []byte {
	d, err := wire.ParseData(frame)
	if err != nil || d.FromService == wire.ServiceUnreach {
		return nil
	}
	from, to := n.name(d.FromNode), n.name(d.ToNode)
	if from == "" || to == "" {
		return nil
	}
	u := wire.Unreach{
		FromNode: from, ToNode: to,
		FromService: d.FromService.String(), ToService: d.ToService.String(),
		Problem: problem,
	}
	return n.makeFrame(wire.Header{
		HopsToLive: MaxHops, ToNode: d.FromNode, FromService: wire.ServiceUnreach, ToService: wire.ServiceUnreach,
	}, u.Encode())
}

// send makes a data frame and routes it.
func (n *Node) send(from wire.Service, to uint64, service wire.Service, payload []byte, hops byte) error {
	return n.route(n.makeFrame(wire.Header{HopsToLive: hops, ToNode: to, FromService: from, ToService: service}, payload))
}

// makeFrame makes a data frame of this node.
func (n *Node) makeFrame(h wire.Header, payload []byte) []byte {
	h.FromNode = n.hash
	return wire.AppendData(make([]byte, 0, wire.HeaderSize+len(payload)), h, payload)
}
