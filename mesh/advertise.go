package mesh

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
)

// advertise begins to tell the mesh of a service of this node.
func (n *Node) advertise(service string, connType wire.ConnType, ad Advertise) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ad.Tags = maps.Clone(ad.Tags)
	n.services.own[service] = ownService{connType: connType, ad: ad}
	n.bring(&n.services.refresh, n.clock.Now().Add(coalesce))
}

// withdraw tells the mesh that a service of this node is gone.
func (n *Node) withdraw(service string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	own, ok := n.services.own[service]
	if !ok || n.closed {
		return
	}
	delete(n.services.own, service)
	n.tell(n.clock.Now(), service, own, true)
}

// SetWorkTypes sets the work types that control services of this node
// advertise. The slice is copied.
func (n *Node) SetWorkTypes(types []wire.WorkCommand) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.services.workTypes = slices.Clone(types)
	n.readvertise(n.clock.Now())
}

// readvertise tells the mesh soon of all services of this node, as if they
// were new. It requires mu.
func (n *Node) readvertise(now time.Time) {
	if len(n.services.own) > 0 {
		n.bring(&n.services.refresh, now.Add(coalesce))
	}
}

// serviceTimer does what is due. It requires mu.
func (n *Node) serviceTimer(now time.Time) {
	s := &n.services
	if isDue(s.refresh, now) {
		s.refresh = time.Time{}
		for _, service := range slices.Sorted(maps.Keys(s.own)) {
			n.tell(now, service, s.own[service], false)
			s.refresh = now.Add(n.advertiseInterval())
		}
	}
	if isDue(s.expire, now) {
		n.expireServices(now)
	}
}

// expireServices forgets the services of which there has been no news. It requires mu.
func (n *Node) expireServices(now time.Time) {
	s := &n.services
	s.looked, s.expire = now, time.Time{}
	var next time.Time
	s.forget(func(k serviceKey, known *knownService) bool {
		if due := known.heard.Add(advertisementLife); now.Before(due) {
			next = earlier(next, due)
			return false
		}
		if !known.Cancel {
			n.emit(ServiceChanged{Node: k.node, Service: k.service, Withdrawn: true})
		}
		return true
	})
	if !next.IsZero() {
		n.expireAt(next)
	}
}

// expireAt has the node look for silent services then, or soon after. It requires mu.
func (n *Node) expireAt(due time.Time) {
	if soonest := n.services.looked.Add(expireInterval); due.Before(soonest) {
		due = soonest
	}
	n.bring(&n.services.expire, due)
}

// advertiseInterval is how often to repeat what the mesh has been told of services.
func (n *Node) advertiseInterval() time.Duration {
	if n.allSummarize() {
		return advertiseInterval
	}
	return floodInterval
}

// tell floods an advertisement of a service of this node, or its cancel.
func (n *Node) tell(now time.Time, service string, own ownService, cancel bool) {
	ad := wire.ServiceAdvertisement{
		NodeID: n.id, Service: service, Time: now.UTC(), ConnType: own.connType, Tags: own.ad.Tags, Cancel: cancel,
	}
	if own.ad.WorkTypes {
		ad.WorkCommands = n.services.workTypes
	}
	if old := n.services.known[serviceKey{n.id, service}]; old != nil && !ad.Time.After(old.Time) {
		ad.Time = old.Time.Add(1) // the clock has been set back
	}
	n.learn(now, now, &ad, ad.Encode(), nil)
}

// Errors of advertisements.
var (
	errTooManyServices = errors.New("service advertisement dropped: as many services as this node keeps are known")
	errFarDate         = fmt.Errorf("service advertisement dropped: its date is more than %d years ahead of this node's clock", yearsAhead)
	errLongService     = fmt.Errorf("service advertisement dropped: it is longer than the %d bytes that a frame has, so no peer could be told", transport.MaxFrame)
)

