package mesh

import (
	"math/rand/v2"
	"testing"
	"time"

	"receptor/transport"
	"receptor/transport/transporttest"
)

// lateClock is a clock whose timers can never be stopped in time: each fires
// while somebody who holds the node's lock stops it.
type lateClock struct{ *transporttest.Clock }

type lateTimer struct{}

func (lateTimer) Stop() bool { return false }

func (c lateClock) AfterFunc(d time.Duration, f func()) transport.Timer {
	c.Clock.AfterFunc(d, f)
	return lateTimer{}
}

// A timer that fires although it was replaced does not bring up a second chain
// of timers beside that of its successor.
func TestLateTimersDoNotMultiply(t *testing.T) {
	clock := lateClock{transporttest.NewClock()}
	n, err := New(Config{ID: "a", Clock: clock, Rand: rand.NewPCG(1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		n.Attach(sinkLink{}, LinkOptions{Cost: 1}) // arms the timer for an earlier time
		clock.Advance(handshakeTries * 2 * handshakeInterval)
	}
	if pending := clock.Pending(); pending > 2 {
		t.Errorf("%d timers are pending, want one and perhaps one that was replaced", pending)
	}
}
