package transport

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Delays between dials of one peer, before jitter. Deployed nodes begin with 5 s
// (PROTOCOL section 1); nothing hangs on that, and a peer that has restarted is
// back after one.
const (
	RedialMin    = time.Second
	RedialMax    = 20 * time.Second
	redialGrowth = 1.5
)

// Redialer keeps one dialled link up: it dials again whenever a dial fails or
// the link it made ends. The delay grows from RedialMin to RedialMax while
// links do not hold, and begins anew after one that lasted for RedialMax: a
// peer that accepts connections just to reject us is not dialled faster.
//
// The states, owned by mu:
//
//	idle --Start--> dialling --ended--> waiting --timer--> dialling
//	any --Close--> closed
type Redialer struct {
	clock Clock
	rand  *rand.Rand
	dial  func(ended func(connected bool))

	mu     sync.Mutex
	closed bool
	dialed time.Time
	delay  time.Duration
	timer  Timer
}

// NewRedialer returns a redialer that makes an attempt by calling dial. dial
// must not block; it calls ended exactly once, when the attempt failed or the
// link that it made (connected is true) has ended. ended may be called from
// any goroutine, also before dial returns. rand jitters the delays and is used
// by the redialer alone.
func NewRedialer(clock Clock, rand *rand.Rand, dial func(ended func(connected bool))) *Redialer {
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

func (r *Redialer) ended(connected bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if connected && r.clock.Now().Sub(r.dialed) >= RedialMax {
		r.delay = RedialMin
	}
	// Between 0.8 and 1.0 of the delay, so that peers that lost a listener at
	// one instant do not come back at one instant.
	wait := time.Duration(float64(r.delay) * (0.8 + 0.2*r.rand.Float64()))
	r.delay = min(time.Duration(float64(r.delay)*redialGrowth), RedialMax)
	r.timer = r.clock.AfterFunc(wait, r.attempt)
}
