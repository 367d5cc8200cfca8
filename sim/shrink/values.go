package shrink

import (
	"math"
	"time"

	"receptor/sim/scenario"
)

// knob is one value of a scenario that has a plainest setting.
type knob struct {
	get      func(*scenario.Scenario) float64
	set      func(*scenario.Scenario, float64)
	plainest float64
	// step is what values between are multiples of, so that they can be read.
	step float64
}

// kinds returns the knobs of a scenario, those of one kind together.
func kinds(s *scenario.Scenario) [][]knob {
	var all [][]knob
	all = append(all, expectations()...)
	for _, of := range []func(*scenario.Wire) *float64{
		func(w *scenario.Wire) *float64 { return &w.Loss },
		func(w *scenario.Wire) *float64 { return &w.Burst },
		func(w *scenario.Wire) *float64 { return &w.Duplicate },
		func(w *scenario.Wire) *float64 { return &w.Reorder },
		func(w *scenario.Wire) *float64 { return &w.Corrupt },
		func(w *scenario.Wire) *float64 { return &w.Bandwidth },
		func(w *scenario.Wire) *float64 { return &w.Queue },
	} {
		all = append(all, wires(s, 0.01, func(w *scenario.Wire) float64 { return *of(w) }, func(w *scenario.Wire, v float64) { *of(w) = v }))
	}
	for _, of := range []func(*scenario.Wire) *time.Duration{
		func(w *scenario.Wire) *time.Duration { return &w.Jitter },
		func(w *scenario.Wire) *time.Duration { return &w.Delay },
	} {
		all = append(all, wires(s, float64(time.Millisecond),
			func(w *scenario.Wire) float64 { return float64(*of(w)) },
			func(w *scenario.Wire, v float64) { *of(w) = time.Duration(v) }))
	}
	all = append(all, words(s)...)
	all = append(all,
		knobs(len(s.Links), 1, 1, func(s *scenario.Scenario, i int) *float64 { return &s.Links[i].Cost }),
		flags(len(s.Links), func(s *scenario.Scenario, i int) *bool { return &s.Links[i].TLS }),
		durations(len(s.Nodes), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Nodes[i].TokenLife }),
		durations(len(s.Nodes), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Nodes[i].Clock.Offset }),
		counts(len(s.Nodes), 0, func(s *scenario.Scenario, i int) *int { return &s.Nodes[i].MaxParallel }),
		counts(len(s.Nodes), 0, func(s *scenario.Scenario, i int) *int { return &s.Nodes[i].MaxOutput }),
		knobs(len(s.Nodes), 0, 0.001, func(s *scenario.Scenario, i int) *float64 { return &s.Nodes[i].Clock.Drift }))
	all = append(all, actions(s)...)
	all = append(all, workload(s)...)
	return append(all, durations(1, time.Second, func(s *scenario.Scenario, _ int) *time.Duration { return &s.For }))
}

// words are the knobs of what is not a number.
func words(s *scenario.Scenario) [][]knob {
	kinds := make([]knob, len(s.Nodes))
	for i := range s.Nodes {
		kinds[i] = knob{
			get:  func(s *scenario.Scenario) float64 { return number(s.Nodes[i].Kind == scenario.KindDeployed) },
			set:  func(s *scenario.Scenario, _ float64) { s.Nodes[i].Kind = scenario.KindOurs },
			step: 1,
		}
	}
	backends := make([]knob, len(s.Links))
	shapes := make([]knob, len(s.Links))
	for i := range s.Links {
		backends[i] = knob{
			get:  func(s *scenario.Scenario) float64 { return number(s.Links[i].Backend != scenario.TCP) },
			set:  func(s *scenario.Scenario, _ float64) { s.Links[i].Backend = scenario.TCP },
			step: 1,
		}
		shapes[i] = knob{
			get: func(s *scenario.Scenario) float64 {
				return number(s.Links[i].Forward.Shape != "" || s.Links[i].Back.Shape != "")
			},
			set:  func(s *scenario.Scenario, _ float64) { s.Links[i].Forward.Shape, s.Links[i].Back.Shape = "", "" },
			step: 1,
		}
	}
	certificates := make([]knob, len(s.Nodes))
	for i := range s.Nodes {
		certificates[i] = knob{
			get:  func(s *scenario.Scenario) float64 { return number(s.Nodes[i].Certificate != (scenario.Certificate{})) },
			set:  func(s *scenario.Scenario, _ float64) { s.Nodes[i].Certificate = scenario.Certificate{} },
			step: 1,
		}
	}
	return [][]knob{kinds, backends, shapes, certificates}
}

func expectations() [][]knob {
	return [][]knob{
		{{
			get:      func(s *scenario.Scenario) float64 { return float64(s.Expect.ConvergedWithin) },
			set:      func(s *scenario.Scenario, v float64) { s.Expect.ConvergedWithin = time.Duration(v) },
			plainest: 0, step: math.Inf(1), // halving would only make it fail
		}},
		{{
			get:      func(s *scenario.Scenario) float64 { return float64(s.Expect.LostPings) },
			set:      func(s *scenario.Scenario, v float64) { s.Expect.LostPings = int(v) },
			plainest: -1, step: math.Inf(1),
		}},
		{{
			get:      func(s *scenario.Scenario) float64 { return number(s.Expect.Converges) },
			set:      func(s *scenario.Scenario, v float64) { s.Expect.Converges = v != 0 },
			plainest: 0, step: math.Inf(1),
		}},
	}
}

