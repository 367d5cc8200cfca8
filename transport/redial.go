package transport

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Delays between dials of one peer, before jitter. Deployed nodes begin with 5 s
// (PROTOCOL section 1); nothing hangs on that, and a peer that has restarted is
// back after one.
//
// A refusal says that somebody has to change a configuration, which takes longer
// than that. It shows only in the course of some refusals: a peer may also refuse
// because it has not noticed that the link before is dead.
const (
	RedialMin    = time.Second
	RedialMax    = 20 * time.Second
	RefusedMax   = time.Minute // while the link is refused
	redialGrowth = 1.5
)

// Outcome is what came of an attempt.
type Outcome int

// Outcomes of an attempt.
const (
	Failed  Outcome = iota // there was no link
	Ended                  // there was one, and it is over
	Refused                // one of its ends did not want it, and said why
)

// Refuser is a Receiver that knows why a link has ended. Refused is called after
// Closed: did one end refuse the link, for a reason that it told?
type Refuser interface{ Refused() bool }

// OutcomeOf returns what came of a link that has ended, which receiver was told.
func OutcomeOf(receiver Receiver) Outcome {
	if r, ok := receiver.(Refuser); ok && r.Refused() {
		return Refused
	}
	return Ended
}

// Redialer keeps one dialled link up: it dials again whenever a dial fails or
// the link it made ends. The delay grows from RedialMin to RedialMax while
// links do not hold, or to RefusedMax while they are refused. It begins anew after
// one that lasted for RedialMax, or was the first that was not refused: a peer that
// accepts connections just to reject us is not dialled faster.
//
// The states, owned by mu:
//
//	idle --Start--> dialling --ended--> waiting --timer--> dialling
//	any --Close--> closed
type Redialer struct {
	clock Clock
	rand  *rand.Rand
	dial  func(ended func(Outcome))

	mu     sync.Mutex
	closed bool
	dialed time.Time
	delay  time.Duration
	last   Outcome
	timer  Timer
}

// NewRedialer returns a redialer that makes an attempt by calling dial. dial
// must not block; it calls ended exactly once, when the attempt failed or the
// link that it made has ended. ended may be called from any goroutine, also before
// dial returns. rand jitters the delays and is used
// by the redialer alone.
func NewRedialer(clock Clock, rand *rand.Rand, dial func(ended func(Outcome))) *Redialer {
	return &Redialer{clock: clock, rand: rand, dial: dial, delay: RedialMin}
}

// Start makes the first attempt.
func (r *Redialer) Start() { r.attempt() }

// Close makes no more attempts; the link of the last one is not touched.
func (r *Redialer) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}

func (r *Redialer) attempt() {
	r.mu.Lock()
	closed := r.closed
	r.dialed = r.clock.Now()
	r.mu.Unlock()
	if !closed {
		r.dial(r.ended)
	}
}

func (r *Redialer) ended(o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	longest := RedialMax
	switch {
	case o == Refused:
		longest = RefusedMax
	case o == Ended && (r.last == Refused || r.clock.Now().Sub(r.dialed) >= RedialMax):
		r.delay = RedialMin
	}
	r.last = o
	r.delay = min(r.delay, longest)
	// Between 0.8 and 1.0 of the delay, so that peers that lost a listener at
	// one instant do not come back at one instant.
	wait := time.Duration(float64(r.delay) * (0.8 + 0.2*r.rand.Float64()))
	r.delay = min(time.Duration(float64(r.delay)*redialGrowth), longest)
	r.timer = r.clock.AfterFunc(wait, r.attempt)
}

// Again makes the next attempt now, if it is waited for, and lets the delay begin
// anew: somebody has changed what may have been in the way.
func (r *Redialer) Again() {
	r.mu.Lock()
	r.delay = RedialMin
	waits := !r.closed && r.timer != nil && r.timer.Stop()
	r.mu.Unlock()
	if waits {
		r.attempt()
	}
}
