package seed

import "testing"

func TestStreamsAreSplitBySeedPurposeAndName(t *testing.T) {
	t.Parallel()
	first := map[uint64]string{}
	for _, s := range []struct {
		name          string
		seed          uint64
		purpose, what string
	}{
		{"base", 1, "loss", "a>b"},
		{"other seed", 2, "loss", "a>b"},
		{"other purpose", 1, "delay", "a>b"},
		{"other name", 1, "loss", "b>a"},
		{"moved boundary", 1, "los", "sa>b"},
	} {
		v := Source(s.seed, s.purpose, s.what).Uint64()
		if other, taken := first[v]; taken {
			t.Errorf("%s and %s share a stream", s.name, other)
		}
		first[v] = s.name
	}
	if a, b := Rand(1, "loss", "a>b").Uint64(), Source(1, "loss", "a>b").Uint64(); a != b {
		t.Errorf("equal arguments gave %x and %x", a, b)
	}
}

// The streams are part of what a recorded seed means: a change of this value
// makes every seed that anybody noted down replay something else.
func TestStreamIsPinned(t *testing.T) {
	t.Parallel()
	const want = 0x550482e45ecbb893
	if got := Source(1, "loss", "a>b").Uint64(); got != want {
		t.Errorf("first number of (1, loss, a>b) is %#x, want %#x", got, uint64(want))
	}
}
