package full

import (
	"fmt"
	"strings"
	"testing"
)

// aging is a unit that is written out of the journal of its submitter since it is old, and
// released after that, and one that is since it is large.
const aging = `
for: 60s
nodes: [a, b]
links: [{from: a, to: b}]
workload:
  units:
    - {from: a, to: b, at: 3s, stdin: 100, stdout: 200, duration: 14s}
    - {from: a, to: b, at: 3s, stdin: 20000, stdout: 20000, duration: 1s}
timeline:
  - {at: 2900ms, %s, node: a, for: 2s, when: {%s, count: %d}}
`

// A crash of the submitter between any two steps by which units leave its journal, or just
// before anything is done to that.
func TestEveryCrashPointOfTheJournal(t *testing.T) {
	offset := 0
	for _, loss := range []string{"do: crash", "do: power-cut", "do: power-cut, loss: torn", "do: power-cut, loss: reordered"} {
		// What is written for units, their names, and the journal that has both.
		for _, when := range []string{"file: journal-0", "op: mkdir", "op: syncdir", "op: create", "file: stdin"} {
			first := 1 + offset
			step := max(*step/3, 1)
			offset = (offset + 1) % step
			t.Run(loss+", "+when, func(t *testing.T) {
				t.Parallel()
				n := first
				for ; ; n += step {
					text := fmt.Sprintf(aging, loss, when, n)
					r, trace := play(t, text, uint64(n))
					if len(r.Violations) > 0 {
						t.Errorf("seed %d: violations %v of%s", r.Seed, r.Violations, text)
					}
					if !strings.Contains(trace, `"kind":"fault over"`) {
						break // there are no more instants
					}
				}
				if n == 1 {
					t.Error("there is no such instant")
				}
			})
		}
	}
}
