package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// IDs that YAML would read as something else, or not at all.
func TestEncodeKeepsStrangeIDs(t *testing.T) {
	t.Parallel()
	ids := []string{"null", "true", "12", "1e3", "~", "a, b", "[x", "{y", "#z", "a: b", "'", `"`, " ", "-", "é", "line\nbreak", "\x01"}
	s := &Scenario{Name: "null", For: time.Second, Expect: Expect{LostPings: -1}}
	for i, id := range ids {
		s.Nodes = append(s.Nodes, Node{ID: id})
		if i > 0 {
			s.Links = append(s.Links, Link{From: ids[i-1], To: id, Backend: TCP, Cost: 1})
		}
	}
	text := s.Encode("")
	f, err := Parse("f.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, err := f.Resolve(0)
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, n := range got.Nodes {
		read = append(read, n.ID)
	}
	if !slices.Equal(read, ids) || got.Name != "null" {
		t.Errorf("nodes came back as %q, want %q:\n%s", read, ids, text)
	}
}

func TestEncodeIsForPeople(t *testing.T) {
	t.Parallel()
	f, err := Parse("f.yaml", []byte(`
for: 90s
nodes: [{id: a, kind: ours}, {id: b, kind: deployed}]
links: [{from: a, to: b, cost: 2, delay: 5ms, loss: {forward: 0.1, back: 0}}]
timeline: [{at: 2s, do: down, link: [a, b]}]
expect: {lost_pings: 3}
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Resolve(4)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
# one
# two
seed: 4
for: 1m30s
nodes: [a, {id: b, kind: deployed}]
links:
  - {from: a, to: b, cost: 2, delay: 5ms, loss: {forward: 0.1, back: 0}}
timeline:
  - {at: 2s, do: down, link: [a, b]}
expect:
  lost_pings: 3
`, "\n")
	if got := string(s.Encode("one\ntwo")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Long lists are written in pieces, which must make one list.
func TestEncodeLongLists(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{piece, piece + 1, 2 * piece, 3*piece + 7} {
		s, err := NewGenerate(Line, nodes).Scenario("long", 1)
		if err != nil {
			t.Fatal(err)
		}
		text := string(s.Encode(""))
		if strings.Count(text, "nodes:") != 1 || strings.Count(text, "links:") != 1 {
			t.Errorf("%d nodes: a list has more than one key:\n%s", nodes, text)
		}
		again := resolved(t, text, 1)
		if len(again.Nodes) != nodes || string(again.Encode("")) != text {
			t.Errorf("%d nodes came back as %d, with %d links", nodes, len(again.Nodes), len(again.Links))
		}
	}
}
