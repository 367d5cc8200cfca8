package mesh

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/mesh/firewall"
	"receptor/mesh/wire"
)

// row is a mesh a - b - c in which one node has rules, and every node takes
// what comes to its service "svc".
func row(t *testing.T, at string, rules ...firewall.Rule) (n *testNet, got map[string][]string) {
	n, got = newNet(t), map[string][]string{}
	for _, id := range []string{"a", "b", "c"} {
		if id == at {
			n.nodes[id] = n.start(id, rules...)
		} else {
			n.nodes[id] = n.start(id)
		}
		if _, err := n.nodes[id].HandleDatagrams("svc", nil, func(from Addr, p []byte) {
			got[id] = append(got[id], from.String()+" "+string(p))
		}); err != nil {
			t.Fatal(err)
		}
	}
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	return n, got
}

// send sends a datagram from service "me" of a node, and lets it arrive.
func (n *testNet) send(from, to, service string) error {
	err := n.nodes[from].SendDatagram("me", Addr{to, service}, []byte("hello"), MaxHops)
	n.advance(time.Second)
	return err
}

// Wherever on the way from a to c a rule drops the message, nothing arrives,
// and nobody is told.
func TestFirewallDrops(t *testing.T) {
	for _, at := range []string{"a", "b", "c"} {
		n, got := row(t, at, firewall.Rule{Action: firewall.Accept, ToNode: "b"},
			firewall.Rule{Action: firewall.Drop, FromNode: "a", ToNode: "c", FromService: "me", ToService: "svc"})
		if err := n.send("a", "c", "svc"); err != nil {
			t.Errorf("at %s: send: %v", at, err)
		}
		if len(got["c"]) != 0 {
			t.Errorf("at %s: delivered %q", at, got["c"])
		}
		if dropped := last[DatagramDropped](t, n.events[at]); dropped.Reason != DropFirewall || dropped.Rule != 2 ||
			dropped.Header.ToNode != wire.HashNode("c") {
			t.Errorf("at %s: event %+v, want a message to c dropped by rule 2", at, dropped)
		}
		if reports := count[UnreachReceived](n.events["a"]); reports != 0 {
			t.Errorf("at %s: a got %d reports", at, reports)
		}
		// What the rule does not match passes.
		n.send("a", "b", "svc")
		n.send("c", "a", "svc")
		if !slices.Equal(got["b"], []string{"a:me hello"}) || !slices.Equal(got["a"], []string{"c:me hello"}) {
			t.Errorf("at %s: delivered to b %q, to a %q", at, got["b"], got["a"])
		}
	}
}

// Wherever on the way a rule rejects the message, its sender is told so.
func TestFirewallRejects(t *testing.T) {
	for _, at := range []string{"a", "b", "c"} {
		n, got := row(t, at, firewall.Rule{Action: firewall.Reject, FromNode: "/a|x/", ToService: "svc"})
		if err := n.send("a", "c", "svc"); err != nil {
			t.Errorf("at %s: send: %v", at, err)
		}
		if len(got["c"]) != 0 {
			t.Errorf("at %s: delivered %q", at, got["c"])
		}
		want := UnreachReceived{ReportedBy: at, Unreach: wire.Unreach{
			FromNode: "a", ToNode: "c", FromService: "me", ToService: "svc", Problem: "blocked by firewall",
		}}
		if report := last[UnreachReceived](t, n.events["a"]); report != want {
			t.Errorf("at %s: report %+v, want %+v", at, report, want)
		}
		if dropped := last[DatagramDropped](t, n.events[at]); dropped.Reason != DropRejected || dropped.Rule != 1 {
			t.Errorf("at %s: event %+v, want a message rejected by rule 1", at, dropped)
		}
	}
}

// A rule that rejects everything reports what it rejects, pings among it; but
// no report causes another.
func TestFirewallRejectsEverything(t *testing.T) {
	for _, at := range []string{"a", "b", "c"} {
		n, _ := row(t, at, firewall.Rule{Action: firewall.Reject})
		reply, err := n.ping("a", "c", MaxHops)
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) || unreachable.Problem != "blocked by firewall" || reply.From != at {
			t.Errorf("at %s: ping says %v, %v", at, reply, err)
		}
		if reports := count[UnreachReceived](n.events["a"]); reports != 1 {
			t.Errorf("at %s: a got %d reports, want 1", at, reports)
		}
	}
}

// Reports that come from elsewhere are messages as any other, and so are those
// that the node makes itself where a rule drops them.
func TestFirewallStopsReports(t *testing.T) {
	n, _ := row(t, "b", firewall.Rule{Action: firewall.Reject, FromService: "unreach"})
	n.send("a", "c", "nobody")
	if dropped := last[DatagramDropped](t, n.events["b"]); dropped.Reason != DropRejected {
		t.Errorf("event %+v, want a report rejected", dropped)
	}
	if reports := count[UnreachReceived](n.events["a"]) + count[UnreachReceived](n.events["c"]); reports != 0 {
		t.Errorf("%d reports arrived", reports)
	}

	n, _ = row(t, "b", firewall.Rule{Action: firewall.Drop, FromNode: "localhost", FromService: "unreach"},
		firewall.Rule{Action: firewall.Reject, ToService: "svc"})
	n.send("a", "c", "svc")
	if dropped := last[DatagramDropped](t, n.events["b"]); dropped.Reason != DropFirewall || dropped.Rule != 1 {
		t.Errorf("event %+v, want a report dropped by rule 1", dropped)
	}
	if reports := count[UnreachReceived](n.events["a"]); reports != 0 {
		t.Errorf("%d reports arrived", reports)
	}
}

