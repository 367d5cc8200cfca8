package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Wire is one direction of a link: what happens to a frame on its way.
type Wire struct {
	Delay time.Duration
	// Jitter is the most that is added to Delay.
	Jitter time.Duration
	// Shape is the distribution of what is added; "" means Uniform.
	Shape Shape
	// Loss is the fraction of transmissions that are lost.
	Loss float64
	// Burst is how many transmissions are lost in a row, on average: the longer,
	// the rarer. With 0 or 1 each is lost, or not, by itself.
	Burst float64
	// Duplicate, Reorder and Corrupt are the probabilities that a frame arrives
	// twice, overtakes those before it, or is changed. The first two are those of
	// UDP-like links alone; on a TCP-like one a corrupt transmission is a lost one.
	Duplicate, Reorder, Corrupt float64
	// Bandwidth is in bits per second; 0: without limit.
	Bandwidth float64
	// Queue is how many bytes may wait for the bandwidth; 0: DefaultQueue. What
	// does not fit a UDP-like link loses.
	Queue float64
}

// DefaultQueue is what may wait on a wire with a bandwidth, in bytes.
const DefaultQueue = 256 << 10

// Shape is a distribution of jitter.
type Shape string

// Shapes of jitter, between zero and the most that it can be.
const (
	Uniform     Shape = "uniform"
	Normal      Shape = "normal"      // around a half; a sixth is the standard deviation
	Exponential Shape = "exponential" // mostly small: a fifth is the mean
)

// wireKey is a property of a Wire as files have it: for both directions at
// once, or for each.
type wireKey struct {
	name  string
	parse func(string) (float64, error)
	write func(float64) string
	draw  drawFunc
	get   func(*Wire) float64
	set   func(*Wire, float64)
}

// silent is what a file means by not naming a property.
const silent = 0

var wireKeys = []wireKey{
	durationKey("delay", func(w *Wire) *time.Duration { return &w.Delay }),
	durationKey("jitter", func(w *Wire) *time.Duration { return &w.Jitter }),
	numberKey("loss", ParseLoss, formatFloat, func(w *Wire) *float64 { return &w.Loss }),
	numberKey("burst", parseBurst, formatFloat, func(w *Wire) *float64 { return &w.Burst }),
	numberKey("duplicate", parseProbability, formatFloat, func(w *Wire) *float64 { return &w.Duplicate }),
	numberKey("reorder", parseProbability, formatFloat, func(w *Wire) *float64 { return &w.Reorder }),
	numberKey("corrupt", parseProbability, formatFloat, func(w *Wire) *float64 { return &w.Corrupt }),
	numberKey("bandwidth", parseBandwidth, formatBandwidth, func(w *Wire) *float64 { return &w.Bandwidth }),
	numberKey("queue", parseBytes, formatFloat, func(w *Wire) *float64 { return &w.Queue }),
}

func durationKey(name string, at func(*Wire) *time.Duration) wireKey {
	return wireKey{
		name: name,
		parse: func(s string) (float64, error) {
			d, err := ParseDuration(s)
			return float64(d), err
		},
		write: func(v float64) string { return time.Duration(v).String() },
		draw:  drawNanoseconds,
		get:   func(w *Wire) float64 { return float64(*at(w)) },
		set:   func(w *Wire, v float64) { *at(w) = time.Duration(v) },
	}
}

func numberKey(name string, parse func(string) (float64, error), write func(float64) string, at func(*Wire) *float64) wireKey {
	return wireKey{
		name: name, parse: parse, write: write, draw: drawFraction,
		get: func(w *Wire) float64 { return *at(w) },
		set: func(w *Wire, v float64) { *at(w) = v },
	}
}

