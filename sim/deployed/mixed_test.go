package deployed

import (
	"errors"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// mixes returns all words of n letters d and o.
func mixes(n int) []string {
	words := []string{""}
	for range n {
		var longer []string
		for _, w := range words {
			longer = append(longer, w+"d", w+"o")
		}
		words = longer
	}
	return words
}

// forMixes runs a test with every mix of n nodes.
func forMixes(t *testing.T, nodes int, f func(t *testing.T, n *testNet, mix string)) {
	for _, mix := range mixes(nodes) {
		t.Run(mix, func(t *testing.T) {
			t.Parallel()
			f(t, newNet(t, mix), mix)
		})
	}
}

func TestPair(t *testing.T) {
	forMixes(t, 2, func(t *testing.T, n *testNet, _ string) {
		n.link("a", "b", 2.5)
		n.advance(time.Second)
		n.wantLinks("a", map[string]float64{"b": 2.5})
		n.wantLinks("b", map[string]float64{"a": 2.5})
		n.wantRoutes("a", map[string]string{"b": "b"})
		n.wantRoutes("b", map[string]string{"a": "a"})
		n.wantPing("a", "b")
		n.wantPing("b", "a")
		n.wantPing("a", "a")
	})
}

// A chain whose far link comes up last: its ends must hear of each other without
// waiting for the next round of updates.
func TestChain(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, _ string) {
		n.link("a", "b", 1)
		n.advance(3500 * time.Millisecond)
		n.link("b", "c", 1)
		n.advance(time.Second)
		n.wantLinks("a", map[string]float64{"b": 1})
		n.wantLinks("b", map[string]float64{"a": 1, "c": 1})
		n.wantLinks("c", map[string]float64{"b": 1})
		n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
		n.wantRoutes("b", map[string]string{"a": "a", "c": "c"})
		n.wantRoutes("c", map[string]string{"a": "b", "b": "b"})
		n.wantPing("a", "c")
		n.wantPing("c", "a")
	})
}

// A triangle with one dear side: traffic goes round it, over it when one of the
// others is gone, and round again once that is back and told of.
func TestLinkLossAndRejoin(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, _ string) {
		n.link("a", "b", 1)
		n.link("a", "c", 4)
		for range 2 {
			bc, _ := n.link("b", "c", 1)
			n.advance(updateInterval + time.Second)
			n.wantLinks("b", map[string]float64{"a": 1, "c": 1})
			n.wantLinks("c", map[string]float64{"a": 4, "b": 1})
			n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
			n.wantRoutes("c", map[string]string{"a": "b", "b": "b"})
			bc.Close()
			n.advance(time.Second)
			n.wantLinks("b", map[string]float64{"a": 1})
			n.wantLinks("c", map[string]float64{"a": 4})
			n.wantRoutes("a", map[string]string{"b": "b", "c": "c"})
			n.wantRoutes("c", map[string]string{"a": "a", "b": "a"})
			n.wantPing("b", "c")
		}
	})
}

// A node that is cut off for long: ours forget it and deployed ones do not, but
// none has a route, and all find it again.
func TestDepartureAndReturn(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, mix string) {
		n.link("a", "b", 1)
		bc, _ := n.link("b", "c", 1)
		n.advance(time.Second)
		bc.Close()
		n.advance(3 * time.Minute)
		for i, id := range []string{"a", "b"} {
			_, kept := n.nodes[id].Status().KnownConnectionCosts["c"]
			if deployed := mix[i] == 'd'; kept != deployed {
				t.Errorf("%s keeps the record of c: %v, want %v", id, kept, deployed)
			}
		}
		n.wantRoutes("a", map[string]string{"b": "b"})
		n.wantRoutes("c", map[string]string{})
		n.link("b", "c", 1)
		n.advance(updateInterval + time.Second)
		n.wantLinks("a", map[string]float64{"b": 1})
		n.wantLinks("c", map[string]float64{"b": 1})
		n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
		n.wantPing("c", "a")
	})
}

