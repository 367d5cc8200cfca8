package mesh

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The trace of the node in the middle has each datagram once, with where it comes
// from and goes to.
func TestTrace(t *testing.T) {
	n := newNet(t, "a", "c")
	var traced []Datagram
	var err error
	n.nodes["b"], err = New(Config{ID: "b", Clock: n.clock, Rand: rand.NewPCG(9, 9), Trace: func(d Datagram) { traced = append(traced, d) }})
	if err != nil {
		t.Fatal(err)
	}
	n.link("a", "b", 1)
	n.link("b", "c", 1)
	n.advance(time.Second)
	if _, err := n.nodes["c"].HandleDatagrams("svc", nil, func(Addr, []byte) {}); err != nil {
		t.Fatal(err)
	}
	for _, send := range []struct{ from, to, service string }{{"a", "c", "svc"}, {"b", "c", "svc"}, {"a", "b", "none"}} {
		if err := n.send(send.from, send.to, send.service); err != nil {
			t.Fatal(err)
		}
	}
	want := []Datagram{
		{From: Addr{"a", "me"}, To: Addr{"c", "svc"}, Hops: MaxHops - 1, Length: 5},
		{From: Addr{"b", "me"}, To: Addr{"c", "svc"}, Hops: MaxHops, Length: 5, Own: true},
		{From: Addr{"a", "me"}, To: Addr{"b", "none"}, Hops: MaxHops - 1, Length: 5, Here: true},
		{From: Addr{"b", "unreach"}, To: Addr{"a", "unreach"}, Hops: MaxHops, Own: true}, // and its length is another matter
	}
	if len(traced) == len(want) {
		traced[3].Length = 0
	}
	if !slices.Equal(traced, want) {
		t.Errorf("traced\n%+v, want\n%+v", traced, want)
	}
}
