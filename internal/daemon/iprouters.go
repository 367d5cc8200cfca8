package daemon

import (
	"fmt"
	"net/netip"
	"sync"

	"receptor/internal/config"
	"receptor/internal/iprouter"
	"receptor/mesh"
)

func (d *Daemon) startIPRouters() error {
	for _, c := range d.cfg.IPRouters {
		if err := d.startIPRouter(c); err != nil {
			return fmt.Errorf("%s: ip-router: %w", c.Where, err)
		}
	}
	return nil
}

func (d *Daemon) startIPRouter(c config.IPRouter) error {
	device, err := d.host.OpenTUN(c.Interface, c.LocalNet)
	if err != nil {
		return err
	}
	ad := mesh.Advertise{Tags: iprouter.Tags(c.NetworkName, c.LocalNet, c.Routes)}
	conn, err := d.node.ListenPacketAdvertised(c.NetworkName, ad)
	if err != nil {
		device.Close()
		return err
	}
	name := "ip-router " + c.NetworkName
	r := iprouter.New(iprouter.Options{
		Own:        append([]netip.Prefix{c.LocalNet}, c.Routes...),
		Device:     device,
		Conn:       conn,
		Neighbours: func() []iprouter.Neighbour { return d.ipNeighbours(c.NetworkName) },
		Clock:      d.host.Clock,
		Problem:    func(err error) { d.log.Warningf("%s: %v", name, err) },
	})
	d.topology.add(r.Changed)
	d.startService(name, r)
	return nil
}

// ipNeighbours returns the nodes that can be reached and have a router in a
// network.
func (d *Daemon) ipNeighbours(network string) []iprouter.Neighbour {
	var list []iprouter.Neighbour
	var nodes []string
	for _, ad := range d.node.Advertisements() {
		if ad.NodeID == d.node.ID() || ad.Service != network || !d.node.Reachable(ad.NodeID) {
			continue
		}
		if networks := iprouter.Networks(network, ad.Tags); len(networks) > 0 {
			list = append(list, iprouter.Neighbour{Node: ad.NodeID, Networks: networks})
			nodes = append(nodes, ad.NodeID)
		}
	}
	for i, cost := range d.node.Costs(nodes) {
		list[i].Cost = cost
	}
	return list
}

// topology tells those who want to know that services or routes have changed.
type topology struct {
	mu     sync.Mutex
	notify []func()
}

// add has f called from now on. It may be called under the node's lock, and must
// not block.
func (t *topology) add(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notify = append(t.notify, f)
}

func (t *topology) changed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.notify {
		f()
	}
}
