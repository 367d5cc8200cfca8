package stats

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/sim/scenario"
)

func pair() *scenario.Scenario {
	return &scenario.Scenario{
		Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}, {ID: "c"}},
		Links: []scenario.Link{{From: "a", To: "b"}, {From: "c", To: "b"}},
	}
}

// story writes what a recorder has kept, one line a change.
func story(r *Recorder) []string {
	var lines []string
	changes, _ := r.Changes()
	for _, c := range changes {
		if c.Subject < 3 {
			s, reach := c.Node()
			lines = append(lines, fmt.Sprintf("%v node %d is %d, reaches %d", c.At, c.Subject, s, reach))
		} else {
			s, ends := c.Link()
			lines = append(lines, fmt.Sprintf("%v link %d is %d, %d ends", c.At, c.Subject-3, s, ends))
		}
	}
	return lines
}

func wantStory(t *testing.T, r *Recorder, want ...string) {
	t.Helper()
	if got := story(r); !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func TestRecorderFollowsLinksAndRoutes(t *testing.T) {
	t.Parallel()
	r := NewRecorder(pair())
	r.Event(1, 0, mesh.LinkUp{Peer: "b"})
	r.Event(2, 1, mesh.LinkUp{Peer: "a"})
	r.Event(3, 1, mesh.LinkUp{Peer: "a"}) // a second one, before the first has ended
	r.Event(4, 1, mesh.LinkDown{Peer: "a"})
	r.Event(5, 1, mesh.LinkUp{Peer: "c"})
	r.Event(6, 0, mesh.LinkUp{Peer: "stranger"})
	r.Event(7, 0, mesh.RoutesChanged{Reachable: 1})
	r.Event(8, 0, mesh.RoutesChanged{Reachable: 1})
	r.Wire(9, 0, WireClogged)
	r.Wire(10, 0, WireClogged)
	r.Wire(11, 0, WireDown)
	r.Event(12, 0, mesh.LinkDown{Peer: "b"})
	wantStory(t, r,
		"1ns link 0 is 0, 1 ends", "2ns link 0 is 0, 2 ends", "3ns link 0 is 0, 2 ends", "4ns link 0 is 0, 2 ends",
		"5ns link 1 is 0, 1 ends", "7ns node 0 is 0, reaches 1", "9ns link 0 is 1, 2 ends", "11ns link 0 is 2, 2 ends",
		"12ns link 0 is 2, 1 ends")
}

// A process that is killed tells nobody that its links have ended.
func TestNodeThatGoesDownHasNoLinksAndNoRoutes(t *testing.T) {
	t.Parallel()
	r := NewRecorder(pair())
	r.Event(1, 1, mesh.LinkUp{Peer: "c"})
	r.Event(2, 2, mesh.LinkUp{Peer: "b"})
	r.Event(3, 2, mesh.RoutesChanged{Reachable: 2})
	r.Node(4, 2, NodePaused)
	r.Node(5, 2, NodeDown)
	r.Node(6, 2, NodeDown)
	r.Event(7, 2, mesh.RoutesChanged{Reachable: 2}) // said in its last breath
	r.Node(8, 2, NodeUp)
	wantStory(t, r,
		"1ns link 1 is 0, 1 ends", "2ns link 1 is 0, 2 ends", "3ns node 2 is 0, reaches 2", "4ns node 2 is 1, reaches 2",
		"5ns link 1 is 0, 1 ends", "5ns node 2 is 2, reaches 0", "8ns node 2 is 0, reaches 0")
}

func TestRecordThatGrowsTooLongBecomesCoarser(t *testing.T) {
	t.Parallel()
	r := NewRecorder(pair())
	r.limit = 100
	last := [3]int{}
	for i := range 10_000 {
		node := i % 3
		last[node] = i
		r.Event(time.Duration(i)*time.Millisecond, node, mesh.RoutesChanged{Reachable: i})
	}
	changes, grain := r.Changes()
	if len(changes) > r.limit || len(changes) < r.limit/4 {
		t.Errorf("%d changes are kept, the limit is %d", len(changes), r.limit)
	}
	got := [3]int{}
	for i, c := range changes {
		if i > 0 && c.At < changes[i-1].At {
			t.Fatal("changes are out of order")
		}
		_, got[c.Subject] = c.Node()
	}
	if grain < 10*time.Second/100*3 || grain > 2*time.Second {
		t.Errorf("of each node a change is kept every %v", grain)
	}
	if got != last {
		t.Errorf("the last changes are %v, want %v", got, last)
	}
}

func TestNoRecorderKeepsNothing(t *testing.T) {
	t.Parallel()
	var r *Recorder
	r.Node(1, 0, NodeDown)
	r.Wire(1, 0, WireDown)
	r.Event(1, 0, mesh.RoutesChanged{})
	r.Control(1, 5)
	r.Count(1, SeriesLost)
	r.Lost(1, []byte{0})
}

func TestSeriesHalvesWhenFull(t *testing.T) {
	t.Parallel()
	s := newSeries()
	sums := [seriesNames]uint64{}
	for i := range 100_000 {
		name := SeriesName(i % 2)
		s.add(time.Duration(i)*7*time.Millisecond, name, i%5)
		sums[name] += uint64(i % 5)
	}
	for name, counts := range s.Counts {
		sum := uint64(0)
		for _, n := range counts {
			sum += n
		}
		if sum != sums[name] {
			t.Errorf("series %d counts %d in all, want %d", name, sum, sums[name])
		}
		if len(counts) > maxSlots || len(counts) != len(s.Counts[0]) {
			t.Errorf("series %d has %d slots, the first %d", name, len(counts), len(s.Counts[0]))
		}
	}
	if want := 1600 * time.Millisecond; s.Slot != want {
		t.Errorf("slots of %v, want %v", s.Slot, want)
	}
	if n := s.Counts[0][0] + s.Counts[1][0]; n != 456 { // of 0 to 228
		t.Errorf("%d in the first slot, want 456", n)
	}
}
