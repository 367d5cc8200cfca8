package full

import (
	"fmt"
	"time"
)

// effort is what a guest has done within a second of virtual time, counted in jumps
// back (see withYields). As the count follows from the seed, so does the verdict on a
// guest that does something without end, whatever the machine does meanwhile.
type effort struct {
	most   int64
	second time.Duration // in which it is counted
	jumps  int64
}

// newEffort returns that of a mesh. Most is done when all nodes start at one instant:
// each floods to all others, which takes some 4,600 jumps for each pair, and 100
// ns for each jump. A mesh of 10 is stopped within minutes, one of 300 in half an hour.
func newEffort(nodes int) effort {
	const base, pair = 1 << 31, 1 << 17
	return effort{most: base + pair*int64(nodes)*int64(nodes)}
}

// jumped takes note that there were n more, up to now. The error says that there are
// too many.
func (e *effort) jumped(now time.Duration, n int64) error {
	if second := now.Truncate(time.Second); second != e.second {
		e.second, e.jumps = second, 0
	}
	if e.jumps += n; e.jumps > e.most {
		return fmt.Errorf("more than %d jumps back within a second of virtual time", e.most)
	}
	return nil
}
