package mesh

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
	"receptor/transport"
)

// Timers and bounds of service advertisements, PROTOCOL section 2.4.
const (
	// advertiseInterval is that between nodes of ours, whose summaries tell when an
	// advertisement is lost; floodInterval that where there are deployed nodes.
	advertiseInterval = 2 * time.Minute
	floodInterval     = time.Minute
	// advertisementLife is how long an advertisement, or the tombstone of a
	// withdrawn service, is kept without news. Since both live equally long,
	// nothing outlives the tombstone that refuses it.
	advertisementLife = 5 * time.Minute
	// maxAge is the greatest age of an advertisement, in seconds: it is forgotten by
	// then.
	maxAge = int(advertisementLife / time.Second)
	// expireInterval is the least time between two looks for silent services: peers
	// decide when each falls silent, and a look is at all of them.
	expireInterval    = time.Second
	maxAdvertisements = 65536
	// maxAdvertisementBytes bounds the frames of all known services together. All
	// are sent on a link that comes up: more than its queue takes would break
	// that link, and every later one.
	maxAdvertisementBytes = 6 << 20
	// roomForNews is what the queue takes beside all that is known.
	roomForNews = transport.MaxQueuedControl - linkstate.MaxBytes - maxAdvertisementBytes
)

// That room is there; this does not compile otherwise.
const _ = uint(roomForNews - 16*transport.MaxFrame)

// Advertise says how a service is made known to the mesh.
type Advertise struct {
	Tags map[string]string
	// WorkTypes adds the node's work types (SetWorkTypes): for control services.
	WorkTypes bool
}

// services is what a node knows of the services in the mesh, its own included.
type services struct {
	own       map[string]ownService
	workTypes []wire.WorkCommand
	known     map[serviceKey]*knownService
	bytes     int       // of the frames of all known services
	version   uint64    // of what is known
	refresh   time.Time // advertise all own services then
	expire    time.Time // look for silent ones then
	looked    time.Time // for silent ones last
}

type serviceKey struct{ node, service string }

func (k serviceKey) compare(o serviceKey) int {
	if c := strings.Compare(k.node, o.node); c != 0 {
		return c
	}
	return strings.Compare(k.service, o.service)
}

type ownService struct {
	connType wire.ConnType
	ad       Advertise
}

// knownService is an advertisement, or a tombstone if it has Cancel set.
type knownService struct {
	wire.ServiceAdvertisement
	frame []byte
	heard time.Time

	// For summaries.
	node   uint64 // its hash
	digest wire.Digest
}

func (s *services) init() {
	s.own = make(map[string]ownService)
	s.known = make(map[serviceKey]*knownService)
}

// holds reports whether a frame is the advertisement of a service that is known.
// In a mesh with loops most that arrive are, and need not be decoded.
func (s *services) holds(frame []byte) bool {
	node, service, ok := wire.PeekService(frame)
	if !ok {
		return false
	}
	known := s.known[serviceKey{string(node), string(service)}]
	if known == nil || len(known.frame) == 0 {
		return false
	}
	rest, same := bytes.CutPrefix(frame, known.frame[:len(known.frame)-1])
	return same && (string(rest) == "}" || bytes.HasPrefix(rest, []byte(`,"Age":`)))
}

func (s *services) nextDeadline() time.Time { return earlier(s.refresh, s.expire) }

func (s *services) keys() []serviceKey {
	return slices.SortedFunc(maps.Keys(s.known), serviceKey.compare)
}

// frames returns the advertisements that a peer is to have, in order.
func (s *services) frames(now time.Time, has func(*knownService) bool) [][]byte {
	var frames [][]byte
	for _, k := range s.keys() {
		if known := s.known[k]; !known.Cancel && has(known) {
			frames = append(frames, known.frameAt(now))
		}
	}
	return frames
}

// frameAt returns the advertisement as it is now. One of which there has been no
// news says for how long: the peer must not keep it for longer than this node does,
// or two that tell each other again and again keep a service for ever that is gone.
func (k *knownService) frameAt(now time.Time) []byte {
	silent := now.Sub(k.heard)
	if silent < lossyInterval {
		return k.frame
	}
	aged := k.ServiceAdvertisement
	aged.Age = int(silent / time.Second)
	if frame := aged.Encode(); len(frame) <= transport.MaxFrame {
		return frame
	}
	return k.frame
}

// dropNodes forgets the services of nodes that have departed, which are sorted.
func (s *services) dropNodes(ids []string) {
	for k := range s.known {
		if _, departed := slices.BinarySearch(ids, k.node); departed {
			s.forget(k)
		}
	}
}

func (s *services) put(k serviceKey, known *knownService) {
	s.forget(k)
	s.known[k] = known
	s.bytes += len(known.frame)
	service, _ := wire.ParseService(k.service) // has been checked
	known.node = wire.HashNode(k.node)
	known.digest = wire.DigestService(known.node, service, known.Time)
	s.version++
}

func (s *services) forget(k serviceKey) {
	if old := s.known[k]; old != nil {
		s.bytes -= len(old.frame)
		delete(s.known, k)
		s.version++
	}
}

// fits reports whether there is room for an advertisement in the place of old,
// which may be nil.
func (s *services) fits(old *knownService, frame []byte) bool {
	count, bytes := len(s.known)+1, s.bytes+len(frame)
	if old != nil {
		count, bytes = count-1, bytes-len(old.frame)
	}
	return count <= maxAdvertisements && bytes <= maxAdvertisementBytes
}

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
	var silent []serviceKey
	for k, known := range s.known {
		if due := known.heard.Add(advertisementLife); now.Before(due) {
			next = earlier(next, due)
		} else {
			silent = append(silent, k)
		}
	}
	slices.SortFunc(silent, serviceKey.compare)
	for _, k := range silent {
		cancelled := s.known[k].Cancel
		s.forget(k)
		if !cancelled {
			n.emit(ServiceChanged{Node: k.node, Service: k.service, Withdrawn: true})
		}
	}
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
	case ad.NodeID == n.id && (offered || ad.Time.Year() >= lastYear):
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

// lastYear is the last one that fits in an advertisement.
const lastYear = 9999

// outdate takes the date of a later advertisement of a service that this node offers.
// It is forged, or of an earlier run, before the clock was set back: then nobody
// takes anything of an earlier date from us. So what this node says of the service
// becomes later than that. (What it does not offer is as good as any: it may be of
// another node with this ID, which stays where this one must leave. But not with a
// date that leaves no later one for when this node does offer it.)
func (n *Node) outdate(now time.Time, key serviceKey, date time.Time) {
	known := n.services.known[key]
	if date.Year() >= lastYear || !n.services.fits(known, nil) {
		return
	}
	// A tombstone, unless there is something: what is told next is later.
	dated := knownService{ServiceAdvertisement: wire.ServiceAdvertisement{NodeID: n.id, Service: key.service, Cancel: true}}
	if known != nil {
		dated = *known
	}
	dated.Time, dated.heard = date, now
	n.services.put(key, &dated)
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
