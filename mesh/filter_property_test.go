package mesh

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/mesh/firewall"
)

// field is a field of a rule: a name, or "" for any.
func field(t *rapid.T, what string, names []string) string {
	return rapid.SampledFrom(append([]string{""}, names...)).Draw(t, what)
}

// verdict is what the rules of a node say to a message: that of the first one
// that matches.
func verdict(rules []firewall.Rule, m [4]string) firewall.Action {
	for _, r := range rules {
		matches := true
		for i, f := range [4]string{r.FromNode, r.ToNode, r.FromService, r.ToService} {
			matches = matches && (f == "" || f == m[i])
		}
		if matches {
			return r.Action
		}
	}
	return firewall.Accept
}

// A datagram arrives if and only if every node on its way, both ends included,
// accepts it; and its sender hears nothing of it if the first that does not
// drops it.
func TestFirewallsOnTheWay(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{"a", "b", "c", "d"}[:rapid.IntRange(2, 4).Draw(t, "nodes")]
		services := []string{"x", "y"}
		n := newNet(outer)
		rules := make(map[string][]firewall.Rule)
		arrived := 0
		for i, id := range ids {
			for range rapid.IntRange(0, 3).Draw(t, "rules") {
				rules[id] = append(rules[id], firewall.Rule{
					Action:   rapid.SampledFrom([]firewall.Action{firewall.Accept, firewall.Drop, firewall.Reject}).Draw(t, "action"),
					FromNode: field(t, "from node", ids), ToNode: field(t, "to node", ids),
					FromService: field(t, "from service", services), ToService: field(t, "to service", services),
				})
			}
			n.nodes[id] = n.start(id, rules[id]...)
			for _, service := range services {
				if _, err := n.nodes[id].HandleDatagrams(service, nil, func(Addr, []byte) { arrived++ }); err != nil {
					t.Fatal(err)
				}
			}
			if i > 0 {
				n.link(ids[i-1], id, 1)
			}
		}
		n.advance(time.Second)
		from, to := rapid.IntRange(0, len(ids)-1).Draw(t, "from"), rapid.IntRange(0, len(ids)-1).Draw(t, "to")
		m := [4]string{ids[from], ids[to], rapid.SampledFrom(services).Draw(t, "service"), rapid.SampledFrom(services).Draw(t, "to service")}
		reports := count[UnreachReceived](n.events[m[0]])
		if err := n.nodes[m[0]].SendDatagram(m[2], Addr{m[1], m[3]}, []byte("hello"), MaxHops); err != nil {
			t.Logf("send: %v", err)
		}
		n.advance(time.Second)
		step := 1
		if to < from {
			step = -1
		}
		want := firewall.Accept
		for i := from; want == firewall.Accept; i += step {
			if want = verdict(rules[ids[i]], m); i == to {
				break
			}
		}
		if arrives := want == firewall.Accept; arrives != (arrived == 1) || arrived > 1 {
			t.Errorf("%v arrives %d times, the verdict is %v: %s", m, arrived, want, fmt.Sprint(rules))
		}
		if told := count[UnreachReceived](n.events[m[0]]) - reports; told > 1 || told > 0 && want != firewall.Reject {
			t.Errorf("%v: its sender gets %d reports, the verdict is %v: %s", m, told, want, fmt.Sprint(rules))
		}
	})
}