// Nobody passes by a rule under a name that the node cannot know; without rules
// such a frame is passed on.
func TestFirewallDropsWhatItCannotName(t *testing.T) {
	for _, rules := range [][]firewall.Rule{nil, {{Action: firewall.Drop, FromNode: "/evil.*/"}}} {
		n := newNet(t, "a", "c")
		n.nodes["b"] = n.start("b", rules...)
		fromA, _ := n.link("a", "b", 1)
		fromB, _ := n.link("b", "c", 1)
		n.advance(time.Second)
		before := len(fromB.Sent)
		fromA.Send(wire.AppendData(nil, wire.Header{
			HopsToLive: MaxHops, FromNode: wire.HashNode("evil-1"), ToNode: wire.HashNode("c"), ToService: wire.ServicePing,
		}, nil))
		n.advance(10 * testDelay)
		if passed := len(fromB.Sent) > before; passed != (rules == nil) {
			t.Errorf("with rules %v: passed on %v", rules, passed)
		}
		if rules != nil {
			if dropped := last[DatagramDropped](t, n.events["b"]); dropped.Reason != DropUnknownSource {
				t.Errorf("event %+v, want one of an unknown source", dropped)
			}
		}
	}
}

// No peer is let in by the rule for what the node itself sends.
func TestFirewallDropsWhatIsForged(t *testing.T) {
	n := newNet(t, "a")
	n.nodes["b"] = n.start("b", firewall.Rule{Action: firewall.Accept, FromNode: "localhost"}, firewall.Rule{Action: firewall.Drop})
	fromA, _ := n.link("a", "b", 1)
	n.advance(time.Second)
	fromA.Send(wire.AppendData(nil, wire.Header{
		HopsToLive: MaxHops, FromNode: wire.HashNode("b"), ToNode: wire.HashNode("b"),
		FromService: wire.Service{'x'}, ToService: wire.ServicePing,
	}, nil))
	n.advance(time.Second)
	if dropped := last[DatagramDropped](t, n.events["b"]); dropped.Reason != DropForged {
		t.Errorf("event %+v, want one of a forged source", dropped)
	}
	if reply, err := n.ping("b", "b", MaxHops); err != nil {
		t.Errorf("ping of the node itself: %v, %v", reply, err)
	}
}

// A node that nobody knows cannot be reached, whatever the rules.
func TestFirewallAndNoRoute(t *testing.T) {
	n, _ := row(t, "a", firewall.Rule{Action: firewall.Reject})
	if err := n.send("a", "nobody", "svc"); err != ErrNoRoute {
		t.Errorf("send: %v, want %v", err, ErrNoRoute)
	}
}

func TestFirewallMistakesFailNew(t *testing.T) {
	_, err := New(Config{ID: "a", Firewall: []firewall.Rule{{Action: firewall.Drop, FromNode: "/(/"}}})
	if err == nil || !strings.HasPrefix(err.Error(), "firewall rule 1: fromnode is ") {
		t.Errorf("error %v, want one about fromnode of rule 1", err)
	}
}

// Of two nodes with one ID the older keeps its link to a node with a firewall:
// what shows that it is there is not for rules to stop, and a report that the
// peer's firewall blocked the question shows it as well.
func TestFirewallAndDuplicateAtOneNode(t *testing.T) {
	everything := firewall.Rule{Action: firewall.Drop}
	pings := firewall.Rule{Action: firewall.Reject, ToService: "ping"}
	for _, test := range []struct{ hub, older []firewall.Rule }{{hub: []firewall.Rule{everything}}, {older: []firewall.Rule{pings}}} {
		n := newNet(t)
		n.nodes["hub"], n.nodes["x"] = n.start("hub", test.hub...), n.start("x", test.older...)
		n.link("hub", "x", 1)
		n.advance(5 * time.Second)
		newcomer := n.start("x")
		for range 5 { // it dials again and again
			n.join(n.nodes["hub"], newcomer, LinkOptions{Cost: 1}, LinkOptions{Cost: 1})
			n.advance(time.Second)
		}
		if down := count[LinkDown](n.events["hub"]); down != 0 {
			t.Errorf("hub with %v, older one with %v: the hub lost %d links, want none", test.hub, test.older, down)
		}
		if !last[DuplicateID](t, n.events["x"]).Leaving {
			t.Errorf("hub with %v, older one with %v: the newcomer has not left", test.hub, test.older)
		}
	}
}
