package guest

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func doNothing() {}

// A timer is held until it is stopped or was due.
func TestTimersHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h holdings
		due := 0
		start := func(wait time.Duration) *heldTimer { return h.startTimer(wait, doNothing, func() { due++ }) }
		start(time.Second)
		stopped, late := start(time.Hour), start(time.Hour)
		if !stopped.Stop() || stopped.Stop() {
			t.Error("want that the first Stop prevents the call, and the second one does not")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := h.pendingTimers(), []string{"a timer for receptor/sim/guest.doNothing"}; due != 1 || !slices.Equal(got, want) {
			t.Errorf("%d were due, %q are held, want 1 and %q", due, got, want)
		}
		late.Stop()
		if got := h.pendingTimers(); len(got) > 0 {
			t.Errorf("%q are held, want none", got)
		}
	})
}
