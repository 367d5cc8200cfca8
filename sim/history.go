package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// History is what happened to a node last, for a person.
type History struct {
	// Node is its node ID, "" for the whole mesh.
	Node string
	// Events are in order of time, one line each.
	Events []string
}

// recent keeps the last events of every node. Timers are left out: what one
// does follows at once.
type recent struct {
	ids   []string
	names map[uint64]string // of nodes, by their hashes
	rings []moments
	count uint64
}

// moments are the last events of one node.
type moments struct {
	slots []moment // the oldest at next, once they are all in use
	next  int
}

// moment is one event: of the trace, or of the node itself.
type moment struct {
	number     uint64 // of all moments
	at         time.Duration
	kind       eventKind
	node, peer int32
	frame      []byte
	event      mesh.Event // nil: kind says
}

// keep makes the trace remember the last events of every node.
func (t *trace) keep(size int) {
	if size <= 0 {
		return
	}
	r := &recent{ids: t.ids, names: make(map[uint64]string, len(t.ids)), rings: make([]moments, len(t.ids))}
	for i, id := range t.ids {
		r.names[wire.HashNode(id)] = id
		r.rings[i].slots = make([]moment, 0, size)
	}
	t.recent = r
}

func (r *recent) record(now time.Duration, kind eventKind, node, peer int32, frame []byte) {
	if kind == eventTimer {
		return
	}
	r.add(moment{at: now, kind: kind, node: node, peer: peer, frame: bytes.Clone(frame)})
}

func (r *recent) say(now time.Duration, node int32, e mesh.Event) {
	r.add(moment{at: now, node: node, peer: nobody, event: e})
}

func (r *recent) add(m moment) {
	r.count++
	m.number = r.count
	ring := &r.rings[m.node]
	if len(ring.slots) < cap(ring.slots) {
		ring.slots = append(ring.slots, m)
		return
	}
	ring.slots[ring.next] = m
	ring.next = (ring.next + 1) % len(ring.slots)
}

// before returns the last events of a node, or of all, "", as lines.
func (r *recent) before(node string) []string {
	var all []moment
	size := 0
	for i, id := range r.ids {
		if node == "" || node == id {
			all = append(all, r.rings[i].slots...)
			size = cap(r.rings[i].slots)
		}
	}
	slices.SortFunc(all, func(a, b moment) int { return int(a.number) - int(b.number) })
	all = all[max(0, len(all)-size):]
	lines := make([]string, len(all))
	for i, m := range all {
		lines[i] = r.describe(m)
	}
	return lines
}

// describe says what happened, and to whom, on one line.
func (r *recent) describe(m moment) string {
	text := fmt.Sprintf("%.6fs %s: ", m.at.Seconds(), r.ids[m.node])
	if m.event != nil {
		return text + strings.TrimPrefix(fmt.Sprintf("%T%+v", m.event, m.event), "mesh.")
	}
	peer := "nobody"
	if m.peer != nobody {
		peer = r.ids[m.peer]
	}
	text += eventNames[m.kind] + ", peer " + peer
	if len(m.frame) > 0 {
		text += ": " + describeFrame(m.frame, r.names)
	}
	return text
}

// describeFrame says what a frame tells; names are those of nodes, by hash.
func describeFrame(frame []byte, names map[uint64]string) string {
	kind, err := wire.TypeOf(frame)
	if err != nil {
		return err.Error()
	}
	switch kind {
	case wire.TypeData:
		return describeData(frame, names)
	case wire.TypeRouting:
		u, err := wire.ParseRouting(frame)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("update (%d, %d) of %s by %s, links %v", u.UpdateEpoch, u.UpdateSequence, u.NodeID, u.ForwardingNode, u.Connections)
		if u.SuspectedDuplicate != 0 {
			text += fmt.Sprintf(", suspects %d", u.SuspectedDuplicate)
		}
		return text
	case wire.TypeService:
		ad, err := wire.ParseAdvertisement(frame)
		if err != nil {
			return err.Error()
		}
		if ad.Cancel {
			return fmt.Sprintf("service %s of %s is withdrawn", ad.Service, ad.NodeID)
		}
		return fmt.Sprintf("service %s of %s", ad.Service, ad.NodeID)
	}
	return kind.String()
}

func describeData(frame []byte, names map[uint64]string) string {
	d, err := wire.ParseData(frame)
	if err != nil {
		return err.Error()
	}
	name := func(hash uint64) string {
		if id, known := names[hash]; known {
			return id
		}
		return fmt.Sprintf("%016x", hash)
	}
	return fmt.Sprintf("datagram from %s:%s to %s:%s, %d hops to live, payload of %d bytes",
		name(d.FromNode), d.FromService, name(d.ToNode), d.ToService, d.HopsToLive, len(d.Payload))
}