// problem says what is wrong with a wire of a link of this kind, or "".
func (w *Wire) problem(kind Backend) string {
	switch {
	case w.Delay < 0 || w.Jitter < 0:
		return fmt.Sprintf("delay %v and jitter %v must not be negative", w.Delay, w.Jitter)
	case w.Shape != "" && w.Shape != Uniform && w.Shape != Normal && w.Shape != Exponential:
		return fmt.Sprintf("distribution %q is none of %s, %s, %s", w.Shape, Uniform, Normal, Exponential)
	case !(w.Loss >= 0 && w.Loss < 1):
		return fmt.Sprintf("loss %v must be from 0 to below 1", w.Loss)
	case !fraction(w.Duplicate) || !fraction(w.Reorder) || !fraction(w.Corrupt):
		return fmt.Sprintf("duplicate %v, reorder %v, corrupt %v must each be from 0 to 1", w.Duplicate, w.Reorder, w.Corrupt)
	case !(w.Burst >= 0) || !(w.Bandwidth >= 0) || !(w.Queue >= 0) || math.IsInf(w.Burst+w.Bandwidth+w.Queue, 0):
		return fmt.Sprintf("burst %v, bandwidth %v, queue %v must not be negative", w.Burst, w.Bandwidth, w.Queue)
	case w.Burst > 0 && w.Burst < 1:
		return fmt.Sprintf("burst %v must be 1 or more: it is the mean length of a burst, in frames (0: none)", w.Burst)
	case w.Burst > 1 && w.Loss > mostLoss(w.Burst):
		return fmt.Sprintf("loss %v is more than bursts of %v frames can lose: between two of them one frame arrives at least, so want %v or less",
			w.Loss, w.Burst, mostLoss(w.Burst))
	case kind == TCP && (w.Duplicate > 0 || w.Reorder > 0):
		return fmt.Sprintf("a TCP-like link neither duplicates nor reorders frames: say backend: %s", UDP)
	case kind == TCP && w.Loss+w.Corrupt >= 1:
		return "loss and corrupt leave nothing that arrives"
	}
	return ""
}

// mostLoss is the loss of bursts of a mean length with a single frame between
// each two.
func mostLoss(burst float64) float64 { return burst / (burst + 1) }

func fraction(v float64) bool { return v >= 0 && v <= 1 }

func parseProbability(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !fraction(v) {
		return 0, fmt.Errorf("%q is not a probability: a number from 0 to 1", s)
	}
	return v, nil
}

func parseBurst(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v == 0 || v >= 1 && v <= 1e6) {
		return 0, fmt.Errorf("%q is not the mean length of a burst: a number of frames, 1 or more (0: none)", s)
	}
	return v, nil
}

// unit is a suffix of a number, and what it multiplies by.
type unit struct {
	suffix string
	factor float64
}

// Units, the long ones before those that they end in.
var (
	bitUnits  = []unit{{"Gbit", 1e9}, {"Mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}
	byteUnits = []unit{{"MB", 1e6}, {"kB", 1e3}, {"B", 1}}
)

func parseBandwidth(s string) (float64, error) {
	v, ok := parseUnits(s, bitUnits)
	if !ok || v != 0 && v < 1000 {
		return 0, fmt.Errorf("%q is not a bandwidth: a number and bit, kbit, Mbit or Gbit (per second), 1kbit or more (0bit: without limit), such as 10Mbit", s)
	}
	return v, nil
}

func parseBytes(s string) (float64, error) {
	v, ok := parseUnits(s, append([]unit{{"", 1}}, byteUnits...))
	if !ok || v < 0 || v > 1<<40 {
		return 0, fmt.Errorf("%q is not a size: a number of bytes, such as 65536 or 64kB", s)
	}
	return v, nil
}

func parseUnits(s string, units []unit) (float64, bool) {
	for _, u := range units {
		number, found := strings.CutSuffix(s, u.suffix)
		if v, err := strconv.ParseFloat(strings.TrimSpace(number), 64); found && err == nil && !math.IsInf(v, 0) {
			return v * u.factor, v == v
		}
	}
	return 0, false
}

func formatBandwidth(v float64) string {
	for _, u := range bitUnits {
		if v >= u.factor && math.Mod(v, u.factor) == 0 {
			return formatFloat(v/u.factor) + u.suffix
		}
	}
	return formatFloat(v) + "bit"
}
