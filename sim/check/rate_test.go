package check

import (
	"testing"
	"time"
)

// send lets the mesh send n control frames at one instant.
func send(r *Rate, now time.Duration, n int) {
	for range n {
		r.Control(now)
	}
}

func TestQuietMeshMustNotChatter(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	quiet := false
	r := NewRate(3, 2, 0, func() bool { return quiet }, rec.report)
	const round = 2 * 2 * (3 + 1)
	send(r, time.Second, 3*round) // not quiet: anything goes, within reason
	rec.want()
	quiet = true
	send(r, 5*time.Second, 3*round) // the span began before it was quiet
	send(r, 11*time.Second, idleUpdates*round)
	rec.want()
	send(r, 12*time.Second, 2)
	rec.want("12.000000s mesh: traffic: more than 32 control frames in 10s")
	send(r, 25*time.Second, idleUpdates*round)
	quiet = false
	send(r, 26*time.Second, round)
	rec.want()
}

func TestStormIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	r := NewRate(3, 2, 0, func() bool { return false }, rec.report)
	const most = stormUpdates * 2 * 2 * (3 + 1)
	send(r, 0, most)
	rec.want()
	send(r, 999*time.Millisecond, 2)
	rec.want("a storm", "a storm")
	send(r, time.Second, most)
	rec.want()
}

func TestServicesMayBeAdvertised(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	r := NewRate(3, 2, 10, func() bool { return true }, rec.report)
	const round = 2 * 2 * (3 + 1 + 10)
	send(r, 0, idleUpdates*round)
	rec.want()
	send(r, time.Second, 1)
	rec.want("more than 112 control frames in 10s")
}
