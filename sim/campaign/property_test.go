package campaign

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/sim"
	"receptor/sim/scenario"
)

// drawMesh draws a mesh of any kind that can be generated, of so many nodes at most.
func drawMesh(t *rapid.T, most int, backends ...scenario.Backend) *scenario.Scenario {
	kinds := slices.DeleteFunc(scenario.Kinds(), func(k scenario.Kind) bool { return k == scenario.FatTree })
	g := scenario.NewGenerate(rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.IntRange(4, most).Draw(t, "nodes"))
	if g.Kind == scenario.RandomRegular {
		g.Nodes = max(g.Nodes, 6)
	}
	cost := rapid.SampledFrom([]scenario.Range[float64]{{Min: 1, Max: 1}, {Min: 1, Max: 3}, {Min: 0.1, Max: 7.7}}).Draw(t, "cost")
	delay := scenario.Range[time.Duration]{Max: time.Duration(rapid.IntRange(0, 50).Draw(t, "delay")) * time.Millisecond}
	jitter := scenario.Fixed(time.Duration(rapid.IntRange(0, 20).Draw(t, "jitter")) * time.Millisecond)
	g.SetWire(rapid.SampledFrom(backends).Draw(t, "backend"), cost, delay, jitter, scenario.Fixed(0.0))
	s, err := g.Scenario("property", rapid.Uint64().Draw(t, "seed"))
	if err != nil {
		t.Skip(err) // not every seed makes a connected graph
	}
	s.For = time.Duration(rapid.IntRange(20, 90).Draw(t, "for")) * time.Second
	return s
}

func drawNode(t *rapid.T, s *scenario.Scenario, what string) string {
	return rapid.SampledFrom(s.Nodes).Draw(t, what).ID
}

func drawMoment(t *rapid.T, s *scenario.Scenario, what string) time.Duration {
	return time.Duration(rapid.IntRange(0, int(s.For/time.Millisecond)).Draw(t, what)) * time.Millisecond
}

// drawWorkload draws pings, datagrams and services.
func drawWorkload(t *rapid.T, s *scenario.Scenario) {
	for range rapid.IntRange(1, 4).Draw(t, "series") {
		p := scenario.Ping{From: drawNode(t, s, "from"), To: drawNode(t, s, "to"), Every: 700 * time.Millisecond, Count: 100}
		s.Pings = append(s.Pings, p)
		s.Datagrams = append(s.Datagrams, scenario.Datagram{
			Ping: p, Size: rapid.IntRange(scenario.MinDatagram, 2000).Draw(t, "size"), Hops: rapid.IntRange(0, 30).Draw(t, "hops"),
		})
	}
	drawServices(t, s)
}

// drawServices draws services that come and go, on nodes of their own. Those of deployed
// nodes stay: what one of these withdraws circulates in a loop of them for ever
// (docs/protocol.md, 2.4), and nobody of ours is there to end it.
func drawServices(t *rapid.T, s *scenario.Scenario) {
	for i := range rapid.IntRange(1, 5).Draw(t, "services") {
		v := scenario.Service{Node: drawNode(t, s, "offers"), Name: fmt.Sprint("svc", i), At: drawMoment(t, s, "offered at")}
		if rapid.Bool().Draw(t, "withdrawn") {
			v.For = 1 + drawMoment(t, s, "offered for")
		}
		if slices.ContainsFunc(s.Nodes, func(n scenario.Node) bool { return n.ID == v.Node && n.Kind == scenario.KindDeployed }) {
			v.For = 0
		}
		s.Services = append(s.Services, v)
	}
}

// hold runs a scenario, in which everything must hold.
func hold(t *rapid.T, s *scenario.Scenario) sim.Report {
	t.Helper()
	r, err := Check(context.Background(), Core{}, s, Options{})
	if err != nil {
		t.Fatalf("the generators made a bad scenario: %v", err)
	}
	if len(r.Violations) > 0 {
		for _, v := range r.Violations {
			t.Errorf("%v", v)
		}
		t.Fatalf("scenario:\n%s", s.Encode(""))
	}
	return r
}

