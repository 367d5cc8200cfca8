package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"receptor/sim/seed"
)

// Faults says which faults to draw. Each seed draws its own rate, and which of
// the kinds it uses at all: rare combinations then come up as often as others.
type Faults struct {
	// They begin between From and Until; Until 0: the end of the run.
	From, Until time.Duration
	// Rate is how many begin each second in the whole mesh.
	Rate Range[float64]
	// Duration is how long one lasts.
	Duration Range[time.Duration]
	// Kinds are those that may be drawn: each a Do that lasts, or SetClock.
	Kinds []Do
}

// FaultKinds returns all that Faults can draw. Forge is not among its defaults:
// with a forging node, only what it cannot touch is claimed. Nor are the
// DiskKinds, which only the full engine has.
func FaultKinds() []Do {
	return append([]Do{Down, Flap, Clog, Split, Pause, Slow, Crash, Wipe, Duplicate, SetClock, Forge}, DiskKinds()...)
}

// DiskKinds returns the faults of machines and their disks.
func DiskKinds() []Do { return []Do{PowerCut, DiskFull, DiskSlow, DiskErrors, DiskLies} }

// DefaultFaults returns what `faults: {}` means.
func DefaultFaults() Faults {
	return Faults{
		From: 0, Rate: Range[float64]{0.02, 0.5},
		Duration: Range[time.Duration]{100 * time.Millisecond, 40 * time.Second},
		Kinds:    slices.DeleteFunc(FaultKinds(), func(k Do) bool { return k == Forge || slices.Contains(DiskKinds(), k) }),
	}
}

// maxFaults bounds what one file may draw.
const maxFaults = 100_000

func (d *decoder) faults(n *yaml.Node) *Faults {
	f := DefaultFaults()
	problems := len(d.problems)
	d.mapping(n, "faults",
		optional("from", scalar(d, "faults: from", &f.From, ParseDuration)),
		optional("until", scalar(d, "faults: until", &f.Until, parsePositiveDuration)),
		optional("rate", scalar(d, "faults: rate", &f.Rate, rangeParser(parseRate))),
		optional("duration", scalar(d, "faults: duration", &f.Duration, rangeParser(parsePositiveDuration))),
		optional("kinds", func(n *yaml.Node) {
			f.Kinds = nil
			d.list("faults: kinds", func(n *yaml.Node) {
				var k Do
				scalar(d, "faults: kinds", &k, parseOneOf(FaultKinds()...))(n)
				f.Kinds = append(f.Kinds, k)
			})(n)
		}))
	if len(d.problems) == problems && f.Until != 0 && f.Until <= f.From {
		d.fail(n, "faults: until %v must be later than from %v", f.Until, f.From)
	}
	return &f
}

func parseRate(s string) (float64, error) {
	v, err := parsePositive(s)
	if err == nil && v > 1000 {
		err = fmt.Errorf("%q faults each second are too many: 1000 at most", s)
	}
	return v, err
}

// Draw adds faults to the timeline, by the seed of the scenario. A fault that
// would last beyond Until is cut short, so that all of them end.
func (s *Scenario) Draw(f Faults) {
	until := f.Until
	if until == 0 {
		until = s.For
	}
	r := seed.Rand(s.Seed, "faults", "")
	d := faultDrawer{s: s, r: r, of: f, until: until}
	kinds := slices.DeleteFunc(slices.Clone(f.Kinds), func(k Do) bool { return !d.possible(k) })
	if len(kinds) == 0 {
		return
	}
	if s.hasDeployed() && r.IntN(4) > 0 {
		// Deployed nodes do not recover from a doubt about who is who, so nothing can
		// be claimed after it: few seeds have one.
		d.undoubted = true
		kinds = slices.DeleteFunc(kinds, func(k Do) bool { return k == Duplicate || k == SetClock })
	}
	if len(kinds) == 0 {
		return
	}
	// At least one kind, and seldom all of them.
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:1+r.IntN(len(kinds))]
	// From a few to many: the logarithm of the rate is even.
	rate := f.Rate.Min * math.Exp(r.Float64()*math.Log(f.Rate.Max/f.Rate.Min))
	at := f.From
	for range maxFaults {
		at += max(time.Millisecond, time.Duration(r.ExpFloat64()/rate*float64(time.Second))).Truncate(time.Millisecond)
		if at >= until {
			return
		}
		s.Timeline = append(s.Timeline, d.fault(at, kinds[r.IntN(len(kinds))]))
	}
}

type faultDrawer struct {
	s     *Scenario
	r     *rand.Rand
	of    Faults
	until time.Duration

	undoubted bool // who is who
}

func (s *Scenario) hasDeployed() bool {
	return slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Kind == KindDeployed })
}

// possible reports whether the mesh has what a fault needs.
func (d *faultDrawer) possible(k Do) bool {
	switch t := actions[k]; {
	case t.link:
		return len(d.s.Links) > 0
	case t.nodes || t.via:
		return len(d.s.Nodes) > 1
	default:
		return true
	}
}

func (d *faultDrawer) fault(at time.Duration, k Do) Action {
	r, t := d.r, actions[k]
	a := Action{At: at, Do: k}
	if t.lasts {
		a.For = min(d.duration(), d.until-at)
	}
	if t.link {
		l := d.s.Links[r.IntN(len(d.s.Links))]
		a.Link = [2]string{l.From, l.To}
		if r.IntN(2) == 0 {
			a.Link = [2]string{l.To, l.From}
		}
		a.OneWay = k != Flap && r.IntN(3) == 0
	}
	if t.node {
		a.Node = d.s.Nodes[r.IntN(len(d.s.Nodes))].ID
	}
	if t.every {
		a.Every = max(a.For/time.Duration(2+r.IntN(20)), time.Millisecond).Truncate(time.Millisecond)
		a.For = max(a.For, a.Every)
	}
	switch k {
	case Split:
		a.Nodes = d.side()
	case Slow:
		a.By = time.Duration(1+r.IntN(200)) * time.Millisecond
	case Crash:
		a.OldEpoch = r.IntN(4) == 0 && !d.undoubted
	case PowerCut:
		a.Loss = []Loss{LoseAll, Torn, Reordered}[r.IntN(3)]
	case DiskSlow:
		a.By = time.Duration(1+r.IntN(200)) * time.Millisecond
	case DiskErrors:
		a.Probability = float64(1+r.IntN(100)) / 100
	case Duplicate:
		a.Via = d.s.Nodes[r.IntN(len(d.s.Nodes))].ID
		for a.Via == a.Node {
			a.Via = d.s.Nodes[r.IntN(len(d.s.Nodes))].ID
		}
	case SetClock:
		a.Clock = Clock{
			Offset: time.Duration(r.IntN(2*86400)-86400) * time.Second,
			Drift:  float64(r.IntN(201)-100) / 10000,
		}
	}
	return a
}

// duration draws evenly on a logarithmic scale: short faults find other bugs
// than long ones.
func (d *faultDrawer) duration() time.Duration {
	low, high := d.of.Duration.Min, d.of.Duration.Max
	v := float64(low) * math.Exp(d.r.Float64()*math.Log(float64(high)/float64(low)))
	return max(low, time.Duration(v).Truncate(time.Millisecond))
}

// side draws one side of a split: neither nobody nor all.
func (d *faultDrawer) side() []string {
	n := len(d.s.Nodes)
	side := make([]string, 0, n)
	for _, i := range d.r.Perm(n)[:1+d.r.IntN(n-1)] {
		side = append(side, d.s.Nodes[i].ID)
	}
	slices.SortFunc(side, strings.Compare)
	return side
}
