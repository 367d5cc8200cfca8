package lane

import (
	"bytes"
	"math"
	"testing"
	"time"

	"receptor/sim/scenario"
)

const draws = 200_000

func testLane(w scenario.Wire) *Lane {
	l := newLane(w, "test", 1, 0)
	return &l
}

// near reports whether two numbers differ by less than a twentieth of the second.
func near(got, want float64) bool { return math.Abs(got-want) <= want/20 }

func TestLossesComeAsOftenAndAsLongAsTheyShould(t *testing.T) {
	t.Parallel()
	for _, w := range []scenario.Wire{
		{Loss: 0.1}, {Loss: 0.3, Burst: 1}, {Loss: 0.05, Burst: 4}, {Loss: 0.2, Burst: 10},
	} {
		l := testLane(w)
		lost, runs, before := 0, 0, false
		for range draws {
			now := l.Loses()
			if now {
				lost++
				if !before {
					runs++
				}
			}
			before = now
		}
		if rate := float64(lost) / draws; !near(rate, w.Loss) {
			t.Errorf("%+v: lost %v, want %v", w, rate, w.Loss)
		}
		// By itself each, a run ends with the first that is not lost.
		want := max(w.Burst, 1/(1-w.Loss))
		if w.Burst <= 1 {
			want = 1 / (1 - w.Loss)
		}
		if length := float64(lost) / float64(runs); !near(length, want) {
			t.Errorf("%+v: %v in a row on average, want %v", w, length, want)
		}
	}
}

func TestJitterHasItsShape(t *testing.T) {
	t.Parallel()
	const most = 10 * time.Millisecond
	for shape, mean := range map[scenario.Shape]time.Duration{
		"": most / 2, scenario.Uniform: most / 2, scenario.Normal: most / 2,
		scenario.Exponential: 1986 * time.Microsecond, // a fifth, less what the limit cuts off
	} {
		l := testLane(scenario.Wire{Delay: time.Second, Jitter: most, Shape: shape})
		sum, middle := time.Duration(0), 0
		for range draws {
			d := l.Travel() - time.Second
			if d < 0 || d > most {
				t.Fatalf("%q: jitter %v, want 0 to %v", shape, d, most)
			}
			sum += d
			if d > most/3 && d < 2*most/3 {
				middle++
			}
		}
		if got := sum / draws; !near(float64(got), float64(mean)) {
			t.Errorf("%q: %v on average, want %v", shape, got, mean)
		}
		// Two thirds of what is normal are within one standard deviation.
		if share := float64(middle) / draws; (shape == scenario.Normal) != near(share, 0.683) {
			t.Errorf("%q: %v in the middle third", shape, share)
		}
	}
}

func TestBandwidthSerialises(t *testing.T) {
	t.Parallel()
	l := testLane(scenario.Wire{Bandwidth: 8000, Queue: 2500}) // a byte each millisecond
	if got := l.Serialise(0, 1000); got != time.Second {
		t.Errorf("1,000 bytes have left at %v, want 1s", got)
	}
	if !l.Fits(0, 1500) || l.Fits(0, 1501) {
		t.Error("1,000 bytes wait, of 2,500 that may: 1,500 more must fit, and 1,501 must not")
	}
	if got := l.Serialise(500*time.Millisecond, 500); got != 1500*time.Millisecond {
		t.Errorf("500 more behind them at %v, want 1.5s", got)
	}
	if got := l.Serialise(time.Minute, 100); got != time.Minute+100*time.Millisecond {
		t.Errorf("100 on the idle wire at %v, want 100ms after a minute", got)
	}
	if wide := testLane(scenario.Wire{}); !wide.Fits(0, 1<<40) || wide.Serialise(time.Second, 1<<40) != time.Second {
		t.Error("without a bandwidth everything leaves at once")
	}
}

func TestCorruptionChangesACopy(t *testing.T) {
	t.Parallel()
	l := testLane(scenario.Wire{})
	frame := bytes.Repeat([]byte{7}, 50)
	changed := 0
	for range 1000 {
		c := l.Corrupted(frame)
		if len(c) != len(frame) {
			t.Fatalf("%d bytes became %d", len(frame), len(c))
		}
		if !bytes.Equal(c, frame) {
			changed++
		}
	}
	// The same byte may be changed twice, and back.
	if changed < 990 || !bytes.Equal(frame, bytes.Repeat([]byte{7}, 50)) {
		t.Errorf("%d of 1,000 copies differ; the frame itself is %v", changed, frame)
	}
}