func TestRestart(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, mix string) {
		for restarted := range 3 {
			n.link("a", "b", 1)
			n.link("b", "c", 1)
			n.advance(updateInterval + time.Second)
			n.wantLinks("b", map[string]float64{"a": 1, "c": 1})
			n.wantRoutes("a", map[string]string{"b": "b", "c": "b"})
			n.wantRoutes("c", map[string]string{"a": "b", "b": "b"})
			n.wantPing("a", "c")
			for _, id := range []string{"a", "b", "c"} {
				if count[mesh.DuplicateID](n.events[id]) > 0 {
					t.Errorf("%s hears of a duplicate: %v", id, n.events[id])
				}
			}
			id := string(rune('a' + restarted))
			// The others lose their links to it and, when it is b, all.
			n.nodes["b"].Close()
			n.start("b", rune(mix[1]))
			if id != "b" {
				n.nodes[id].Close()
				n.start(id, rune(mix[restarted]))
			}
			n.advance(3 * time.Second)
		}
	})
}

// Whoever is the newer of two nodes with one ID leaves, whatever kinds they and
// the one between them are.
func TestNewerDuplicateLeaves(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, mix string) {
		// "x" twice, at the two ends of a chain, with b between.
		older := n.start("x", rune(mix[0]))
		n.link("x", "b", 1)
		n.advance(5 * time.Second)
		newer := n.start("x", rune(mix[2]))
		n.link("x", "a", 1)
		n.link("a", "b", 1)
		n.advance(updateInterval + time.Second)
		if up := older.Status().Connections; len(up) != 1 {
			t.Errorf("the older one has links %v, want that to b", up)
		}
		if up := newer.Status().Connections; len(up) != 0 {
			t.Errorf("the newer one has links %v, want none", up)
		}
		n.advance(updateInterval)
		n.wantRoutes("a", map[string]string{"b": "b", "x": "b"})
	})
}

// offer makes a node advertise a service.
func (n *testNet) offer(id, service string) (withdraw func()) {
	n.t.Helper()
	ad := &mesh.Advertise{Tags: map[string]string{"of": id}}
	withdraw, err := n.nodes[id].HandleDatagrams(service, ad, func(mesh.Addr, []byte) {})
	if err != nil {
		n.t.Fatal(err)
	}
	return withdraw
}

// Services are known everywhere, also to a node that comes later: by the next
// advertisement at the latest.
func TestServicesAreKnown(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, _ string) {
		n.link("a", "b", 1)
		n.offer("a", "one")
		n.offer("b", "two")
		n.advance(advertiseDelay + time.Second)
		n.wantServices("a", "a:one", "b:two")
		n.wantServices("b", "a:one", "b:two")
		n.link("b", "c", 1)
		n.offer("c", "three")
		n.advance(advertiseInterval + time.Second)
		for _, id := range []string{"a", "b", "c"} {
			n.wantServices(id, "a:one", "b:two", "c:three")
		}
		ad := n.nodes["c"].Status().Advertisements[0]
		if ad.ConnType != wire.ConnDatagram || ad.Tags["of"] != "a" || ad.WorkCommands != nil {
			t.Errorf("c knows a:one as %+v", ad)
		}
	})
}

// A deployed node that withdraws a service floods a cancel, and all learn of it.
// One of ours sends a cancel to its like only. A deployed node then keeps the
// service, and one of ours behind it drops it when it has not heard of it for
// five minutes.
func TestServiceIsWithdrawn(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, mix string) {
		n.link("a", "b", 1)
		n.link("b", "c", 1)
		withdraw := n.offer("a", "svc")
		n.advance(advertiseDelay + time.Second)
		n.wantServices("c", "a:svc")
		withdraw()
		n.advance(time.Second)
		n.wantServices("a")
		told := mix[0] == 'd' || mix[1] == 'o'
		if told {
			n.wantServices("b")
		} else {
			n.wantServices("b", "a:svc")
		}
		if told && (mix[0] == 'd' && mix[1] == 'd' || mix[2] == 'o') {
			n.wantServices("c")
		} else {
			n.wantServices("c", "a:svc")
		}
		n.advance(6 * time.Minute)
		for i, id := range []string{"b", "c"} {
			if mix[1+i] == 'o' {
				n.wantServices(id)
			}
		}
	})
}

