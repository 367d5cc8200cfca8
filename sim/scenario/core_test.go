package scenario

import (
	"fmt"
	"testing"
)

func TestCores(t *testing.T) {
	const mesh = "for: 9s\nnodes: [d, c, b, a, e]\nlinks: [{from: a, to: b}, {from: d, to: c}, {from: b, to: c}, {from: e, to: a}]\n"
	for timeline, want := range map[string]string{
		"": "[[a b c d e]]",
		"timeline: [{at: 5s, do: settle, nodes: [d, a, e, c]}]\n": "[[a e] [c d]]",
		"timeline: [{at: 5s, do: settle, nodes: [b]}]\n":          "[[b]]",
	} {
		f, err := Parse("x", []byte(mesh+timeline))
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Resolve(1)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.Cores()); got != want {
			t.Errorf("with %q the cores are %s, want %s", timeline, got, want)
		}
	}
}
