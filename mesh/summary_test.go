package mesh

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"receptor/mesh/wire"
	"receptor/transport/transporttest"
)

// sent counts the frames of a type that were sent on links.
func sent(t wire.Type, links ...*transporttest.Link) (count int) {
	for _, l := range links {
		for _, frame := range l.Sent {
			if wire.Type(frame[0]) == t {
				count++
			}
		}
	}
	return count
}

// losing lets a link lose all frames of some types, until stop.
func losing(l *transporttest.Link, types ...wire.Type) (stop func()) {
	l.Drop = func(frame []byte) bool {
		for _, t := range types {
			if wire.Type(frame[0]) == t {
				return true
			}
		}
		return false
	}
	return func() { l.Drop = nil }
}

// Where nothing changes a node sends nothing but a few bytes every ten seconds.
func TestNobodyRepeatsWhatHasNotChanged(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	var ends []*transporttest.Link
	for _, pair := range []string{"ab", "bc", "ca"} {
		a, b := n.link(pair[:1], pair[1:], 1)
		ends = append(ends, a, b)
	}
	n.nodes["a"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(15 * time.Second)
	updates, summaries := sent(wire.TypeRouting, ends...), sent(wire.TypeSummary, ends...)
	n.advance(time.Minute)
	if got := sent(wire.TypeRouting, ends...) - updates; got != 0 {
		t.Errorf("%d updates in a minute, want none", got)
	}
	if got := sent(wire.TypeSummary, ends...) - summaries; got != 6*len(ends) {
		t.Errorf("%d summaries in a minute, want one every 10 s from each end of %d links", got, len(ends)/2)
	}
	if differ := count[Differed](append(n.events["a"], n.events["b"]...)); differ != 0 {
		t.Errorf("%d summaries differed, though nothing was lost", differ)
	}
}

// What a link has lost is sent again: updates, advertisements and cancels.
func TestSummariesRepairWhatIsLost(t *testing.T) {
	n := newNet(t, "a", "b", "c", "d")
	n.link("a", "b", 1)
	fromB, fromC := n.link("b", "c", 1)
	n.nodes["a"].advertise("old", wire.ConnStream, Advertise{})
	n.advance(15 * time.Second)
	found := losing(fromB, wire.TypeRouting, wire.TypeService)
	n.link("d", "b", 1)
	n.nodes["a"].advertise("new", wire.ConnStream, Advertise{})
	n.nodes["a"].withdraw("old")
	n.advance(time.Second)
	found()
	n.wantRoutes("c", map[string]string{"b": "b", "a": "b"})
	n.wantServices("c", "a:old")
	n.advance(3 * summaryInterval)
	n.wantRoutes("c", map[string]string{"b": "b", "a": "b", "d": "b"})
	n.wantServices("c", "a:new")
	if repaired := last[Differed](t, n.events["b"]); repaired != (Differed{Peer: "c", Repaired: true}) {
		t.Errorf("b says %+v, want that it repaired what c knows", repaired)
	}
	updates, differ := sent(wire.TypeRouting, fromB, fromC), count[Differed](n.events["b"])
	n.advance(time.Minute)
	if got := sent(wire.TypeRouting, fromB, fromC) - updates; got != 0 || count[Differed](n.events["b"]) != differ {
		t.Errorf("%d more updates in the minute after, and %+v; want silence", got, n.events["b"])
	}
}

// What a node says of itself, and was lost everywhere, it says again.
func TestOwnUpdateIsRepaired(t *testing.T) {
	n := newNet(t, "a", "b", "c", "d")
	fromA, _ := n.link("a", "b", 1)
	n.link("b", "c", 1)
	toD, _ := n.link("a", "d", 1)
	n.advance(15 * time.Second)
	found := losing(fromA, wire.TypeRouting)
	toD.Close()
	n.advance(time.Second)
	found()
	if _, listed := n.nodes["c"].Status().KnownConnectionCosts["a"]["d"]; !listed {
		t.Fatal("c knows that the link has ended: nothing was lost")
	}
	n.advance(3 * summaryInterval)
	if got := fmt.Sprint(n.nodes["c"].Status().KnownConnectionCosts["a"]); got != "map[b:1]" {
		t.Errorf("c knows the links %s of a, want map[b:1]", got)
	}
}

// Only what differs is sent: one part of many.
func TestRepairIsConfined(t *testing.T) {
	n := newNet(t, "hub", "peer")
	fromHub, _ := n.link("hub", "peer", 1)
	var lost *transporttest.Link
	const leaves = 200
	for i := range leaves {
		id := fmt.Sprintf("leaf%d", i)
		n.nodes[id] = n.start(id)
		lost, _ = n.link("hub", id, 1)
	}
	n.advance(15 * time.Second)
	found := losing(fromHub, wire.TypeRouting)
	lost.Close()
	n.advance(time.Second)
	found()
	before := sent(wire.TypeRouting, fromHub)
	n.advance(3 * summaryInterval)
	n.nodes["peer"].Inspect(func(v View) {
		if record := v.Record("hub"); len(record.Connections) != leaves {
			t.Errorf("the peer knows %d links of the hub, want %d", len(record.Connections), leaves)
		}
	})
	// Of 201 nodes 6 are in one part, on average.
	if got := sent(wire.TypeRouting, fromHub) - before; got < 1 || got > leaves/8 {
		t.Errorf("%d updates to tell of one", got)
	}
}

// A peer that says that it knows nothing is told everything once in two summaries,
// and not more often than those come.
func TestSummariesAreBounded(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	fromA, _ := n.link("a", "b", 1)
	n.link("a", "c", 1)
	n.advance(15 * time.Second)
	before := sent(wire.TypeRouting, fromA)
	for range 1000 {
		fromA.Inject((&wire.Summary{}).Encode())
		n.advance(10 * time.Millisecond)
	}
	// Ten seconds, of which five times two summaries are heeded; a floods as often.
	if got := sent(wire.TypeRouting, fromA) - before; got > 5*3 {
		t.Errorf("%d updates to a peer that lies for 10 s", got)
	}
}

// A peer that lies for ever, on a link where summaries come often, is told what it says it
// lacks as often as a link that breaks every minute, and makes the mesh carry no more than
// a deployed node would. Once it says the truth, what is lost is repaired as ever.
func TestWhoLiesForEverIsToldRarely(t *testing.T) {
	n := newNet(t, "hub", "liar", "c")
	fromHub, fromLiar := n.join(n.nodes["hub"], n.nodes["liar"], LinkOptions{Cost: 1, Pieces: true}, LinkOptions{Cost: 1, Pieces: true})
	toC, _ := n.link("hub", "c", 1)
	const leaves = 40
	for i := range leaves {
		id := fmt.Sprintf("leaf%d", i)
		n.nodes[id] = n.start(id)
		n.link("hub", id, 1)
	}
	n.advance(15 * time.Second)
	told, floods := sent(wire.TypeRouting, fromHub), ownUpdates("hub", toC)
	losing(fromLiar, wire.TypeSummary) // which are true
	const minutes = 10
	for range minutes * 30 {
		fromHub.Inject((&wire.Summary{}).Encode())
		n.advance(2 * time.Second)
	}
	const burst = 4
	if got, most := sent(wire.TypeRouting, fromHub)-told, (minutes+burst)*leaves*2; got > most { // so few are not in all parts
		t.Errorf("%d updates to a peer that lies for %d minutes, want %d at most", got, minutes, most)
	}
	if got := ownUpdates("hub", toC) - floods; got > 10+6*minutes {
		t.Errorf("%d floods of the hub in %d minutes, want one every 10 s, and ten", got, minutes)
	}
	if count[Unheeded](n.events["hub"]) == 0 {
		t.Error("the hub does not tell that the peer does not heed what it is told")
	}
}

// Links that lose frames have summaries more often: a link must not end because
// two of them are lost.
func TestLossyLinksSayMore(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, fromB := n.join(n.nodes["a"], n.nodes["b"], LinkOptions{Cost: 1, Pieces: true}, LinkOptions{Cost: 1, Pieces: true})
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, l := range []*transporttest.Link{fromA, fromB} {
		l.Drop = func([]byte) bool { return rnd.IntN(3) == 0 }
	}
	n.advance(30 * time.Second)
	up := count[LinkUp](n.events["a"])
	n.advance(10 * time.Minute)
	if got := count[LinkDown](n.events["a"]); up == 0 || got > 0 {
		t.Errorf("the link came up %d times and ended %d times", up, got)
	}
}

// Who has been heard, and does not hear of it, is told again. (The flood that every
// node repeats did that.)
func TestPeerIsToldAgainThatItIsHeard(t *testing.T) {
	n := newNet(t, "a", "b")
	options := LinkOptions{Cost: 1, Pieces: true}
	fromA, _ := n.join(n.nodes["a"], n.nodes["b"], options, options)
	found := losing(fromA, wire.TypeRouting)
	n.advance(5 * time.Second)
	n.wantRoutes("b", nil)
	found()
	n.advance(5 * time.Second)
	n.wantRoutes("a", map[string]string{"b": "b"})
	n.wantRoutes("b", map[string]string{"a": "a"})
}

// While a node is deployed, or behind one that is, all flood as it does. When it
// has gone, they are quiet again.
func TestAllFloodWhereOneIsDeployed(t *testing.T) {
	n := newNet(t, "a", "b", "c")
	fromA, _ := n.link("a", "b", 1)
	fromB, _ := n.link("b", "c", 1)
	toOld := n.deployedPeer("a", "old")
	n.advance(15 * time.Second)
	before := [2]int{ownUpdates("a", fromA), ownUpdates("b", fromB)}
	for range 6 {
		toOld.Inject((&wire.RoutingUpdate{NodeID: "old", UpdateEpoch: 1, UpdateSequence: 1, ForwardingNode: "old", Connections: map[string]float64{"a": 1}}).Encode())
		n.advance(10 * time.Second)
	}
	for i, got := range [2]int{ownUpdates("a", fromA), ownUpdates("b", fromB)} {
		if got -= before[i]; got != 6 {
			t.Errorf("node %d: %d updates in a minute, want 6", i, got)
		}
	}
	if got := sent(wire.TypeSummary, toOld); got != 0 {
		t.Errorf("a deployed peer was sent %d summaries", got)
	}
	toOld.Close()
	n.advance(time.Second)
	before = [2]int{ownUpdates("a", fromA), ownUpdates("b", fromB)}
	n.advance(time.Minute)
	if got := [2]int{ownUpdates("a", fromA), ownUpdates("b", fromB)}; got != before {
		t.Errorf("%v updates a minute after the deployed node has gone, %v before", got, before)
	}
}

// The last that b has of a came past a deployed node, which then has gone, and was lost on
// the way that it came otherwise. Nobody would say anything new of a; b must not flood for
// its sake for ever.
func TestBareRecordIsRepaired(t *testing.T) {
	n := newNet(t, "a", "b")
	fromA, fromB := n.link("a", "b", 1)
	toOld := n.deployedPeer("b", "old")
	n.advance(15 * time.Second)
	found := losing(fromA, wire.TypeRouting)
	n.advance(updateInterval)
	bare := lastUpdate(t, fromA, "a")
	bare.Features, bare.ForwardingNode = nil, "old"
	toOld.Inject(bare.Encode())
	n.advance(time.Second)
	toOld.Close()
	n.advance(time.Second)
	n.nodes["b"].Inspect(func(v View) {
		if r := v.Record("a"); r.UpdateID != bare.UpdateID || len(r.Features) > 0 {
			t.Fatalf("b has %+v of a, want what came past the deployed node", r)
		}
	})
	found()
	n.advance(3 * summaryInterval)
	before := ownUpdates("b", fromB)
	n.advance(time.Minute)
	if got := ownUpdates("b", fromB); got != before {
		t.Errorf("%d updates of b in a minute, want none", got-before)
	}
}

// lastUpdate returns the last update about a node that was sent on a link.
func lastUpdate(t *testing.T, l *transporttest.Link, node string) *wire.RoutingUpdate {
	t.Helper()
	for _, frame := range slices.Backward(l.Sent) {
		if wire.Type(frame[0]) != wire.TypeRouting {
			continue
		}
		if u, err := wire.ParseRouting(frame); err == nil && u.NodeID == node {
			return u
		}
	}
	t.Fatalf("no update of %s was sent", node)
	return nil
}

// Two that have not forgotten a departed node at one moment do not tell each other
// of it, or none ever would.
func TestSummariesLeaveOutWhoIsGone(t *testing.T) {
	n := newNet(t, "a", "b", "gone")
	fromA, _ := n.link("a", "b", 1)
	n.link("a", "gone", 1)
	n.nodes["gone"].advertise("svc", wire.ConnStream, Advertise{})
	n.advance(15 * time.Second)
	found := losing(fromA, wire.TypeRouting)
	n.nodes["gone"].Close()
	n.advance(30 * time.Second)
	found() // b learns half a minute after a that the node has gone
	n.advance(2 * time.Minute)
	for _, id := range []string{"a", "b"} {
		if _, known := n.nodes[id].Status().KnownConnectionCosts["gone"]; known {
			t.Errorf("%s still knows the node that has gone", id)
		}
		n.wantServices(id)
	}
}
