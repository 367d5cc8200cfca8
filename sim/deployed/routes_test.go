package deployed

import (
	"testing"
	"time"
)

// Among paths of equal cost now one is taken, now another; a dearer one never.
func TestTiesAreDrawn(t *testing.T) {
	n := newNet(t, "dooood")
	for _, via := range []string{"b", "c", "d"} {
		n.link("a", via, 1)
		n.link(via, "f", 1)
	}
	n.link("a", "e", 1)
	n.link("e", "f", 1.5)
	n.advance(time.Second)
	taken := map[string]int{}
	a := n.deployed("a")
	for range 300 {
		a.computeRoutes()
		taken[a.routes["f"]]++
	}
	if len(taken) != 3 || taken["e"] > 0 || min(taken["b"], taken["c"], taken["d"]) < 50 {
		t.Errorf("next hops of 300 routes: %v", taken)
	}
}

// An edge counts although its other end does not list it; a node without a
// record cannot be reached.
func TestEdgesCountFromOneEnd(t *testing.T) {
	n := newNet(t, "d")
	s := n.script("a", "s")
	s.up("a")
	s.update("x", 1)
	s.update("s", 1, "a", "x", "nobody")
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"s": "s", "x": "s"})
}

// The cheaper of two paths is found although the dearer is seen first.
func TestLeastCost(t *testing.T) {
	n := newNet(t, "ddddd")
	n.link("a", "b", 1)
	n.link("a", "e", 10)
	n.link("b", "c", 1)
	n.link("c", "d", 1)
	n.link("d", "e", 1)
	n.advance(time.Second)
	n.wantRoutes("a", map[string]string{"b": "b", "c": "b", "d": "b", "e": "b"})
	n.wantRoutes("e", map[string]string{"a": "d", "b": "d", "c": "d", "d": "d"})
}