// In a ring of deployed nodes a cancel circulates for ever. One node of ours in
// it ends that.
func TestCancelInARing(t *testing.T) {
	for _, mix := range []string{"ddd", "ddo", "dod", "doo"} {
		n := newNet(t, mix)
		ab, ba := n.link("a", "b", 1)
		bc, cb := n.link("b", "c", 1)
		ca, ac := n.link("c", "a", 1)
		sent := func() int {
			return len(ab.Sent) + len(ba.Sent) + len(bc.Sent) + len(cb.Sent) + len(ca.Sent) + len(ac.Sent)
		}
		withdraw := n.offer("a", "svc")
		n.advance(advertiseDelay + 4*time.Second)
		withdraw()
		n.advance(time.Second)
		before := sent()
		n.advance(10 * time.Second)
		// A round of updates has at most one frame of each node in each direction
		// of each link.
		if circulates := sent()-before > 2*3*3; circulates != (mix == "ddd") {
			t.Errorf("%s: %d frames in 10 s after a cancel", mix, sent()-before)
		}
	}
}

// The report comes from the node where a message ended, whoever's it is.
func TestExpiryIsReported(t *testing.T) {
	forMixes(t, 3, func(t *testing.T, n *testNet, _ string) {
		n.link("a", "b", 1)
		n.link("b", "c", 1)
		n.advance(time.Second)
		for hops, by := range []string{"a", "b"} {
			r, err := n.ping("a", "c", byte(hops))
			var unreachable *mesh.UnreachableError
			if !errors.As(err, &unreachable) || unreachable.Problem != wire.ProblemExpired || r.From != by {
				t.Errorf("ping with %d hops: answer from %q, error %v; want %q from %s", hops, r.From, err, wire.ProblemExpired, by)
			}
		}
		if r, err := n.ping("a", "c", 2); err != nil || r.From != "c" {
			t.Errorf("ping with 2 hops: answer from %q, error %v", r.From, err)
		}
	})
}

func TestDatagrams(t *testing.T) {
	forMixes(t, 2, func(t *testing.T, n *testNet, _ string) {
		n.link("a", "b", 1)
		n.advance(time.Second)
		var got []string
		stop, err := n.nodes["b"].HandleDatagrams("svc", nil, func(from mesh.Addr, payload []byte) {
			got = append(got, from.String()+" "+string(payload))
		})
		if err != nil {
			t.Fatal(err)
		}
		send := func() {
			if err := n.nodes["a"].SendDatagram("me", mesh.Addr{Node: "b", Service: "svc"}, []byte("hello"), mesh.MaxHops); err != nil {
				t.Error(err)
			}
			n.advance(time.Second)
		}
		send()
		if len(got) != 1 || got[0] != "a:me hello" {
			t.Errorf("b got %q", got)
		}
		stop()
		send()
		var reports []mesh.UnreachReceived
		for _, e := range n.events["a"] {
			if e, ok := e.(mesh.UnreachReceived); ok {
				reports = append(reports, e)
			}
		}
		want := wire.Unreach{FromNode: "a", ToNode: "b", FromService: "me", ToService: "svc", Problem: wire.ProblemServiceUnknown}
		if len(got) != 1 || len(reports) != 1 || reports[0].Unreach != want || reports[0].ReportedBy != "b" {
			t.Errorf("after the service ended b got %q, and a the reports %+v", got, reports)
		}
		if err := n.nodes["a"].SendDatagram("me", mesh.Addr{Node: "x", Service: "svc"}, nil, 1); !errors.Is(err, mesh.ErrNoRoute) {
			t.Errorf("to a node that does not exist: %v", err)
		}
	})
}
