package daemon

import (
	"testing"
	"time"
)

func TestScarce(t *testing.T) {
	var s scarce
	now := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	lines := func(n int) (allowed, skipped int) {
		for range n {
			ok, k := s.allow(now)
			if ok {
				allowed++
			}
			skipped += k
		}
		return allowed, skipped
	}
	if allowed, skipped := lines(100); allowed != scarceLines || skipped != 0 {
		t.Errorf("of 100 lines there are %d, and %d are said to be left out before them", allowed, skipped)
	}
	now = now.Add(scarceTime - 1)
	if allowed, _ := lines(1); allowed != 0 {
		t.Error("the minute has not passed, and there is another line")
	}
	now = now.Add(1)
	if allowed, skipped := lines(2); allowed != 2 || skipped != 91 {
		t.Errorf("after a minute there are %d of 2 lines, and %d are said to be left out, want 91", allowed, skipped)
	}
	now = now.Add(-time.Hour) // the clock was set back
	if allowed, _ := lines(3); allowed != 3 {
		t.Errorf("with another clock there are %d of 3 lines", allowed)
	}
}
