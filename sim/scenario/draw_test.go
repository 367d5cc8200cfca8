package scenario

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/sim/seed"
)

func TestDrawnValuesAreWithinTheirRange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := seed.Rand(rapid.Uint64().Draw(t, "seed"), "test", "")
		lo := time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "least delay"))
		d := Range[time.Duration]{lo, lo + time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "spread"))}
		if v := drawDuration(r, d); v < d.Min || v > d.Max {
			t.Errorf("drew %v of %v..%v", v, d.Min, d.Max)
		}
		low := rapid.Float64Range(0.001, 1e6).Draw(t, "least cost")
		c := Range[float64]{low, low * rapid.Float64Range(1, 10).Draw(t, "factor")}
		if v := drawCost(r, c); v < c.Min || v > c.Max {
			t.Errorf("drew %v of %v..%v", v, c.Min, c.Max)
		}
	})
}

func TestWholeCostsAreDrawnEvenlyBetweenWholeBounds(t *testing.T) {
	t.Parallel()
	r := seed.Rand(1, "test", "")
	count := map[float64]int{}
	for range 4000 {
		count[drawCost(r, Range[float64]{1, 4})]++
	}
	for v := 1.0; v <= 4; v++ {
		if count[v] < 850 || count[v] > 1150 {
			t.Errorf("%v was drawn %d times of 4000, 1000 were likely", v, count[v])
		}
	}
	if len(count) != 4 {
		t.Errorf("drew %v", count)
	}
}

// A link draws the same values whatever else is in the file, and fixing one of
// them leaves the others alone.
func TestDrawingIsSplitByLinkAndByValue(t *testing.T) {
	t.Parallel()
	draw := func(text string) Link {
		f, err := Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Resolve(3)
		if err != nil {
			t.Fatal(err)
		}
		l := s.Links[len(s.Links)-1]
		l.line = 0
		return l
	}
	base := draw("nodes: [a, b, c]\nlinks:\n- {from: a, to: b, cost: 1..9, delay: 1ms..9ms, loss: {forward: 0..0.5, back: 0..0.5}}")
	more := draw("nodes: [a, b, c]\nlinks:\n- {from: c, to: b, cost: 1..9, delay: 1ms..9ms}\n" +
		"- {from: a, to: b, cost: 1..9, delay: 1ms..9ms, loss: {forward: 0..0.5, back: 0..0.5}}")
	if base != more {
		t.Errorf("another link changes what is drawn: %+v and %+v", base, more)
	}
	fixed := draw("nodes: [a, b]\nlinks:\n- {from: a, to: b, cost: 77, delay: 1ms..9ms, loss: {forward: 0..0.5, back: 0..0.5}}")
	fixed.Cost = base.Cost
	if base != fixed {
		t.Errorf("fixing the cost changes the rest: %+v and %+v", base, fixed)
	}
	if base.Forward.Loss == base.Back.Loss {
		t.Error("the two directions were drawn as one")
	}
	if base.Forward.Delay != base.Back.Delay {
		t.Error("one value for both directions was drawn twice")
	}
}
