// Package lane is what the wires of both engines do to frames: one direction of a
// link, drawn from the seed. It is a pure value; time is an argument.
package lane

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// How wires behave where a scenario does not say.
const (
	// BrokenAfter is how long a TCP-like link, or an attempt to make one, lives
	// on a wire that carries nothing. (A machine's TCP takes minutes, and the
	// node's own watch 21 s; a link that breaks sooner makes more of a run.)
	BrokenAfter = 3 * time.Second
	// minRetransmit is how long a TCP-like link waits beyond one round trip
	// before it sends again what was lost. It waits equally long each time, as
	// TCP does for a stream with little under way.
	minRetransmit = 200 * time.Millisecond
	// MaxRetransmits is how often it sends again before it breaks.
	MaxRetransmits = 15
)

// Reasons for which a TCP-like link ends.
var (
	ErrDead  = fmt.Errorf("the wire has carried nothing for %v", BrokenAfter)
	ErrLossy = fmt.Errorf("the wire has lost a frame %d times in a row", MaxRetransmits+1)
)

// Lane is one direction of a link. Each purpose draws from a stream of its
// own, so that one more fault leaves the others as they were. Times are since the
// start of the run.
type Lane struct {
	scenario.Wire
	loss, jitter, extra *rand.Rand
	// Retransmit is what a transmission that is lost costs a TCP-like link.
	Retransmit time.Duration

	losing    bool          // a burst of losses is under way
	busyUntil time.Duration // the bandwidth is used up until then

	Down Holds // the wire carries nothing
	Clog Holds // it holds back what it is given
}

// Holds counts the faults that keep something in a state.
type Holds int

// Of returns the two lanes of a link, the dialer's first.
func Of(l scenario.Link, master uint64) [2]Lane {
	retransmit := minRetransmit + l.Forward.Delay + l.Forward.Jitter + l.Back.Delay + l.Back.Jitter
	return [2]Lane{
		newLane(l.Forward, l.From+">"+l.To, master, retransmit),
		newLane(l.Back, l.To+">"+l.From, master, retransmit),
	}
}

func newLane(w scenario.Wire, name string, master uint64, retransmit time.Duration) Lane {
	return Lane{
		Wire: w, Retransmit: retransmit,
		loss:   seed.Rand(master, "loss", name),
		jitter: seed.Rand(master, "jitter", name),
		extra:  seed.Rand(master, "extra", name),
	}
}

// Travel draws how long one transmission takes.
func (l *Lane) Travel() time.Duration { return l.Delay + l.jitterOf() }

func (l *Lane) jitterOf() time.Duration {
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

// Loses draws whether one transmission is lost: by itself, or in bursts
// (Gilbert's model, in which a burst loses everything).
func (l *Lane) Loses() bool {
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

// RepeatedLoss is the greatest probability that a transmission is lost, given
// what became of the one before it.
func (l *Lane) RepeatedLoss() float64 {
	if l.Loss > 0 && l.Burst > 1 {
		return max(l.Loss, 1-1/l.Burst)
	}
	return l.Loss
}

// Draws one of the rarer fates of a frame.
func (l *Lane) Draws(probability float64) bool {
	return probability > 0 && l.extra.Float64() < probability
}

// Corrupted returns a copy of a frame with some bytes changed.
func (l *Lane) Corrupted(frame []byte) []byte {
	changed := bytes.Clone(frame)
	for range 1 + l.extra.IntN(3) {
		changed[l.extra.IntN(len(changed))] ^= byte(1 + l.extra.IntN(255))
	}
	return changed
}

// Fits reports whether so many bytes may wait for the bandwidth now.
func (l *Lane) Fits(now time.Duration, size int) bool {
	return l.Bandwidth == 0 || l.waiting(now)+float64(size) <= l.Room()
}

func (l *Lane) waiting(now time.Duration) float64 {
	return max(0, (l.busyUntil-now).Seconds()) * l.Bandwidth / 8
}

// Room is how many bytes may wait for the bandwidth.
func (l *Lane) Room() float64 {
	if l.Queue == 0 {
		return scenario.DefaultQueue
	}
	return l.Queue
}

// Serialise returns when so many bytes have left, after those before them.
func (l *Lane) Serialise(now time.Duration, size int) time.Duration {
	if l.Bandwidth == 0 {
		return now
	}
	l.busyUntil = max(l.busyUntil, now) + l.Takes(float64(size))
	return l.busyUntil
}

// Takes returns how long the bandwidth needs for so many bytes.
func (l *Lane) Takes(bytes float64) time.Duration {
	if l.Bandwidth == 0 {
		return 0
	}
	return time.Duration(math.Ceil(bytes * 8 / l.Bandwidth * float64(time.Second)))
}

// Transit draws when a segment of a TCP-like link that is sent now arrives: what
// is lost is sent again. With ok false it never does, and the link breaks then.
func (l *Lane) Transit(now time.Duration, size int) (at time.Duration, ok bool) {
	at = l.Serialise(now, size)
	for again := 0; l.Loses() || l.Draws(l.Corrupt); again++ {
		at += l.Retransmit
		if again == MaxRetransmits {
			return at, false
		}
	}
	return at + l.Travel(), true
}

// Fate is what becomes of a transmission over a UDP-like link.
type Fate int

// Fates of transmissions.
const (
	Sent    Fate = iota
	Altered      // it arrives changed
	Lost
	Crowded // the queue has no room for it
)

// Launch draws when and how a copy of a frame arrives that is sent now over a
// UDP-like link. What it returns is the frame itself unless that is Altered.
func (l *Lane) Launch(now time.Duration, frame []byte) (at time.Duration, arrives []byte, fate Fate) {
	lost := l.Loses()
	switch {
	case lost || l.Down > 0:
		return 0, nil, Lost
	case !l.Fits(now, len(frame)):
		return 0, nil, Crowded
	case l.Draws(l.Corrupt):
		frame, fate = l.Corrupted(frame), Altered
	}
	at = l.Serialise(now, len(frame))
	if !l.Draws(l.Reorder) {
		at += l.Travel()
	}
	return at, frame, fate
}

// Shuffle puts n things into any order.
func (l *Lane) Shuffle(n int, swap func(i, j int)) { l.extra.Shuffle(n, swap) }
