package main

import (
	"runtime/debug"
	"testing"
)

// The node collects garbage less often than Go does by default; an operator's
// GOGC stands.
func TestCollectLessOften(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for _, c := range []struct {
		env  string
		want int
	}{{"50", 100}, {"off", 100}, {"", gcPercent}} {
		collectLessOften(func(string) string { return c.env })
		if got := debug.SetGCPercent(100); got != c.want {
			t.Errorf("with GOGC=%q the percentage is %d, want %d", c.env, got, c.want)
		}
	}
}