func actions(s *scenario.Scenario) [][]knob {
	n := len(s.Timeline)
	of := func(at func(*scenario.Action) *time.Duration) func(*scenario.Scenario, int) *time.Duration {
		return func(s *scenario.Scenario, i int) *time.Duration { return at(&s.Timeline[i]) }
	}
	flags := make([]knob, 0, 2*n)
	for i := range n {
		flags = append(flags, flag(func(s *scenario.Scenario) *bool { return &s.Timeline[i].OneWay }),
			flag(func(s *scenario.Scenario) *bool { return &s.Timeline[i].OldEpoch }))
	}
	return [][]knob{
		flags,
		durations(n, 0, of(func(a *scenario.Action) *time.Duration { return &a.Clock.Offset })),
		knobs(n, 0, 0.001, func(s *scenario.Scenario, i int) *float64 { return &s.Timeline[i].Clock.Drift }),
		durations(n, 0, of(func(a *scenario.Action) *time.Duration { return &a.For })),
		durations(n, 0, of(func(a *scenario.Action) *time.Duration { return &a.By })),
		durations(n, 0, of(func(a *scenario.Action) *time.Duration { return &a.At })),
	}
}

func workload(s *scenario.Scenario) [][]knob {
	ping := func(s *scenario.Scenario, i int) *scenario.Ping { return &s.Pings[i] }
	datagram := func(s *scenario.Scenario, i int) *scenario.Ping { return &s.Datagrams[i].Ping }
	var all [][]knob
	for _, series := range []struct {
		n  int
		of func(*scenario.Scenario, int) *scenario.Ping
	}{{len(s.Pings), ping}, {len(s.Datagrams), datagram}} {
		all = append(all,
			counts(series.n, 1, func(s *scenario.Scenario, i int) *int { return &series.of(s, i).Count }),
			durations(series.n, time.Second, func(s *scenario.Scenario, i int) *time.Duration { return &series.of(s, i).Every }),
			durations(series.n, 0, func(s *scenario.Scenario, i int) *time.Duration { return &series.of(s, i).At }))
	}
	return append(all,
		counts(len(s.Datagrams), scenario.MinDatagram, func(s *scenario.Scenario, i int) *int { return &s.Datagrams[i].Size }),
		counts(len(s.Datagrams), maxHops, func(s *scenario.Scenario, i int) *int { return &s.Datagrams[i].Hops }),
		durations(len(s.Services), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Services[i].At }),
		durations(len(s.Services), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Services[i].For }),
		counts(len(s.Units), 0, func(s *scenario.Scenario, i int) *int { return &s.Units[i].Exit }),
		counts(len(s.Units), 0, func(s *scenario.Scenario, i int) *int { return &s.Units[i].Stdin }),
		counts(len(s.Units), 0, func(s *scenario.Scenario, i int) *int { return &s.Units[i].Stdout }),
		counts(len(s.Units), 0, func(s *scenario.Scenario, i int) *int { return &s.Units[i].Children }),
		outputs(s),
		flags(len(s.Units), func(s *scenario.Scenario, i int) *bool { return &s.Units[i].IgnoreSIGINT }),
		flags(len(s.Units), func(s *scenario.Scenario, i int) *bool { return &s.Units[i].Signed }),
		security(s, len(s.Units), func(s *scenario.Scenario, i int) *scenario.TLS { return &s.Units[i].TLS }),
		security(s, len(s.Streams), func(s *scenario.Scenario, i int) *scenario.TLS { return &s.Streams[i].TLS }),
		durations(len(s.Units), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Units[i].Duration }),
		durations(len(s.Units), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Units[i].At }),
		durations(len(s.Units), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Units[i].CancelAt }),
		durations(len(s.Units), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Units[i].ReleaseAt }),
		counts(len(s.Streams), 0, func(s *scenario.Scenario, i int) *int { return &s.Streams[i].Send }),
		counts(len(s.Streams), 0, func(s *scenario.Scenario, i int) *int { return &s.Streams[i].Receive }),
		durations(len(s.Streams), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Streams[i].Idle }),
		durations(len(s.Streams), 0, func(s *scenario.Scenario, i int) *time.Duration { return &s.Streams[i].At }))
}

// simplify sets as many values as it can to what they are when a file does not
// name them.
func (s *shrinker) simplify() {
	for _, kind := range kinds(s.best) {
		var odd []knob
		for _, k := range kind {
			if k.get(s.best) != k.plainest {
				odd = append(odd, k)
			}
		}
		s.reduce(len(odd), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
			c := clone(best)
			for i, k := range odd {
				if out[i] {
					k.set(c, k.plainest)
				}
			}
			return c
		})
	}
}

// lower brings what could not be set to its plainest value as near to that as
// it can.
func (s *shrinker) lower() {
	for _, kind := range kinds(s.best) {
		for _, k := range kind {
			s.approach(k)
		}
	}
}

// approach searches between the plainest value, which does not fail, and that
// of the best, in steps of half the distance.
func (s *shrinker) approach(k knob) {
	low := k.plainest
	for range 12 {
		high := k.get(s.best)
		middle := low + (high-low)/2
		// Towards the plainest, to a value that can be read.
		steps := math.Trunc((middle - k.plainest) / coarsest(k.step, middle-k.plainest))
		middle = k.plainest + steps*coarsest(k.step, middle-k.plainest)
		if math.IsNaN(middle) || middle == low || middle == high || middle == k.plainest {
			return
		}
		c := clone(s.best)
		k.set(c, middle)
		if !s.try(c) {
			low = middle
		}
	}
}

// coarsest returns the greatest decimal multiple of a step that is at most a
// tenth of a distance, or the step.
func coarsest(step, distance float64) float64 {
	for distance = math.Abs(distance); step*100 <= distance; {
		step *= 10
	}
	return step
}
