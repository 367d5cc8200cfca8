package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func edgesOf(t *testing.T, kind Kind, nodes, degree int, seed uint64) string {
	t.Helper()
	g := NewGenerate(kind, nodes)
	g.Degree = degree
	_, links, err := g.build(seed)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, l := range links {
		text = append(text, strings.TrimPrefix(l.From, "n")+strings.TrimPrefix(l.To, "n"))
	}
	return strings.Join(text, " ")
}

func TestGenerators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind          Kind
		nodes, degree int
		want          string
	}{
		{Line, 1, 0, ""},
		{Line, 4, 0, "12 23 34"},
		{Ring, 4, 0, "12 14 23 34"},
		{Star, 4, 0, "12 13 14"},
		{Tree, 6, 0, "12 13 24 25 36"},
		{Tree, 6, 3, "12 13 14 25 26"},
		{Grid, 9, 0, "12 14 23 25 36 45 47 56 58 69 78 89"},
		{Grid, 5, 0, "12 14 23 25 45"},
		{Full, 4, 0, "12 13 14 23 24 34"},
		{Hub, 7, 0, "12 13 14 17 23 25 36"},
		{Hub, 4, 2, "12 13 24"},
	} {
		if got := edgesOf(t, c.kind, c.nodes, c.degree, 1); got != c.want {
			t.Errorf("%s of %d, degree %d: links are %q, want %q", c.kind, c.nodes, c.degree, got, c.want)
		}
	}
}

func TestRandomRegular(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]int{{4, 3}, {6, 5}, {20, 3}, {50, 4}, {101, 4}, {40, 12}} {
		for seed := range uint64(5) {
			g := NewGenerate(RandomRegular, c[0])
			g.Degree = c[1]
			s, err := g.Scenario("x", seed) // also checks that no link is there twice
			if err != nil {
				t.Fatal(err)
			}
			degree := map[string]int{}
			var edges []edge
			for _, l := range s.Links {
				degree[l.From]++
				degree[l.To]++
				var e edge
				fmt.Sscanf(l.From, "n%d", &e[0])
				fmt.Sscanf(l.To, "n%d", &e[1])
				edges = append(edges, edge{e[0] - 1, e[1] - 1})
			}
			for _, n := range s.Nodes {
				if degree[n.ID] != c[1] {
					t.Errorf("%d nodes of degree %d, seed %d: %s has %d links", c[0], c[1], seed, n.ID, degree[n.ID])
				}
			}
			if !connected(c[0], edges) {
				t.Errorf("%d nodes of degree %d, seed %d: not connected", c[0], c[1], seed)
			}
		}
	}
	if a, b := edgesOf(t, RandomRegular, 20, 4, 1), edgesOf(t, RandomRegular, 20, 4, 2); a == b {
		t.Error("two seeds gave the same graph")
	}
	if a, b := edgesOf(t, RandomRegular, 20, 4, 1), edgesOf(t, RandomRegular, 20, 4, 1); a != b {
		t.Error("one seed gave two graphs")
	}
}

func TestConnected(t *testing.T) {
	t.Parallel()
	if !connected(4, []edge{{0, 1}, {2, 3}, {1, 2}}) || connected(4, []edge{{0, 1}, {2, 3}, {3, 2}}) || !connected(1, nil) {
		t.Error("connected is wrong about four nodes, or about one")
	}
}

func TestGeneratorsThatCannot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind          Kind
		nodes, degree int
		want          string
	}{
		{Line, 0, 0, "0 nodes are not possible"},
		{Line, MaxNodes + 1, 0, "nodes are not possible"},
		{Ring, 2, 0, "a ring needs at least 3 nodes"},
		{Full, 10_000, 0, "at most 1000000 are possible"},
		{RandomRegular, 10, 2, "with 2, a connected one is a ring"},
		{RandomRegular, 4, 4, "degree 4 needs more than 4 nodes"},
		{RandomRegular, 5, 3, "odd number of ends"},
		{"moebius", 5, 0, "there is no such kind, but line, ring,"},
	} {
		g := NewGenerate(c.kind, c.nodes)
		g.Degree = c.degree
		if _, err := g.Scenario("x", 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %d, degree %d: error is %v, want %q", c.kind, c.nodes, c.degree, err, c.want)
		}
	}
}

// A generator with a seed of its own makes the same mesh in every run.
func TestGeneratorSeed(t *testing.T) {
	t.Parallel()
	links := func(seed uint64, own string) string {
		f, err := Parse("f.yaml", []byte("generate: {kind: random-regular, nodes: 10, cost: 1..100"+own+"}"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Resolve(seed)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.Links)
	}
	if links(1, "") == links(2, "") {
		t.Error("the seed of the run does not change the mesh")
	}
	if links(1, ", seed: 5") != links(2, ", seed: 5") {
		t.Error("the seed of the run changes a mesh with a seed of its own")
	}
}

func TestNodesAreNumberedWithEqualDigits(t *testing.T) {
	t.Parallel()
	nodes, _, err := NewGenerate(Line, 10).build(1)
	if err != nil || nodes[0].ID != "n01" || nodes[9].ID != "n10" {
		t.Errorf("ten nodes are %v (%v), want n01 to n10", nodes, err)
	}
}

func TestSetWire(t *testing.T) {
	t.Parallel()
	g := NewGenerate(Line, 2)
	g.SetWire(UDP, Fixed(3.0), Fixed(time.Second), Fixed(2*time.Second), Fixed(0.5))
	s, err := g.Scenario("x", 1)
	if err != nil {
		t.Fatal(err)
	}
	w := Wire{Delay: time.Second, Jitter: 2 * time.Second, Loss: 0.5}
	if want := (Link{From: "n1", To: "n2", Backend: UDP, Cost: 3, Forward: w, Back: w}); s.Links[0] != want {
		t.Errorf("link is %+v, want %+v", s.Links[0], want)
	}
}
