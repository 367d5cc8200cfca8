package skew

import (
	"testing"
	"time"

	"receptor/sim/scenario"
)

func TestClock(t *testing.T) {
	c := New(10*time.Second, scenario.Clock{Offset: time.Hour, Drift: 0.01}, false)
	shows := func(now, want time.Duration) {
		t.Helper()
		if got := c.Shows(now); got != want {
			t.Errorf("at %v it shows %v, want %v", now, got, want)
		}
	}
	shows(10*time.Second, time.Hour+10*time.Second)
	shows(110*time.Second, time.Hour+111*time.Second)
	if got, want := c.Wait(101*time.Second), 100*time.Second; got != want {
		t.Errorf("101 s of it take %v, want %v", got, want)
	}
	c.SetDrift(110*time.Second, -0.1)
	shows(110*time.Second, time.Hour+111*time.Second)
	shows(120*time.Second, time.Hour+120*time.Second)
	c = New(time.Hour, scenario.Clock{}, true)
	shows(time.Hour+time.Second, time.Second)
	if got := c.Wait(time.Second); got != time.Second {
		t.Errorf("a second of it takes %v", got)
	}
}
