package check

import (
	"testing"
	"time"

	"receptor/mesh/wire"
)

// What nodes let through is compared with the first of their rules that matches.
func TestFirewallsAreJudged(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	ids := []string{"a", "b", "c1"}
	f := NewFirewalls(ids, [][]FirewallRule{
		nil,
		{{Action: "Accept", FromNode: "a", ToNode: "/c[0-9]/"}, {Action: "drop", ToNode: "/c.*/"}},
		{{Action: "reject", FromNode: "b", ToNode: "localhost", ToService: "/s.m/"}},
	}, rec.report)
	frame := func(from, to, service string) []byte {
		s, err := wire.ParseService(service)
		if err != nil {
			t.Fatal(err)
		}
		return wire.AppendData(nil, wire.Header{FromNode: wire.HashNode(from), ToNode: wire.HashNode(to), ToService: s}, []byte("12345678"))
	}
	f.Leaves(0, 1, frame("a", "c1", Service)) // the first rule accepts it
	f.Leaves(0, 1, frame("b", "c1", "other")) // not of the workload
	f.Leaves(0, 0, frame("b", "c1", Service)) // a has no rules
	f.Received(0, 1, "a")                     // no rule matches
	rec.want()
	f.Leaves(time.Second, 1, frame("b", "c1", Service))
	f.Received(2*time.Second, 2, "b")
	rec.want("b: firewall: it lets a datagram from b to c1 go on", "c1: firewall: it took a datagram from b")
	if !f.Any() || !f.Open(0, 2) || f.Open(1, 2) || !f.Open(2, 0) {
		t.Errorf("open: a to c1 %v, b to c1 %v, c1 to a %v", f.Open(0, 2), f.Open(1, 2), f.Open(2, 0))
	}
}
