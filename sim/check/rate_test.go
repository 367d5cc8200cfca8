package check

import (
	"testing"
	"time"
)

// send lets the mesh send n control frames at one instant.
func send(r *Rate, now time.Duration, n int) {
	for range n {
		r.Control(now, "a", false)
	}
}

// Nobody sends an update while the mesh is quiet, unless nodes are deployed, or links lose frames.
func TestQuietMeshSendsNoUpdates(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	quiet := false
	r := NewRate(Size{Nodes: 3, Links: 2}, func() bool { return quiet }, rec.report)
	r.Redrawn(false)
	r.Control(0, "a", true)
	quiet = true
	rec.want()
	r.Control(time.Second, "a", true)
	rec.want("1.000000s a: traffic: it sends a routing update")
	r.Redrawn(true)
	r.Control(2*time.Second, "a", true)
	rec.want()
}

func TestQuietMeshMustNotChatter(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	quiet := false
	r := NewRate(Size{Nodes: 3, Links: 2}, func() bool { return quiet }, rec.report)
	const round = 2 * 2
	send(r, time.Second, 9*round) // not quiet: anything goes, within reason
	rec.want()
	quiet = true
	send(r, 5*time.Second, 9*round) // the span began before it was quiet
	send(r, 11*time.Second, idleSummaries*round)
	rec.want()
	send(r, 12*time.Second, 2)
	rec.want("12.000000s mesh: traffic: more than 24 control frames in 10s")
	send(r, 25*time.Second, idleSummaries*round)
	quiet = false
	send(r, 26*time.Second, round)
	rec.want()
}

func TestFloodsMayBeRepeated(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	r := NewRate(Size{Nodes: 3, Links: 2, Lossy: true}, func() bool { return true }, rec.report)
	r.Redrawn(false)
	send(r, 0, 2*2*(idleSummaries+idleUpdates*(3+1)))
	rec.want()
	send(r, time.Second, 1)
	rec.want("more than 56 control frames in 10s")
}

func TestStormIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	rec := recorder{T: t}
	r := NewRate(Size{Nodes: 3, Links: 2}, func() bool { return false }, rec.report)
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
	r := NewRate(Size{Nodes: 3, Links: 2, Services: 10}, func() bool { return true }, rec.report)
	send(r, 0, 2*2*(idleSummaries+10))
	rec.want()
	send(r, time.Second, 1)
	rec.want("more than 64 control frames in 10s")
}
