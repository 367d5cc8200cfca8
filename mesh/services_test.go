package mesh

import (
	"bytes"
	"testing"
	"time"

	"receptor/mesh/wire"
	"receptor/transport/transporttest"
)

func (n *testNet) wantServices(at string, want ...string) {
	n.t.Helper()
	var got []string
	for _, ad := range n.nodes[at].Status().Advertisements {
		got = append(got, ad.NodeID+":"+ad.Service)
	}
	if len(got) != len(want) {
		n.t.Errorf("services known at %s: %v, want %v", at, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			n.t.Errorf("services known at %s: %v, want %v", at, got, want)
		}
	}
}

// ring links nodes in a ring and returns a function that counts the frames
// with advertisements that were sent so far.
func (n *testNet) ring(ids ...string) (sent func() int) {
	var ends []*transporttest.Link
	for i, id := range ids {
		a, b := n.link(id, ids[(i+1)%len(ids)], 1)
		ends = append(ends, a, b)
	}
	return func() int {
		count := 0
		for _, end := range ends {
			for _, frame := range end.Sent {
				if wire.Type(frame[0]) == wire.TypeService {
					count++
				}
			}
		}
		return count
	}
}

// A cancel goes round a ring once, and then there is silence. (In a ring of
// deployed nodes it circulates for ever.)
func TestCancelEndsInARing(t *testing.T) {
	n := newNet(t, "origin", "a", "b", "c")
	sent := n.ring("a", "b", "c")
	n.link("origin", "a", 1)
	n.advance(time.Second)
	n.nodes["origin"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	n.wantServices("c", "origin:svc")
	n.nodes["origin"].withdraw("svc")
	n.advance(time.Second)
	n.wantServices("b")
	n.wantServices("c")
	before := sent()
	n.advance(30 * time.Second)
	if after := sent(); after != before {
		t.Errorf("%d more frames with advertisements were sent long after the cancel", after-before)
	}
}

// A late copy of the advertisement does not bring a withdrawn service back.
func TestTombstone(t *testing.T) {
	n := newNet(t, "a", "b")
	_, fromB := n.link("a", "b", 1)
	n.advance(time.Second)
	n.nodes["b"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	var ad []byte
	for _, frame := range fromB.Sent {
		if wire.Type(frame[0]) == wire.TypeService {
			ad = frame
		}
	}
	n.nodes["b"].withdraw("svc")
	n.advance(time.Second)
	fromB.Send(ad)
	n.advance(time.Second)
	n.wantServices("a")
}

// A deployed peer is sent no cancel; it hears no more of the service.
func TestNoCancelToDeployedPeer(t *testing.T) {
	n := newNet(t, "a")
	fromA := n.deployedPeer("a", "old")
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	n.nodes["a"].withdraw("svc")
	n.advance(time.Second)
	ads := 0
	for _, frame := range fromA.Sent {
		if wire.Type(frame[0]) != wire.TypeService {
			continue
		}
		ads++
		if ad, err := wire.ParseAdvertisement(frame); err != nil || ad.Cancel {
			t.Errorf("sent %s (%v)", frame, err)
		}
	}
	if ads == 0 {
		t.Error("the service was never advertised")
	}
}

// A silent service is forgotten, also by those who keep hearing of the node.
func TestSilentServiceExpires(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.advance(time.Second)
	n.nodes["b"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(10 * time.Minute)
	n.wantServices("a", "b:svc") // repeated every two minutes
	n.nodes["b"].mu.Lock()
	delete(n.nodes["b"].services.own, "svc")
	n.nodes["b"].mu.Unlock()
	n.advance(advertisementLife + advertiseInterval)
	n.wantServices("a")
}

// Services are advertised again every two minutes, and every minute where a node is
// deployed, which does not say what it lacks.
func TestServicesAreRepeated(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, _ := n.link("a", "b", 1)
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(10 * time.Minute)
	if got := sent(wire.TypeService, fromA); got < 5 || got > 6 {
		t.Errorf("%d advertisements in ten minutes, want one every two", got)
	}
	_, fromPeer := n.joinDeployed("a", "old")
	before := sent(wire.TypeService, fromA)
	for range 60 {
		fromPeer.Send((&wire.RoutingUpdate{NodeID: "old", UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: "old", Connections: map[string]float64{"a": 1}}).Encode())
		n.advance(10 * time.Second)
	}
	if got := sent(wire.TypeService, fromA) - before; got < 9 || got > 11 {
		t.Errorf("%d advertisements in ten minutes with a deployed peer, want one a minute", got)
	}
}

// A node whose word was lost that a service is gone says it again when it hears of
// the service. One that has started again since, and knows of none, takes it for
// another's, until it grows too old everywhere.
func TestOwnServiceThatIsGone(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, fromB := n.link("a", "b", 1)
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(15 * time.Second)
	found := losing(fromA, wire.TypeService)
	n.nodes["a"].withdraw("svc")
	n.advance(time.Second)
	found()
	n.wantServices("b", "a:svc")
	n.advance(3 * summaryInterval)
	n.wantServices("b")

	earlier := wire.ServiceAdvertisement{NodeID: "a", Service: "former", Time: n.clock.Now()}
	fromB.Send(earlier.Encode())
	n.nodes["b"].mu.Lock()
	n.nodes["b"].learn(n.clock.Now(), n.clock.Now(), &earlier, earlier.Encode(), nil)
	n.nodes["b"].mu.Unlock()
	n.advance(time.Second)
	differ := count[Differed](append(n.events["a"], n.events["b"]...))
	n.advance(advertisementLife - 2*time.Second)
	n.wantServices("a", "a:former")
	n.advance(time.Minute)
	n.wantServices("a")
	n.wantServices("b")
	if got := count[Differed](append(n.events["a"], n.events["b"]...)) - differ; got > 1 {
		t.Errorf("the summaries differed %d times meanwhile", got)
	}
}

// A node that joins learns at once of services that were there before.
func TestNewNodeLearnsServices(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	n.link("a", "b", 1)
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(30 * time.Second)
	n.link("b", "c", 1)
	n.advance(time.Second)
	n.wantServices("c", "a:svc")
}

// A service that is gone does not live on by being told to one node after another.
func TestServiceAgesOnTheWay(t *testing.T) {
	n := newNet(t, "a", "b", "c", "d")
	n.link("a", "b", 1)
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	n.nodes["a"].mu.Lock()
	delete(n.nodes["a"].services.own, "svc") // of which nobody is told
	n.nodes["a"].mu.Unlock()
	const step = advertisementLife - 10*time.Second
	n.advance(step)
	fromB, _ := n.link("b", "c", 1)
	n.advance(time.Second)
	if told := bytes.Join(fromB.Sent, nil); !bytes.Contains(told, []byte(`"Age":29`)) {
		t.Errorf("b tells %q, want an age in it", told)
	}
	n.advance(12 * time.Second)
	n.link("c", "d", 1)
	n.advance(time.Second)
	for _, id := range []string{"b", "c", "d"} {
		n.wantServices(id)
	}
}

// Whatever age a peer tells, an advertisement is kept for its life at most.
func TestStrangeAges(t *testing.T) {
	n := newNet(t, "a")
	_, fromPeer := n.joinDeployed("a", "d")
	for name, age := range map[string]int{"old": maxAge, "older": 1 << 60, "young": 1, "unborn": -1 << 60} {
		fromPeer.Send((&wire.ServiceAdvertisement{NodeID: "d", Service: name, Time: n.clock.Now(), Age: age}).Encode())
	}
	n.advance(time.Second)
	n.wantServices("a", "d:unborn", "d:young")
	if ads := n.nodes["a"].Status().Advertisements; ads[0].Age != 0 || ads[1].Age != 0 {
		t.Errorf("status tells %+v, want no ages", ads)
	}
	n.advance(advertisementLife)
	n.wantServices("a")
}

// Work types are advertised with the services that ask for it, and again when
// they change.
func TestWorkTypesAreAdvertised(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.nodes["a"].advertise("control", wire.ConnStream, Advertise{WorkTypes: true})
	n.nodes["a"].advertise("other", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	n.nodes["a"].SetWorkTypes([]wire.WorkCommand{{WorkType: "cat"}})
	n.advance(time.Second)
	ads := n.nodes["b"].Status().Advertisements
	if len(ads) != 2 || len(ads[0].WorkCommands) != 1 || ads[0].WorkCommands[0].WorkType != "cat" || ads[1].WorkCommands != nil {
		t.Errorf("b knows of %+v, want cat with control only", ads)
	}
}

// Who fills the table keeps new services out, but takes nobody's place: services
// that are known stay known, and one more byte is too much.
func TestFullServiceTable(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.nodes["b"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(time.Second)
	n.nodes["a"].services.bytes = maxAdvertisementBytes // as if others had sent the rest
	n.nodes["b"].advertise("more", wire.ConnStream, Advertise{})
	n.advance(2 * advertisementLife)
	n.wantServices("a", "b:svc")
	if changes := count[ServiceChanged](n.events["a"]); changes != 1 {
		t.Errorf("%d changes of services, want one: svc is known, and was forgotten at no time", changes)
	}
	if dropped := last[FrameDropped](t, n.events["a"]); dropped.Err != errTooManyServices {
		t.Errorf("dropped because of %v, want %v", dropped.Err, errTooManyServices)
	}
}

// The caller of Status may change what it got.
func TestStatusOwnsItsTags(t *testing.T) {
	n := newNet(t, "a")
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{Tags: map[string]string{"type": "x"}})
	n.advance(time.Second)
	n.nodes["a"].Status().Advertisements[0].Tags["type"] = "y"
	if got := n.nodes["a"].Status().Advertisements[0].Tags["type"]; got != "x" {
		t.Errorf("the tag is %q, want %q", got, "x")
	}
}

// An advertisement that is known is recognised without being decoded.
func TestKnownAdvertisement(t *testing.T) {
	n := newNet(t, "a", "b")
	n.link("a", "b", 1)
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{Tags: map[string]string{"k": "v"}})
	n.advance(time.Second)
	known := &n.nodes["b"].services
	frame := known.known[serviceKey{"a", "svc"}].frame
	if !known.holds(frame) {
		t.Errorf("not recognised: %s", frame)
	}
	for i, other := range [][]byte{bytes.Replace(frame, []byte(`"v"`), []byte(`"w"`), 1), bytes.Replace(frame, []byte("svc"), []byte("svd"), 1), frame[:9], {frame[0]}} {
		if known.holds(other) {
			t.Errorf("%d: recognised: %s", i, other)
		}
	}
	if allocs := testing.AllocsPerRun(10, func() { known.holds(frame) }); allocs > 0 {
		t.Errorf("that takes %v allocations, want none", allocs)
	}
}
