// Package forge makes frames that no node would send, or not in its own name, for
// both engines.
package forge

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"receptor/mesh/wire"
)

// Forger makes the frames of one node, drawn from Rand.
type Forger struct {
	// ID is that of the node, IDs are those of all.
	ID   string
	IDs  []string
	Rand *rand.Rand
}

// Frame makes one: random bytes, or one that makes sense and is wrong. now is what a
// right clock shows.
func (f *Forger) Frame(now time.Time) []byte {
	switch f.Rand.IntN(7) {
	case 0:
		return f.noise()
	case 1:
		return f.advertisement(now).Encode()
	case 2:
		return f.data()
	case 3:
		u := f.update(now)
		u.SuspectedDuplicate = f.epoch(now)
		return u.Encode()
	case 4:
		return f.mangled(f.update(now).Encode())
	case 5:
		return f.summary().Encode()
	default:
		return f.update(now).Encode()
	}
}

func (f *Forger) noise() []byte {
	b := make([]byte, 1+f.Rand.IntN(300))
	for i := range b {
		b[i] = byte(f.Rand.Uint32())
	}
	return b
}

// mangled is a frame of which a part has been changed or cut off.
func (f *Forger) mangled(frame []byte) []byte {
	frame[f.Rand.IntN(len(frame))] ^= byte(1 + f.Rand.IntN(255))
	return frame[:1+f.Rand.IntN(len(frame))]
}

// node names a node: one that exists, or one that does not.
func (f *Forger) node() string {
	if f.Rand.IntN(4) == 0 {
		return "forged" + string(rune('a'+f.Rand.IntN(26)))
	}
	return f.IDs[f.Rand.IntN(len(f.IDs))]
}

// epoch is one that a node could have about now, or any.
func (f *Forger) epoch(now time.Time) uint64 {
	if f.Rand.IntN(3) == 0 {
		return f.Rand.Uint64()
	}
	return uint64(now.Unix())<<24 | uint64(f.Rand.Uint32()>>8)
}

func (f *Forger) update(now time.Time) *wire.RoutingUpdate {
	u := &wire.RoutingUpdate{
		NodeID: f.node(), UpdateID: "forged", UpdateEpoch: f.epoch(now), UpdateSequence: f.Rand.Uint64() >> f.Rand.IntN(64),
		Connections: map[string]float64{}, ForwardingNode: f.ID,
	}
	for range f.Rand.IntN(5) {
		u.Connections[f.node()] = float64(1 + f.Rand.IntN(3))
	}
	if f.Rand.IntN(8) == 0 {
		u.ForwardingNode = f.node()
	}
	return u
}

func (f *Forger) advertisement(now time.Time) *wire.ServiceAdvertisement {
	return &wire.ServiceAdvertisement{
		NodeID: f.node(), Service: "forged", Time: now.Add(time.Duration(f.Rand.IntN(7200)-3600) * time.Second),
		ConnType: wire.ConnStream, Tags: map[string]string{"type": "forged"}, Cancel: f.Rand.IntN(3) == 0,
	}
}

// summary says that something else is known in some parts of the mesh, or in all.
func (f *Forger) summary() *wire.Summary {
	s := new(wire.Summary)
	for i := range s {
		s[i] = f.Rand.Uint64() & f.Rand.Uint64()
	}
	return s
}

// data is a datagram in another's name: a report that something is unreachable,
// a ping, or one for a service that is not there.
func (f *Forger) data() []byte {
	h := wire.Header{
		HopsToLive: byte(f.Rand.IntN(256)), FromNode: wire.HashNode(f.node()), ToNode: wire.HashNode(f.node()),
		FromService: wire.Service{'f', 'o', 'r', 'g', 'e', 'd'},
		ToService:   []wire.Service{wire.ServiceUnreach, wire.ServicePing, {'n', 'o', 'n', 'e'}}[f.Rand.IntN(3)],
	}
	payload, err := json.Marshal(map[string]string{"FromNode": f.node(), "ToNode": f.node(), "ToService": "x", "Problem": "forged"})
	if err != nil {
		panic("forge: " + err.Error()) // strings always have JSON
	}
	return wire.AppendData(nil, h, payload)
}
