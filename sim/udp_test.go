package sim

import (
	"math"
	"testing"
	"time"

	"receptor/sim/scenario"
)

// What a UDP-like wire does to frames: about as many arrive twice, early, or
// changed as it says.
func TestUDPWires(t *testing.T) {
	t.Parallel()
	const sent = 5000
	run := func(w scenario.Wire) []string {
		f := newFixture(t, scenario.Link{Backend: scenario.UDP, Cost: 1, Forward: w})
		for i := range sent {
			f.peers[dialer].link.Send(frame(i))
			f.advance(time.Millisecond)
		}
		f.advance(time.Minute)
		return f.peers[listener].received
	}
	share := func(n int) float64 { return float64(n) / sent }
	if got := share(len(run(scenario.Wire{Duplicate: 0.25})) - sent); math.Abs(got-0.25) > 0.03 {
		t.Errorf("%v arrived twice, want 0.25", got)
	}
	early, last := 0, ""
	for _, number := range run(scenario.Wire{Delay: 20 * time.Millisecond, Reorder: 0.1}) {
		if number < last {
			early++ // those that one has overtaken, up to twenty
		}
		last = max(last, number)
	}
	if early < sent/10 {
		t.Errorf("only %d frames were overtaken", early)
	}
	intact := map[string]bool{}
	for _, number := range numbers(sent) {
		intact[number] = true
	}
	bad := 0
	for _, number := range run(scenario.Wire{Corrupt: 0.5}) {
		if !intact[number] {
			bad++
		}
	}
	if got := share(bad); got < 0.3 || got > 0.55 {
		t.Errorf("%v arrived changed, want about half, less those changed in the type", got)
	}
}
