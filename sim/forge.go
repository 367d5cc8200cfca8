package sim

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"receptor/mesh/wire"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/transport"
)

// forge lets a node send its peers frames that no node would send, or not in
// its own name.
func (w *world) forge(h *host, a scenario.Action) (end func()) {
	f := &forger{world: w, host: h, rand: seed.Rand(w.seed, "forge", a.String())}
	over := false
	var turn func()
	turn = func() {
		if over {
			return
		}
		w.after(a.Every, turn)
		f.send()
	}
	turn()
	return func() { over = true }
}

type forger struct {
	world *world
	host  *host
	rand  *rand.Rand
}

// send sends one forged frame on one of the host's links.
func (f *forger) send() {
	links := f.host.openLinks()
	if len(links) == 0 {
		return
	}
	f.world.tainted()
	links[f.rand.IntN(len(links))].Send(f.frame())
}

// frame makes one: random bytes, or one that makes sense and is wrong.
func (f *forger) frame() []byte {
	switch f.rand.IntN(6) {
	case 0:
		return f.noise()
	case 1:
		return f.advertisement().Encode()
	case 2:
		return f.data()
	case 3:
		u := f.update()
		u.SuspectedDuplicate = f.epoch()
		return u.Encode()
	case 4:
		return f.mangled(f.update().Encode())
	default:
		return f.update().Encode()
	}
}

func (f *forger) noise() []byte {
	b := make([]byte, 1+f.rand.IntN(300))
	for i := range b {
		b[i] = byte(f.rand.Uint32())
	}
	return b
}

// mangled is a frame of which a part has been changed or cut off.
func (f *forger) mangled(frame []byte) []byte {
	frame[f.rand.IntN(len(frame))] ^= byte(1 + f.rand.IntN(255))
	return frame[:1+f.rand.IntN(len(frame))]
}

// node names a node: one that exists, or one that does not.
func (f *forger) node() string {
	if f.rand.IntN(4) == 0 {
		return "forged" + string(rune('a'+f.rand.IntN(26)))
	}
	return f.world.ids[f.rand.IntN(len(f.world.ids))]
}

// epoch is one that a node could have about now, or any.
func (f *forger) epoch() uint64 {
	if f.rand.IntN(3) == 0 {
		return f.rand.Uint64()
	}
	return uint64(startOfTime.Add(f.world.now).Unix())<<24 | uint64(f.rand.Uint32()>>8)
}

func (f *forger) update() *wire.RoutingUpdate {
	u := &wire.RoutingUpdate{
		NodeID: f.node(), UpdateID: "forged", UpdateEpoch: f.epoch(), UpdateSequence: f.rand.Uint64() >> f.rand.IntN(64),
		Connections: map[string]float64{}, ForwardingNode: f.host.id,
	}
	for range f.rand.IntN(5) {
		u.Connections[f.node()] = float64(1 + f.rand.IntN(3))
	}
	if f.rand.IntN(8) == 0 {
		u.ForwardingNode = f.node()
	}
	return u
}

func (f *forger) advertisement() *wire.ServiceAdvertisement {
	return &wire.ServiceAdvertisement{
		NodeID: f.node(), Service: "forged", Time: startOfTime.Add(f.world.now + time.Duration(f.rand.IntN(7200)-3600)*time.Second),
		ConnType: wire.ConnStream, Tags: map[string]string{"type": "forged"}, Cancel: f.rand.IntN(3) == 0,
	}
}

// data is a datagram in another's name: a report that something is unreachable,
// a ping, or one for a service that is not there.
func (f *forger) data() []byte {
	h := wire.Header{
		HopsToLive: byte(f.rand.IntN(256)), FromNode: wire.HashNode(f.node()), ToNode: wire.HashNode(f.node()),
		FromService: wire.Service{'f', 'o', 'r', 'g', 'e', 'd'},
		ToService:   []wire.Service{wire.ServiceUnreach, wire.ServicePing, {'n', 'o', 'n', 'e'}}[f.rand.IntN(3)],
	}
	payload, err := json.Marshal(map[string]string{"FromNode": f.node(), "ToNode": f.node(), "ToService": "x", "Problem": "forged"})
	if err != nil {
		panic("sim: " + err.Error()) // strings always have JSON
	}
	return wire.AppendData(nil, h, payload)
}

// openLinks returns the ends of links that the process has, in the order of the
// scenario.
func (h *host) openLinks() []transport.Link {
	var links []transport.Link
	for _, c := range h.cables {
		for side, other := range c.hosts {
			if other != h {
				continue
			}
			for _, conn := range c.conns {
				if e := &conn.ends[side]; e.state == endOpen {
					links = append(links, e)
				}
			}
			for _, f := range c.flows {
				if e := f.ends[side]; e != nil && e.state == endOpen {
					links = append(links, e)
				}
			}
		}
	}
	return links
}
