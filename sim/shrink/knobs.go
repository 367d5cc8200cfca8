package shrink

import (
	"time"

	"receptor/mesh/wire"
	"receptor/sim/scenario"
)

// maxHops is what a datagram has when its file does not say.
const maxHops = wire.MaxHops

func knobs(n int, plainest, step float64, at func(*scenario.Scenario, int) *float64) []knob {
	all := make([]knob, n)
	for i := range all {
		all[i] = knob{
			get:      func(s *scenario.Scenario) float64 { return *at(s, i) },
			set:      func(s *scenario.Scenario, v float64) { *at(s, i) = v },
			plainest: plainest, step: step,
		}
	}
	return all
}

func durations(n int, plainest time.Duration, at func(*scenario.Scenario, int) *time.Duration) []knob {
	all := make([]knob, n)
	for i := range all {
		all[i] = knob{
			get:      func(s *scenario.Scenario) float64 { return float64(*at(s, i)) },
			set:      func(s *scenario.Scenario, v float64) { *at(s, i) = time.Duration(v) },
			plainest: float64(plainest), step: float64(time.Millisecond),
		}
	}
	return all
}

func counts(n, plainest int, at func(*scenario.Scenario, int) *int) []knob {
	all := make([]knob, n)
	for i := range all {
		all[i] = knob{
			get:      func(s *scenario.Scenario) float64 { return float64(*at(s, i)) },
			set:      func(s *scenario.Scenario, v float64) { *at(s, i) = int(v) },
			plainest: float64(plainest), step: 1,
		}
	}
	return all
}

func flag(at func(*scenario.Scenario) *bool) knob {
	return knob{
		get:  func(s *scenario.Scenario) float64 { return number(*at(s)) },
		set:  func(s *scenario.Scenario, v float64) { *at(s) = v != 0 },
		step: 1,
	}
}

func flags(n int, at func(*scenario.Scenario, int) *bool) []knob {
	all := make([]knob, n)
	for i := range all {
		all[i] = flag(func(s *scenario.Scenario) *bool { return at(s, i) })
	}
	return all
}

// outputs are knobs of which all but the plainest stay what they are.
func outputs(s *scenario.Scenario) []knob {
	all := make([]knob, len(s.Units))
	for i, u := range s.Units {
		all[i] = knob{
			get: func(s *scenario.Scenario) float64 {
				return number(s.Units[i].Output != "" && s.Units[i].Output != scenario.Steady)
			},
			set: func(s *scenario.Scenario, v float64) {
				if s.Units[i].Output = scenario.Steady; v != 0 {
					s.Units[i].Output = u.Output
				}
			},
			step: 1,
		}
	}
	return all
}

// security are knobs of which all but the plainest stay what they are.
func security(s *scenario.Scenario, n int, at func(*scenario.Scenario, int) *scenario.TLS) []knob {
	all := make([]knob, n)
	for i := range all {
		own := *at(s, i)
		all[i] = knob{
			get: func(s *scenario.Scenario) float64 { return number(*at(s, i) != scenario.NoTLS) },
			set: func(s *scenario.Scenario, v float64) {
				if *at(s, i) = scenario.NoTLS; v != 0 {
					*at(s, i) = own
				}
			},
			step: 1,
		}
	}
	return all
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// wires are the knobs of both directions of all links.
func wires(s *scenario.Scenario, step float64, get func(*scenario.Wire) float64, set func(*scenario.Wire, float64)) []knob {
	all := make([]knob, 0, 2*len(s.Links))
	for i := range s.Links {
		for _, wire := range []func(*scenario.Scenario) *scenario.Wire{
			func(s *scenario.Scenario) *scenario.Wire { return &s.Links[i].Forward },
			func(s *scenario.Scenario) *scenario.Wire { return &s.Links[i].Back },
		} {
			all = append(all, knob{
				get:  func(s *scenario.Scenario) float64 { return get(wire(s)) },
				set:  func(s *scenario.Scenario, v float64) { set(wire(s), v) },
				step: step,
			})
		}
	}
	return all
}
