package scenario

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"receptor/sim/seed"
)

// Range is a value that is drawn between two bounds, both included; it is
// fixed when they are equal.
type Range[T cmp.Ordered] struct{ Min, Max T }

// Fixed returns the range of one value.
func Fixed[T cmp.Ordered](v T) Range[T] { return Range[T]{v, v} }

// ParseRange reads VALUE or MIN..MAX.
func ParseRange[T cmp.Ordered](text string, parse func(string) (T, error)) (Range[T], error) {
	low, high, isRange := strings.Cut(text, "..")
	lo, err := parse(strings.TrimSpace(low))
	if err != nil {
		return Range[T]{}, err
	}
	if !isRange {
		return Fixed(lo), nil
	}
	hi, err := parse(strings.TrimSpace(high))
	if err != nil {
		return Range[T]{}, err
	}
	if hi < lo {
		return Range[T]{}, fmt.Errorf("range %s is upside down: write %v..%v", text, hi, lo)
	}
	return Range[T]{lo, hi}, nil
}

// pair is a value for each direction of a link.
type pair struct {
	forward, back Range[float64]
	same          bool // one value was written: it is drawn once, for both
}

func both(r Range[float64]) pair { return pair{r, r, true} }

// drawFunc draws a value from a range.
type drawFunc func(*rand.Rand, Range[float64]) float64

// drawer draws the values of one link. Each value has a stream of its own, so
// that fixing one in the file leaves the others as they were.
type drawer struct {
	seed uint64
	name string
}

func (d drawer) rand(purpose string) *rand.Rand { return seed.Rand(d.seed, purpose, d.name) }

func drawPair(d drawer, purpose string, p pair, draw drawFunc) (forward, back float64) {
	forward = draw(d.rand(purpose+" forward"), p.forward)
	if p.same {
		return forward, forward
	}
	return forward, draw(d.rand(purpose+" back"), p.back)
}

// drawDuration draws in whole microseconds where the range has room for them,
// so that a person can read what was drawn.
func drawDuration(r *rand.Rand, of Range[time.Duration]) time.Duration {
	if of.Min == of.Max {
		return of.Min
	}
	step := time.Nanosecond
	if of.Max-of.Min >= 100*time.Microsecond {
		step = time.Microsecond
	}
	return min(of.Min+time.Duration(r.Int64N(int64((of.Max-of.Min)/step)+1))*step, of.Max)
}

// nanoseconds is a range of durations in the numbers of wireKeys.
func nanoseconds(of Range[time.Duration]) Range[float64] {
	return Range[float64]{float64(of.Min), float64(of.Max)}
}

func drawNanoseconds(r *rand.Rand, of Range[float64]) float64 {
	return float64(drawDuration(r, Range[time.Duration]{time.Duration(of.Min), time.Duration(of.Max)}))
}

// drawCost draws a whole number between whole bounds, so that paths of equal
// cost are common; else a multiple of a thousandth of the range.
func drawCost(r *rand.Rand, of Range[float64]) float64 {
	if of.Min == math.Trunc(of.Min) && of.Max == math.Trunc(of.Max) && of.Max-of.Min < 1<<53 {
		return of.Min + float64(r.Int64N(int64(of.Max-of.Min)+1))
	}
	return drawFraction(r, of)
}

func drawFraction(r *rand.Rand, of Range[float64]) float64 {
	if of.Min == of.Max {
		return of.Min
	}
	return min(of.Min+(of.Max-of.Min)*float64(r.IntN(1001))/1000, of.Max)
}