// receiveAdvertisement takes a service advertisement from a peer.
func (n *Node) receiveAdvertisement(now time.Time, frame []byte, from *session) error {
	if n.services.holds(frame) {
		return nil
	}
	ad, err := wire.ParseAdvertisement(frame)
	if err != nil {
		return err
	}
	if ad.Time.After(now.AddDate(yearsAhead, 0, 0)) {
		return errFarDate
	}
	key := serviceKey{ad.NodeID, ad.Service}
	old := n.services.known[key]
	_, offered := n.services.own[ad.Service]
	switch {
	case old != nil && ad.Time.Before(old.Time):
		// Its node may have set its clock back since: it must hear of that.
		from.tell(now, old)
		return nil
	case old != nil && ad.Time.Equal(old.Time):
		return nil
	case ad.NodeID == n.id && offered:
		n.outdate(now, key, ad.Time)
		return nil
	}
	heard := now
	if ad.Age != 0 {
		age := time.Duration(min(max(ad.Age, 0), maxAge)) * time.Second
		if age >= advertisementLife {
			return nil
		}
		heard = now.Add(-age)
		ad.Age = 0
		frame = ad.Encode() // may be longer than what came: JSON has several ways to write a text
	}
	switch {
	case len(frame) > transport.MaxFrame:
		return errLongService
	case !n.services.fits(old, frame):
		return errTooManyServices
	}
	n.learn(now, heard, ad, bytes.Clone(frame), from)
	return nil
}

// yearsAhead is how far ahead of this node's clock the date of an advertisement may
// be: much further than any two clocks are apart, and well before the year 9999, the
// last that can be written. The node whose service it is must be able to say
// something later, and what is too far ahead for one clock is not a moment after.
const yearsAhead = 1000

// outdate takes the date of a later advertisement of a service that this node offers.
// It is forged, or of an earlier run, before the clock was set back: then nobody
// takes anything of an earlier date from us. So what this node says of the service
// becomes later than that. (What it does not offer is as good as any: it may be of
// another node with this ID, which stays where this one must leave.)
func (n *Node) outdate(now time.Time, key serviceKey, date time.Time) {
	// A tombstone, unless there is something: what is told next is later.
	ad := wire.ServiceAdvertisement{NodeID: n.id, Service: key.service, Cancel: true}
	known := n.services.known[key]
	if known != nil {
		ad = known.ServiceAdvertisement
	}
	ad.Time = date
	frame := ad.Encode()
	if !n.services.fits(known, frame) {
		return
	}
	n.services.put(key, &knownService{ServiceAdvertisement: ad, frame: frame, heard: now})
	n.expireAt(now.Add(advertisementLife))
	n.readvertise(now)
}

// learn takes in an advertisement that is newer than what is known, and floods
// it. heard is when there was news of the service.
func (n *Node) learn(now, heard time.Time, ad *wire.ServiceAdvertisement, frame []byte, from *session) {
	key := serviceKey{ad.NodeID, ad.Service}
	old := n.services.known[key]
	n.services.put(key, &knownService{ServiceAdvertisement: *ad, frame: frame, heard: heard})
	n.expireAt(heard.Add(advertisementLife))
	if changed(old, ad) {
		n.emit(ServiceChanged{Node: ad.NodeID, Service: ad.Service, Withdrawn: ad.Cancel})
	}
	for _, s := range n.peers {
		if s != from {
			s.tell(now, n.services.known[key])
		}
	}
}

// tell tells the peer of a service, or that it has been withdrawn. A cancel goes
// only to peers that keep a tombstone: in a loop of deployed nodes it would
// circulate for ever.
func (s *session) tell(now time.Time, known *knownService) {
	if !known.Cancel || s.hasFeature(wire.FeatureCancelOnce) {
		s.link.Send(known.frameAt(now))
	}
}

// changed reports whether an advertisement says more than that the service
// that is known, if any, is still there.
func changed(old *knownService, ad *wire.ServiceAdvertisement) bool {
	if old == nil {
		return !ad.Cancel
	}
	was := old.ServiceAdvertisement
	was.Time = ad.Time
	return !reflect.DeepEqual(was, *ad)
}
