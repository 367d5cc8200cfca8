package check

import (
	"strings"
	"testing"
)

func TestJudgeFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	paths := NewPaths(square())
	for _, c := range []struct {
		name   string
		change func(*beliefs)
		want   string // part of the finding; "": none
	}{
		{"all is right", func(*beliefs) {}, ""},
		{"a record is missing", func(s *beliefs) { delete(s.known, "c") }, "no record of c, whose links are {b:1 d:1}"},
		{"its own record is missing", func(s *beliefs) { delete(s.known, "a") }, "no record of a"},
		{"a link is missing", func(s *beliefs) { delete(s.known["c"], "d") }, "it holds {b:1} as the links of c, which are {b:1 d:1}"},
		{"a link has another cost", func(s *beliefs) { s.known["c"]["d"] = 2 }, "{b:1 d:2}"},
		{"a link leads elsewhere", func(s *beliefs) { delete(s.known["c"], "d"); s.known["c"]["a"] = 1 }, "{a:1 b:1}"},
		{"a departed node is on record", func(s *beliefs) { s.known["e"] = nil }, "record of e, which has departed"},
		{"one that never forgets has it", func(s *beliefs) { s.known["e"] = nil; s.keeps = true }, ""},
		{"one that never forgets routes there", func(s *beliefs) { s.routes["e"] = "b"; s.keeps = true }, "but no path leads there"},
		{"one that never forgets has a stranger", func(s *beliefs) { s.known["z"] = nil; s.keeps = true }, "do not exist: z"},
		{"a stranger is on record", func(s *beliefs) { s.known["z"] = nil }, "do not exist: z"},
		{"a route is missing", func(s *beliefs) { delete(s.routes, "d") }, "no route to d, which can be reached at cost 3"},
		{"a route is too dear", func(s *beliefs) { s.routes["d"] = "d" }, "through d, which costs 4 at least; the least cost is 3"},
		{"a next hop is no neighbour", func(s *beliefs) { s.routes["d"] = "c" }, "through c, to which it has no link"},
		{"a next hop does not exist", func(s *beliefs) { s.routes["d"] = "z" }, "through z, which does not exist"},
		{"a route leads nowhere", func(s *beliefs) { s.routes["e"] = "b" }, "but no path leads there"},
		{"a route leads to a stranger", func(s *beliefs) { s.routes["z"] = "b" }, "do not exist: z"},
	} {
		s := truth()
		c.change(&s)
		f := paths.judge(0, s)
		switch {
		case f == nil && c.want != "":
			t.Errorf("%s: nothing was found, want %q", c.name, c.want)
		case f != nil && (c.want == "" || !strings.Contains(f.text, c.want)):
			t.Errorf("%s: found %q, want %q", c.name, f.text, c.want)
		}
	}
}

// Of two next hops of equal cost either will do for a node that does not order
// them, or when it cannot be said that they are equal; ours take the smaller ID.
func TestJudgeOfEqualPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cost  float64
		sorts bool
		via   string
		want  string
	}{
		{1, false, "b", ""}, {1, false, "d", ""},
		{0.1, true, "b", ""}, {0.1, true, "d", ""},
		{1, true, "b", ""}, {1, true, "d", "it routes to c through d; the cost through b is the same, 2, and its ID is smaller"},
	} {
		g := NewGraph([]string{"a", "b", "c", "d"})
		for _, l := range [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}} {
			g.Link(l[0], l[1], c.cost, 0)
		}
		s := beliefs{routes: map[string]string{"b": "b", "d": "d", "c": c.via}, sorts: c.sorts}
		if text := NewPaths(g).judgeRoutes(0, s); text != c.want {
			t.Errorf("%+v: %q", c, text)
		}
	}
}

func TestJudgeOfANodeAlone(t *testing.T) {
	t.Parallel()
	p := NewPaths(square())
	for _, known := range []map[string]map[string]float64{{}, {"e": {}}} {
		if f := p.judge(4, beliefs{known: known}); f != nil {
			t.Errorf("with records %v: %s", known, f.text)
		}
	}
}

// shared is a state in which the record of b is one that others hold too.
type shared struct {
	beliefs
	b *recorded
}

func (s shared) Record(node string) (Record, bool) {
	if node == "b" {
		return s.b, true
	}
	return s.beliefs.Record(node)
}

// A record that was right is right wherever it is held, and another is judged
// for itself.
func TestJudgeOfSharedRecords(t *testing.T) {
	t.Parallel()
	paths := NewPaths(square())
	right := &recorded{map[string]float64{"a": 1, "c": 1}}
	for range 2 {
		if f := paths.judge(0, shared{truth(), right}); f != nil {
			t.Errorf("found %q where all is right", f.text)
		}
	}
	wrong := &recorded{map[string]float64{"a": 1}}
	if f := paths.judge(0, shared{truth(), wrong}); f == nil || !strings.Contains(f.text, "it holds {a:1} as the links of b") {
		t.Errorf("found %v in a record that lacks a link", f)
	}
	if f := paths.judge(0, shared{truth(), right}); f != nil {
		t.Errorf("found %q where all is right again", f.text)
	}
	other := NewPaths(NewGraph([]string{"a", "b"}))
	if f := other.judge(1, shared{beliefs{}, right}); f == nil {
		t.Error("nothing was found in a record that was right in another mesh")
	}
}
