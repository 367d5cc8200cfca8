package full

import (
	"testing"
	"time"
)

// What is done counts for the second in which it is done.
func TestEffort(t *testing.T) {
	e := newEffort(10)
	half := e.most/2 + 1
	for second := range 5 {
		if err := e.jumped(time.Duration(second)*time.Second, half); err != nil {
			t.Errorf("second %d, half of what may be: %v", second, err)
		}
	}
	if err := e.jumped(4*time.Second+999*time.Millisecond, half); err == nil {
		t.Error("more than may be within a second is let pass")
	}
	if few, many := newEffort(2), newEffort(300); many.most < 10*420_000_000 || few.most > many.most/4 {
		t.Errorf("2 nodes may jump %d times, and 300 nodes, which do 4.2e8 times when they start, %d times", few.most, many.most)
	}
}
