package mesh

import (
	"bytes"
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
	order     []serviceKey // of those that are known
	bytes     int          // of the frames of all known services
	version   uint64       // of what is known
	refresh   time.Time    // advertise all own services then
	expire    time.Time    // look for silent ones then
	looked    time.Time    // for silent ones last
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

	// The frame that says that there has been no news for so many seconds, shared by
	// all links that come up meanwhile; 0: there is none yet.
	age  int
	aged []byte

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
	if known == nil {
		return false
	}
	rest, same := bytes.CutPrefix(frame, known.frame[:len(known.frame)-1])
	return same && (string(rest) == "}" || bytes.HasPrefix(rest, []byte(`,"Age":`)))
}

func (s *services) nextDeadline() time.Time { return earlier(s.refresh, s.expire) }

// frames returns the advertisements that a peer is to have, in order.
func (s *services) frames(now time.Time, has func(*knownService) bool) [][]byte {
	var frames [][]byte
	for _, k := range s.order {
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
	if age := int(silent / time.Second); age != k.age {
		k.age, k.aged = age, wire.WithAge(k.frame, age)
	}
	if len(k.aged) > transport.MaxFrame {
		return k.frame
	}
	return k.aged
}

func (s *services) put(k serviceKey, known *knownService) {
	if old := s.known[k]; old != nil {
		s.bytes -= len(old.frame)
	} else {
		at, _ := slices.BinarySearchFunc(s.order, k, serviceKey.compare)
		s.order = slices.Insert(s.order, at, k)
	}
	s.known[k] = known
	s.bytes += len(known.frame)
	service, _ := wire.ParseService(k.service) // has been checked
	known.node = wire.HashNode(k.node)
	known.digest = wire.DigestService(known.node, service, known.Time)
	s.version++
}

// forget forgets the services of which gone says so, which is asked about all of them
// in their order.
func (s *services) forget(gone func(serviceKey, *knownService) bool) {
	s.order = slices.DeleteFunc(s.order, func(k serviceKey) bool {
		known := s.known[k]
		if !gone(k, known) {
			return false
		}
		s.bytes -= len(known.frame)
		delete(s.known, k)
		s.version++
		return true
	})
}

// dropNodes forgets the services of nodes that have departed, which are sorted.
func (s *services) dropNodes(ids []string) {
	s.forget(func(k serviceKey, _ *knownService) bool {
		_, departed := slices.BinarySearch(ids, k.node)
		return departed
	})
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
