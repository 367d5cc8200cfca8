package guest

import (
	"bytes"
	"testing"
	"time"

	"receptor/sim/scenario"
)

// Whatever its pattern, a command writes all of its output, over its duration.
func TestOutput(t *testing.T) {
	output := outputOf([]byte("input"), 1234)
	for pattern, c := range map[scenario.Output]struct {
		pause time.Duration
		first int // bytes
	}{
		"":              {5 * time.Second, 308},
		scenario.Steady: {5 * time.Second, 308},
		scenario.Drip:   {200 * time.Millisecond, 12},
		scenario.Burst:  {10 * time.Second, 1234},
	} {
		b := behaviour{Duration: 20 * time.Second, Output: pattern}
		pause, parts := b.pace()
		var got []byte
		for n := range parts {
			got = append(got, b.part(output, n, parts)...)
			if n == 0 && len(got) != c.first {
				t.Errorf("output %q: %d bytes at first, want %d", pattern, len(got), c.first)
			}
		}
		if !bytes.Equal(got, output) || pause != c.pause || pause*time.Duration(parts) != b.Duration {
			t.Errorf("output %q: %d bytes, each part after %v, want all %d, each after %v", pattern, len(got), pause, len(output), c.pause)
		}
	}
}
