package iprouter

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func TestAdvertisement(t *testing.T) {
	tags := Tags("ipnet", netip.MustParsePrefix("10.0.0.0/30"), prefixes("10.1.0.0/16", "fd00::/64"))
	want := prefixes("10.1.0.0/16", "fd00::/64", "10.0.0.0/30") // in the order of their tags
	if got := Networks("ipnet", tags); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := Networks("other", tags); got != nil {
		t.Errorf("of another network: %v", got)
	}
	tags[tagType] = "Control Service"
	if got := Networks("ipnet", tags); got != nil {
		t.Errorf("of no router: %v", got)
	}
}

func TestHostileAdvertisement(t *testing.T) {
	tags := map[string]string{"type": "IP Router", "network": "n", "route": "10.0.0.7/30", "route_a": "::ffff:10.0.0.0/112", "route_b": "x", "r": "10.5.0.0/16"}
	if got, want := Networks("n", tags), prefixes("10.0.0.4/30"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for i := range 2 * maxAdvertised {
		tags[fmt.Sprint("route_", i)] = fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)
	}
	if got := Networks("n", tags); len(got) != maxAdvertised {
		t.Errorf("%d networks of one node, want %d", len(got), maxAdvertised)
	}
}

func TestTableIsBounded(t *testing.T) {
	var neighbours []Neighbour
	for i := range 10 {
		n := Neighbour{Node: fmt.Sprint(i)}
		for k := range maxAdvertised {
			n.Networks = append(n.Networks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(k), 0}), 24))
		}
		neighbours = append(neighbours, n)
	}
	table, problem := newTable(nil, neighbours)
	if len(table.learned) != maxNetworks || problem == nil {
		t.Errorf("%d networks (%v), want %d and a complaint", len(table.learned), problem, maxNetworks)
	}
	if node, ok := table.next(netip.MustParseAddr("10.3.255.1")); !ok || node != "3" {
		t.Errorf("the last that fits goes to %q", node)
	}
}

// Nobody can draw away what belongs to this node's networks.
func TestOwnNetworksAreNotLearned(t *testing.T) {
	table, problem := newTable(prefixes("10.1.0.0/16"), []Neighbour{{"evil", 1, prefixes("10.1.0.0/16", "10.1.2.3/32", "10.0.0.0/8")}})
	if problem != nil || !slices.Equal(table.learned, prefixes("10.0.0.0/8")) {
		t.Errorf("learned %v (%v)", table.learned, problem)
	}
	if node, ok := table.next(netip.MustParseAddr("10.1.2.3")); ok {
		t.Errorf("an own address is at %s", node)
	}
}

// Of several the nearest is taken, then the one with the smallest ID.
func TestNearestNode(t *testing.T) {
	all := prefixes("10.2.0.0/16")
	table, _ := newTable(nil, []Neighbour{{"c", 2, all}, {"b", 1.5, all}, {"a", 1.5, all}})
	if node, _ := table.next(netip.MustParseAddr("10.2.0.1")); node != "a" {
		t.Errorf("next %q, want a", node)
	}
}
