// Package skew is a clock that is wrong, in virtual time: how far it is off, and
// how fast it runs.
package skew

import (
	"math"
	"time"

	"receptor/sim/scenario"
)

// Clock shows a time since the start of a run that need not be the true one. It is
// a plain value; now is the true time.
type Clock struct {
	// wrong is what the clock showed beyond the true time at since; from then on
	// it drifts.
	wrong, since time.Duration
	drift        float64
}

// New returns a clock that is wrong by so much now. With reset it begins anew, as
// one of a machine does whose clock begins at a fixed date.
func New(now time.Duration, by scenario.Clock, reset bool) Clock {
	c := Clock{wrong: by.Offset, since: now, drift: by.Drift}
	if reset {
		c.wrong -= now
	}
	return c
}

// Shows returns what the clock shows.
func (c *Clock) Shows(now time.Duration) time.Duration {
	return now + c.wrong + time.Duration(float64(now-c.since)*c.drift)
}

// SetDrift lets the clock run at another speed from now on.
func (c *Clock) SetDrift(now time.Duration, drift float64) {
	c.wrong += time.Duration(float64(now-c.since) * c.drift)
	c.since, c.drift = now, drift
}

// Wait returns how long it truly takes until the clock has gone on by d. It is
// rounded up: a timer that fires early would be set again at once.
func (c *Clock) Wait(d time.Duration) time.Duration {
	if c.drift == 0 {
		return d
	}
	return time.Duration(math.Ceil(float64(d) / (1 + c.drift)))
}
