package stats

import (
	"time"

	"receptor/sim/check"
)

// Gatherer adds up the figures of runs, in the order in which they are given.
type Gatherer struct {
	runs            int
	after           map[check.Cause]*gathered
	busy, calm      []float64
	delivered, hops []float64
	datagrams       Datagrams
	pings           Pings
}

// gathered is what was seen after one kind of disturbance.
type gathered struct {
	episodes          int
	routed, converged []float64 // seconds
}

// NewGatherer returns one that was given nothing yet.
func NewGatherer() *Gatherer {
	g := &Gatherer{after: make(map[check.Cause]*gathered), datagrams: Datagrams{Lost: make(map[Loss]int)}}
	for _, cause := range check.Causes() {
		g.after[cause] = &gathered{}
	}
	return g
}

// Add takes the figures of one more run.
func (g *Gatherer) Add(f Figures) {
	g.runs++
	for _, e := range f.Episodes {
		a := g.after[e.Cause]
		a.episodes++
		a.routed = appendTime(a.routed, e.Routed)
		a.converged = appendTime(a.converged, e.Converged)
	}
	g.busy = append(g.busy, f.Busy...)
	g.calm = append(g.calm, f.Calm...)
	if f.DeliveredHops > 0 {
		g.delivered = append(g.delivered, float64(f.DeliveredHops))
	}
	if f.RouteHops > 0 {
		g.hops = append(g.hops, float64(f.RouteHops))
	}
	g.datagrams.Sent += f.Datagrams.Sent
	g.datagrams.Delivered += f.Datagrams.Delivered
	for why, n := range f.Datagrams.Lost {
		g.datagrams.Lost[why] += n
	}
	g.pings.Sent += f.Pings.Sent
	g.pings.Answered += f.Pings.Answered
	g.pings.Lost += f.Pings.Lost
}

func appendTime(list []float64, d time.Duration) []float64 {
	if d == check.Never {
		return list
	}
	return append(list, d.Seconds())
}

// Summary is what many runs say about a mesh.
type Summary struct {
	Runs        int           `json:"runs"`
	Convergence []Convergence `json:"convergence"`
	// Control is in bytes per second, one value for each node of each run.
	Control struct {
		Calm Distribution `json:"calm"`
		Busy Distribution `json:"busy"`
	} `json:"control_bytes_per_node_second"`
	// Hops has one value for each run.
	Hops struct {
		Delivered Distribution `json:"delivered"`
		Routes    Distribution `json:"routes"`
	} `json:"longest_path_hops"`
	Datagrams Datagrams `json:"datagrams"`
	Pings     Pings     `json:"pings"`
}

// Convergence is how long it took after one kind of disturbance, in seconds.
// Episodes without a value were over, by the next disturbance or the end of the
// run, before the mesh was seen to be right.
type Convergence struct {
	After     check.Cause  `json:"after"`
	Episodes  int          `json:"episodes"`
	Routes    Distribution `json:"routes_right_seconds"`
	Databases Distribution `json:"all_right_seconds"`
}

// Summary describes what was added so far. Disturbances that never happened are
// left out.
func (g *Gatherer) Summary() Summary {
	s := Summary{Runs: g.runs, Convergence: []Convergence{}, Datagrams: g.datagrams, Pings: g.pings}
	for _, cause := range check.Causes() {
		if a := g.after[cause]; a.episodes > 0 {
			s.Convergence = append(s.Convergence, Convergence{cause, a.episodes, Describe(a.routed), Describe(a.converged)})
		}
	}
	s.Control.Calm, s.Control.Busy = Describe(g.calm), Describe(g.busy)
	s.Hops.Delivered, s.Hops.Routes = Describe(g.delivered), Describe(g.hops)
	return s
}
