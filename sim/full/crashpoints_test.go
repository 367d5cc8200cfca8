package full

import (
	"flag"
	"fmt"
	"strings"
	"testing"
)

var (
	step   = flag.Int("step", 29, "of so many instants between two operations, at one there is a crash; with 1 at all")
	losses = flag.Int("losses", 1, "at each instant at which writes are torn or reordered, it is so many times, in different ways")
)

// short is a unit from its submission to its release.
const short = `
for: 60s
nodes: [a, b]
links: [{from: a, to: b}]
workload:
  units: [{from: a, to: b, at: 3s, stdin: 100, stdout: 200, duration: %s}]
timeline:
  - {at: 2900ms, %s, for: 2s, when: {count: %d}}
`

// A crash of the daemon or of its machine, of the node that submits or of that
// which runs the unit, between any two operations on its disk and frames that
// arrive: the unit runs once at most, ends as it may, and is released.
func TestEveryCrashPoint(t *testing.T) {
	offset := 0
	for _, node := range []string{"a", "b"} {
		for i, what := range []string{"do: crash", "do: power-cut", "do: power-cut, loss: torn", "do: power-cut, loss: reordered"} {
			action, first := what+", node: "+node, 1+offset
			duration := []string{"200ms", "10ms"}[i%2] // the latter ends before it is Running
			ways := 1
			if strings.Contains(what, "loss") {
				ways = *losses
			}
			offset = (offset + *step/8 + 1) % *step
			t.Run(action, func(t *testing.T) {
				t.Parallel()
				n := first
				for ; ; n += *step {
					text := fmt.Sprintf(short, duration, action, n)
					over := false
					for way := range ways {
						r, trace := play(t, text, uint64(way)<<32|uint64(n))
						over = over || !strings.Contains(trace, `"kind":"fault over"`)
						if len(r.Violations) > 0 {
							t.Errorf("seed %d: violations %v of%s", r.Seed, r.Violations, text)
						}
					}
					if over {
						break // there are no more instants
					}
				}
				if n < 50 {
					t.Errorf("only %d instants, want many", n)
				}
			})
		}
	}
}
