package sim

import (
	"bytes"
	"math"
	"math/rand/v2"
	"time"

	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// lane is one direction of a cable. Each purpose draws from a stream of its
// own, so that one more fault leaves the others as they were.
type lane struct {
	scenario.Wire
	loss, jitter, extra *rand.Rand
	retransmit          time.Duration

	losing    bool          // a burst of losses is under way
	busyUntil time.Duration // the bandwidth is used up until then

	down holds // the wire carries nothing
	clog holds // it holds back what it is given
}

// holds counts the faults that keep something in a state.
type holds int

func newLane(w scenario.Wire, name string, master uint64, retransmit time.Duration) lane {
	return lane{
		Wire: w, retransmit: retransmit,
		loss:   seed.Rand(master, "loss", name),
		jitter: seed.Rand(master, "jitter", name),
		extra:  seed.Rand(master, "extra", name),
	}
}

// delay draws how long one transmission takes.
func (l *lane) delay() time.Duration { return l.Delay + l.jitterOf() }

func (l *lane) jitterOf() time.Duration {
	if l.Jitter == 0 {
		return 0
	}
	most := float64(l.Jitter)
	switch l.Shape {
	case scenario.Normal:
		return time.Duration(min(max(most/2+l.jitter.NormFloat64()*most/6, 0), most))
	case scenario.Exponential:
		return time.Duration(min(l.jitter.ExpFloat64()*most/5, most))
	default:
		return time.Duration(l.jitter.Int64N(int64(l.Jitter) + 1))
	}
}

// loses draws whether one transmission is lost: by itself, or in bursts
// (Gilbert's model, in which a burst loses everything).
func (l *lane) loses() bool {
	switch {
	case l.Loss == 0:
		return false
	case l.Burst <= 1:
		return l.loss.Float64() < l.Loss
	case l.losing:
		l.losing = l.loss.Float64() >= 1/l.Burst
	default:
		l.losing = l.loss.Float64() < l.Loss/(l.Burst*(1-l.Loss))
	}
	return l.losing
}

// repeatedLoss is the greatest probability that a transmission is lost, given
// what became of the one before it.
func (l *lane) repeatedLoss() float64 {
	if l.Loss > 0 && l.Burst > 1 {
		return max(l.Loss, 1-1/l.Burst)
	}
	return l.Loss
}

// draws one of the rarer fates of a frame.
func (l *lane) draws(probability float64) bool {
	return probability > 0 && l.extra.Float64() < probability
}

// corrupted returns a copy of a frame with some bytes changed.
func (l *lane) corrupted(frame []byte) []byte {
	changed := bytes.Clone(frame)
	for range 1 + l.extra.IntN(3) {
		changed[l.extra.IntN(len(changed))] ^= byte(1 + l.extra.IntN(255))
	}
	return changed
}

// fits reports whether so many bytes may wait for the bandwidth now.
func (l *lane) fits(now time.Duration, size int) bool {
	return l.Bandwidth == 0 || l.waiting(now)+float64(size) <= l.room()
}

func (l *lane) waiting(now time.Duration) float64 {
	return max(0, (l.busyUntil-now).Seconds()) * l.Bandwidth / 8
}

func (l *lane) room() float64 {
	if l.Queue == 0 {
		return scenario.DefaultQueue
	}
	return l.Queue
}

// serialise returns when so many bytes have left, after those before them.
func (l *lane) serialise(now time.Duration, size int) time.Duration {
	if l.Bandwidth == 0 {
		return now
	}
	l.busyUntil = max(l.busyUntil, now) + l.takes(float64(size))
	return l.busyUntil
}

func (l *lane) takes(bytes float64) time.Duration {
	if l.Bandwidth == 0 {
		return 0
	}
	return time.Duration(math.Ceil(bytes * 8 / l.Bandwidth * float64(time.Second)))
}
