package transport_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"receptor/transport"
	"receptor/transport/transporttest"
)

// dials runs a redialer for a while, with attempts that end at once, or as
// links after holds, and returns when it dialled.
func dials(seed uint64, holds, total time.Duration) []time.Duration {
	clock := transporttest.NewClock()
	var at []time.Duration
	r := transport.NewRedialer(clock, rand.New(rand.NewPCG(seed, 0)), func(ended func(transport.Outcome)) {
		at = append(at, clock.Now().Sub(transporttest.Epoch))
		if holds == 0 {
			ended(transport.Failed)
		} else {
			clock.AfterFunc(holds, func() { ended(transport.Ended) })
		}
	})
	r.Start()
	clock.Advance(total)
	r.Close()
	clock.Advance(time.Hour)
	return at
}

func pauses(at []time.Duration, holds time.Duration) []time.Duration {
	var p []time.Duration
	for i := 1; i < len(at); i++ {
		p = append(p, at[i]-at[i-1]-holds)
	}
	return p
}

func TestRedialDelayGrows(t *testing.T) {
	got := pauses(dials(1, 0, 10*time.Minute), 0)
	want := float64(transport.RedialMin)
	for i, p := range got {
		if f := float64(p); f < 0.8*want || f > want {
			t.Errorf("pause %d is %v, want up to a fifth less than %v", i, p, time.Duration(want))
		}
		want = min(1.5*want, float64(transport.RedialMax))
	}
	if len(got) < 30 {
		t.Errorf("only %d attempts in ten minutes", len(got))
	}
}

// A link that lasted resets the delay; one that was refused at once does not.
func TestRedialDelayResets(t *testing.T) {
	for _, p := range pauses(dials(1, time.Minute, time.Hour), time.Minute) {
		if p > transport.RedialMin {
			t.Errorf("pause of %v after a link that lasted a minute", p)
		}
	}
	short := pauses(dials(1, time.Second, time.Hour), time.Second)
	if last := short[len(short)-1]; last < transport.RedialMax*8/10 {
		t.Errorf("pause of %v after many links that lasted a second", last)
	}
}

func TestRedialJitterFollowsTheSeed(t *testing.T) {
	a, b, c := dials(1, 0, time.Minute), dials(1, 0, time.Minute), dials(2, 0, time.Minute)
	if a[1] != b[1] {
		t.Errorf("one seed, two first pauses: %v and %v", a[1], b[1])
	}
	if a[1] == c[1] {
		t.Errorf("two seeds, one first pause: %v", a[1])
	}
}

// A link that is refused is dialled once a minute in the end; the first that is not
// refused lets the delay begin anew, and so does whoever wants it dialled now.
func TestRedialOfWhatIsRefused(t *testing.T) {
	clock := transporttest.NewClock()
	outcome := transport.Refused
	var at []time.Duration
	r := transport.NewRedialer(clock, rand.New(rand.NewPCG(1, 0)), func(ended func(transport.Outcome)) {
		at = append(at, clock.Now().Sub(transporttest.Epoch))
		ended(outcome)
	})
	r.Start()
	clock.Advance(time.Hour)
	got := pauses(at, 0)
	want := float64(transport.RedialMin)
	for i, p := range got {
		if f := float64(p); f < 0.8*want || f > want {
			t.Errorf("pause %d is %v, want up to a fifth less than %v", i, p, time.Duration(want))
		}
		want = min(1.5*want, float64(transport.RefusedMax))
	}
	before := len(at)
	r.Again()
	clock.Advance(transport.RedialMin)
	if len(at) != before+2 {
		t.Errorf("%d attempts within a second of Again, want one at once and one after", len(at)-before)
	}
	clock.Advance(time.Hour)
	outcome = transport.Ended
	first := len(at)
	for len(at) == first {
		clock.Advance(100 * time.Millisecond)
	}
	clock.Advance(transport.RedialMin)
	if len(at) == first+1 {
		t.Error("a link that was not refused, and ended, is not dialled again after a second")
	}
	r.Close()
	r.Again()
	first = len(at)
	clock.Advance(time.Hour)
	if len(at) != first {
		t.Error("a redialer that is closed dials")
	}
}
