package deployed

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// Ad is what the mesh is told of a service of this node.
type Ad struct {
	ConnType wire.ConnType
	Tags     map[string]string
	// WorkCommands are the work types of a control service.
	WorkCommands []wire.WorkCommand
}

// adKey names a service in the mesh.
type adKey struct{ node, service string }

func (k adKey) compare(o adKey) int {
	return cmp.Or(strings.Compare(k.node, o.node), strings.Compare(k.service, o.service))
}

// advertise begins to tell the mesh of a service of this node.
func (n *Node) advertise(name string, ad Ad) {
	ad.Tags = maps.Clone(ad.Tags)
	n.services[name] = ad
	n.ads[adKey{n.id, name}] = n.advertisement(name)
	n.advertising.within(advertiseDelay)
}

func (n *Node) advertisement(name string) wire.ServiceAdvertisement {
	s := n.services[name]
	return wire.ServiceAdvertisement{
		NodeID: n.id, Service: name, Time: n.clock.Now().UTC(), ConnType: s.ConnType, Tags: s.Tags, WorkCommands: s.WorkCommands,
	}
}

// advertiseAll floods all services of this node.
func (n *Node) advertiseAll() {
	for _, name := range slices.Sorted(maps.Keys(n.services)) {
		ad := n.advertisement(name)
		n.flood(ad.Encode(), nil)
	}
}

// withdraw floods a cancel of a service that is advertised at once, and keeps nothing by which to know it again.
func (n *Node) withdraw(name string) {
	s, ok := n.services[name]
	if !ok || n.closed {
		return
	}
	delete(n.services, name)
	delete(n.ads, adKey{n.id, name})
	ad := wire.ServiceAdvertisement{NodeID: n.id, Service: name, Time: n.clock.Now().UTC(), ConnType: s.ConnType, Cancel: true}
	n.flood(ad.Encode(), nil)
}

// receiveAdvertisement takes an advertisement, and passes it on unless it knows
// the service by one that is as new. It never knows a service that was cancelled:
// in a loop of such nodes a cancel circulates for ever.
func (n *Node) receiveAdvertisement(frame []byte, from *link) error {
	ad, err := wire.ParseAdvertisement(frame)
	if err != nil {
		return err
	}
	key := adKey{ad.NodeID, ad.Service}
	was, known := n.ads[key]
	if known && !ad.Time.After(was.Time) {
		return nil
	}
	if ad.Cancel {
		delete(n.ads, key)
	} else {
		n.ads[key] = *ad
	}
	if known == ad.Cancel {
		n.emit(mesh.ServiceChanged{Node: ad.NodeID, Service: ad.Service, Withdrawn: ad.Cancel})
	}
	n.flood(frame, from)
	return nil
}

// advertisements returns the known services, in order of node and service.
func (n *Node) advertisements() []wire.ServiceAdvertisement {
	var ads []wire.ServiceAdvertisement
	for _, k := range slices.SortedFunc(maps.Keys(n.ads), adKey.compare) {
		ads = append(ads, n.ads[k])
	}
	return ads
}
