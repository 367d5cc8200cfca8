package linkstate

import (
	"maps"
	"slices"
	"strings"

	"receptor/mesh/wire"
)

// Pool numbers the nodes of a mesh, and keeps each update once. A node in
// production has a Pool to itself. The nodes of a simulated mesh share one: then
// what all of them know is stored, and decoded, once, and a record costs a node
// no more than a pointer.
//
// A Pool and its databases belong to one caller at a time.
type Pool struct {
	index map[string]int32
	names []name // by number
	free  []int32
	order []int32 // numbers of all names, in the order of the node IDs

	directory *Directory // of the names as they are; nil: is to be made
	spf       spf        // working memory of all databases
}

// name is a numbered node ID; free if it has no references.
type name struct {
	id   string
	hash uint64
	// refs counts the updates that some database holds and that are of this
	// node or list it, and the databases of which it is the owner or a peer.
	refs int
	// recent are the last two updates of this node that were held, the newer
	// one first. While two floods cross the mesh, both will be met again.
	recent [2]*Update
}

// NewPool returns a pool without nodes.
func NewPool() *Pool { return &Pool{index: make(map[string]int32)} }

// Recall returns the update that a frame carries, if some database of the pool
// holds it, and who passed it on: a part of the frame. It returns nil if Parse
// must tell.
func (p *Pool) Recall(frame []byte) (u *Update, forwarder []byte) {
	id, ok := wire.PeekNode(frame)
	if !ok {
		return nil, nil
	}
	i, ok := p.index[string(id)]
	if !ok {
		return nil, nil
	}
	for _, u := range p.names[i].recent {
		if u == nil {
			break
		}
		if by, ok := u.relay.Forwarder(frame); ok {
			return u, by
		}
	}
	return nil, nil
}

// Parse decodes a routing update whose type has been checked, and returns also
// who passed it on. The frame is not kept.
func (p *Pool) Parse(frame []byte) (u *Update, forwarder string, err error) {
	parsed, err := wire.ParseRouting(frame)
	if err != nil {
		return nil, "", err
	}
	u = &Update{RoutingUpdate: *parsed, relay: parsed.Relay(), pool: p}
	u.size = u.relay.Len()
	u.ForwardingNode = ""
	return u, parsed.ForwardingNode, nil
}

// room reports whether there are numbers for all that an update names.
func (p *Pool) room(u *Update) bool {
	if u.holders > 0 {
		return true
	}
	unknown := 0
	if _, ok := p.index[u.NodeID]; !ok {
		unknown++
	}
	for peer := range u.Connections {
		if _, ok := p.index[peer]; !ok {
			unknown++
		}
	}
	return unknown <= MaxNodes-len(p.index)
}

// hold counts one more database that holds an update.
func (p *Pool) hold(u *Update) {
	u.holders++
	if u.holders > 1 {
		return
	}
	u.node = p.acquire(u.NodeID)
	u.edges = make([]edge, 0, len(u.Connections))
	for _, peer := range slices.Sorted(maps.Keys(u.Connections)) {
		if peer != u.NodeID {
			u.edges = append(u.edges, edge{to: p.acquire(peer), cost: u.Connections[peer]})
		}
	}
	slices.SortFunc(u.edges, func(a, b edge) int { return int(a.to) - int(b.to) })
	u.summarize()
	recent := &p.names[u.node].recent
	if u.newerThan(recent[0]) {
		recent[0], recent[1] = u, recent[0]
	} else {
		recent[1] = u
	}
}

// release is the contrary of hold.
func (p *Pool) release(u *Update) {
	u.holders--
	if u.holders > 0 {
		return
	}
	recent := &p.names[u.node].recent
	switch u {
	case recent[0]:
		recent[0], recent[1] = recent[1], nil
	case recent[1]:
		recent[1] = nil
	}
	for _, e := range u.edges {
		p.drop(e.to)
	}
	p.drop(u.node)
	u.edges = nil
}

// acquire returns the number of a node ID, a fresh one for a new ID, and counts
// one more reference to it.
func (p *Pool) acquire(id string) int32 {
	i, ok := p.index[id]
	if !ok {
		if k := len(p.free); k > 0 {
			i, p.free = p.free[k-1], p.free[:k-1]
		} else {
			i = int32(len(p.names))
			p.names = append(p.names, name{})
		}
		p.names[i] = name{id: id, hash: wire.HashNode(id)}
		p.index[id] = i
		p.order = slices.Insert(p.order, p.place(id), i)
		p.directory = nil
	}
	p.names[i].refs++
	return i
}

// drop is the contrary of acquire.
func (p *Pool) drop(i int32) {
	n := &p.names[i]
	n.refs--
	if n.refs > 0 {
		return
	}
	delete(p.index, n.id)
	at := p.place(n.id)
	p.order = slices.Delete(p.order, at, at+1)
	*n = name{}
	p.free = append(p.free, i)
	p.directory = nil
}

// place returns where a node ID is in the order, or would be.
func (p *Pool) place(id string) int {
	at, _ := slices.BinarySearchFunc(p.order, id, func(i int32, id string) int { return strings.Compare(p.names[i].id, id) })
	return at
}

// Directory is the list of the nodes that a pool had numbered at one moment. It
// is never changed.
type Directory struct {
	numbers map[uint64]int32 // by the hash that stands for the node in data frames
	ids     []string
}

// Directory returns the nodes that are numbered now.
func (p *Pool) Directory() *Directory {
	if p.directory == nil {
		d := &Directory{numbers: make(map[uint64]int32, len(p.index)), ids: make([]string, len(p.names))}
		for i := range p.names {
			if n := &p.names[i]; n.refs > 0 {
				d.numbers[n.hash], d.ids[i] = int32(i), n.id
			}
		}
		p.directory = d
	}
	return p.directory
}

// Number returns the number of the node that a hash stands for.
func (d *Directory) Number(hash uint64) (number int32, ok bool) {
	number, ok = d.numbers[hash]
	return number, ok
}

// ID returns the node ID of a number.
func (d *Directory) ID(number int32) string { return d.ids[number] }