// Whatever happens to a mesh, no invariant breaks, and a core of it that is made
// sound then converges, and knows of its services.
func TestMeshSurvivesFaults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawMesh(t, 14, scenario.TCP, scenario.UDP)
		drawWorkload(t, s)
		drawFaults(Core{}, s)
		settle(s)
		hold(t, s)
	})
}

// A datagram with as many hops to live as there are links on its way arrives;
// one with fewer than on any way does not. (That none arrives twice or elsewhere
// is always checked.)
func TestHopLimits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawMesh(t, 14, scenario.TCP)
		for i := range s.Links {
			s.Links[i].Cost = 1 // then the least cost is the number of links
		}
		s.For, s.Expect.Converges = 20*time.Second, true
		from, to := drawNode(t, s, "from"), drawNode(t, s, "to")
		need := links(s, from, to)
		hops := max(0, need+rapid.IntRange(-1, 1).Draw(t, "more hops than links"))
		d := scenario.Datagram{Size: scenario.MinDatagram, Hops: hops}
		d.Ping = scenario.Ping{From: from, To: to, At: 15 * time.Second, Every: time.Millisecond, Count: 10}
		s.Datagrams = []scenario.Datagram{d}
		arrived := 0
		if hops >= need {
			arrived = 10
		}
		if got := hold(t, s).Figures.Datagrams.Delivered; got != arrived {
			t.Errorf("with %d hops over %d links %d of 10 datagrams arrive, want %d:\n%s", hops, need, got, arrived, s.Encode(""))
		}
	})
}

// links counts the links on the shortest path between two nodes.
func links(s *scenario.Scenario, from, to string) int {
	reached := map[string]bool{from: true}
	for n := 0; ; n++ {
		if reached[to] {
			return n
		}
		var next []string
		for _, l := range s.Links {
			if reached[l.From] != reached[l.To] {
				next = append(next, l.From, l.To)
			}
		}
		for _, id := range next {
			reached[id] = true
		}
	}
}

// Who knows of which services is right when the mesh is quiet, and again when
// advertisements have had the time to expire.
func TestServices(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawMesh(t, 14, scenario.TCP)
		drawServices(t, s)
		for range rapid.IntRange(0, 3).Draw(t, "crashes") {
			s.Timeline = append(s.Timeline, scenario.Action{
				At: drawMoment(t, s, "crashes at"), Do: scenario.Crash, Node: drawNode(t, s, "crashes"),
				For: 1 + drawMoment(t, s, "is down for"),
			})
		}
		if rapid.Bool().Draw(t, "clock is set back") {
			c := scenario.Clock{Offset: -drawMoment(t, s, "by")}
			s.Timeline = append(s.Timeline, scenario.Action{At: drawMoment(t, s, "clock set at"), Do: scenario.SetClock, Node: drawNode(t, s, "clock"), Clock: c})
		}
		settle(s)
		s.For += 15 * time.Minute
		hold(t, s)
	})
}

// Of nodes that share an ID one stays, and the mesh ends with one truth. No node
// with an ID of its own leaves.
func TestDuplicateIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawMesh(t, 14, scenario.TCP)
		for range rapid.IntRange(1, 3).Draw(t, "duplicates") {
			a := scenario.Action{Do: scenario.Duplicate, Node: drawNode(t, s, "duplicate of"), Via: drawNode(t, s, "via")}
			a.At, a.For = drawMoment(t, s, "appears at"), 1+drawMoment(t, s, "stays for")
			if a.Via != a.Node {
				s.Timeline = append(s.Timeline, a)
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "restarts") {
			s.Timeline = append(s.Timeline, scenario.Action{
				At: drawMoment(t, s, "restarts at"), Do: scenario.Restart, Node: drawNode(t, s, "restarts"),
				OldEpoch: rapid.Bool().Draw(t, "with the old epoch"),
			})
		}
		settle(s)
		hold(t, s)
	})
}
