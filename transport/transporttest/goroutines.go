package transporttest

import (
	"runtime"
	"strings"
	"testing"
)

// CheckGoroutines fails the test if, at its end, goroutines run that did not
// run when it was called. They may need a moment to return.
func CheckGoroutines(t *testing.T) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		var left []string
		for range 10_000 {
			left = left[:0]
			for id, stack := range goroutines() {
				if _, was := before[id]; !was {
					left = append(left, stack)
				}
			}
			if len(left) == 0 {
				return
			}
			runtime.Gosched()
		}
		t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
	})
}

// goroutines returns the stacks of all goroutines, by number.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	stacks := make(map[string]string)
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		id, _, _ := strings.Cut(stack, " [") // "goroutine 7 [running]:"
		stacks[id] = stack
	}
	return stacks
}
