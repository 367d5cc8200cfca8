package check

import (
	"encoding/binary"
	"time"

	"github.com/minio/highwayhash"

	"receptor/mesh/wire"
)

// Service is what the simulator runs on every node for the datagrams of the
// workload. Their payload begins with their number.
const Service = "sim"

// AppendNumber appends the number of a datagram to its payload.
func AppendNumber(buf []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(buf, number)
}

// Number returns the number of the datagram with this payload.
func Number(payload []byte) (number uint64, ok bool) {
	if len(payload) < 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(payload), true
}

// Datagrams watches every data frame on every wire, and what arrives at the
// simulator's service: a datagram goes to its address, at most once, and over
// no more links than its hops.
//
// It tells datagrams apart by header and payload. Nodes give every ping a
// service name of its own, and the workload numbers its datagrams.
type Datagrams struct {
	ids    []string
	byHash map[uint64]int
	report Report

	loose    bool          // see Loosen
	underWay time.Duration // the most that a datagram is
	flights  map[flight]*progress
	order    []departure // flights by the time at which they began
	sent     map[uint64]shipment
	longest  int // most links that one which arrived has crossed
}

// flight is the identity of a datagram.
type flight struct {
	header  wire.Header // hops to live are zero
	payload uint64      // its hash
}

// progress is where a datagram has got to.
type progress struct {
	hops    int // that it left a node with, last
	links   int // that it has been sent on
	arrived bool
}

type departure struct {
	at     time.Duration
	flight flight
}

// shipment is a datagram of the workload.
type shipment struct {
	from, to  int
	hops      int
	delivered bool
}

// NewDatagrams returns the checker of nodes with these IDs, numbered in order,
// between which no datagram is under way for longer than longest.
func NewDatagrams(ids []string, longest time.Duration, report Report) *Datagrams {
	d := &Datagrams{
		ids: ids, byHash: make(map[uint64]int, len(ids)), report: report, underWay: longest,
		flights: make(map[flight]*progress), sent: make(map[uint64]shipment),
	}
	for i, id := range ids {
		d.byHash[wire.HashNode(id)] = i
	}
	return d
}

// Loosen tells that wires may deliver a frame twice, or two nodes share an ID:
// then only the addresses of datagrams can be checked.
func (d *Datagrams) Loosen() { d.loose = true }

// Shipped tells that a datagram of the workload, which has this number, is
// about to be sent.
func (d *Datagrams) Shipped(number uint64, from, to, hops int) {
	d.sent[number] = shipment{from: from, to: to, hops: hops}
}

// Received tells that the simulator's service on node was given the datagram of
// this number, from another node.
func (d *Datagrams) Received(now time.Duration, node int, number uint64, from string) {
	s, ok := d.sent[number]
	switch {
	case !ok:
		d.report(now, d.ids[node], RuleDatagram, "it was given datagram %d, which nobody sent", number)
		return
	case s.to != node || d.ids[s.from] != from:
		d.report(now, d.ids[node], RuleDatagram, "it was given datagram %d from %s, which %s sent to %s",
			number, from, d.ids[s.from], d.ids[s.to])
	case s.delivered && !d.loose:
		d.report(now, d.ids[node], RuleDatagram, "it was given datagram %d from %s twice", number, from)
	}
	s.delivered = true
	d.sent[number] = s
}

// Arrived reports whether the datagram of this number has been delivered.
func (d *Datagrams) Arrived(number uint64) bool { return d.sent[number].delivered }

// Delivered returns how many datagrams of the workload have arrived, and how
// many were sent.
func (d *Datagrams) Delivered() (delivered, sent int) {
	for _, s := range d.sent {
		if s.delivered {
			delivered++
		}
	}
	return delivered, len(d.sent)
}

// Leaves tells that node puts a data frame on a wire.
func (d *Datagrams) Leaves(now time.Duration, node int, frame []byte) {
	data, err := wire.ParseData(frame)
	if err != nil {
		d.report(now, d.ids[node], RuleDatagram, "it sent a data frame that nobody can read: %v", err)
		return
	}
	if d.loose || untracked(data) {
		return
	}
	d.expire(now)
	f := identify(data)
	p := d.flights[f]
	if p == nil {
		p = &progress{hops: d.budget(data)}
		if from, known := d.byHash[data.FromNode]; !known || from != node {
			d.report(now, d.ids[node], RuleDatagram, "it passes on a datagram that it never received: %s", d.describe(data))
		}
		d.flights[f] = p
		d.order = append(d.order, departure{now, f})
	}
	switch {
	case p.arrived:
		d.report(now, d.ids[node], RuleDatagram, "it sends a datagram on that has arrived already: %s", d.describe(data))
	case int(data.HopsToLive) >= p.hops:
		d.report(now, d.ids[node], RuleDatagram, "it sends a datagram with %d hops to live, at most %d are left: %s",
			data.HopsToLive, p.hops-1, d.describe(data))
	}
	p.hops = int(data.HopsToLive)
	p.links++
}

// budget returns the hops that a datagram starts with.
func (d *Datagrams) budget(data wire.Data) int {
	if data.ToService.String() == Service {
		if number, ok := Number(data.Payload); ok {
			if s, known := d.sent[number]; known {
				return s.hops
			}
		}
	}
	return wire.MaxHops
}

// Arrives tells that a data frame reaches node.
func (d *Datagrams) Arrives(now time.Duration, node int, frame []byte) {
	data, err := wire.ParseData(frame)
	if err != nil {
		return // reported when it left
	}
	if to, known := d.byHash[data.ToNode]; !known || to != node {
		return
	}
	p := d.flights[identify(data)]
	switch {
	case d.loose || untracked(data):
	case p == nil:
		d.report(now, d.ids[node], RuleDatagram, "a datagram arrives that nobody sent, or long ago: %s", d.describe(data))
	case p.arrived:
		d.report(now, d.ids[node], RuleDatagram, "a datagram arrives twice: %s", d.describe(data))
	default:
		p.arrived = true
		d.longest = max(d.longest, p.links)
	}
}

// Longest returns the most links that a datagram or ping has crossed to its
// destination.
func (d *Datagrams) Longest() int { return d.longest }

// expire forgets the flights that are over.
func (d *Datagrams) expire(now time.Duration) {
	old := 0
	for old < len(d.order) && now-d.order[old].at > d.underWay {
		delete(d.flights, d.order[old].flight)
		old++
	}
	d.order = d.order[old:]
}

// untracked reports whether a datagram cannot be told from others: reports that
// datagrams of one series have failed are all alike.
func untracked(data wire.Data) bool { return data.ToService == wire.ServiceUnreach }

func identify(data wire.Data) flight {
	var key [highwayhash.Size]byte
	f := flight{data.Header, highwayhash.Sum64(data.Payload, key[:])}
	f.header.HopsToLive = 0
	return f
}

func (d *Datagrams) describe(data wire.Data) string {
	return d.name(data.FromNode) + ":" + data.FromService.String() + " to " + d.name(data.ToNode) + ":" + data.ToService.String()
}

func (d *Datagrams) name(hash uint64) string {
	if i, known := d.byHash[hash]; known {
		return d.ids[i]
	}
	return "an unknown node"
}
