package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// advertised is how long an advertisement is kept without news (PROTOCOL section
// 2.4).
const advertised = 5 * time.Minute

// Offer is a service of a node.
type Offer struct{ Node, Name string }

func (o Offer) compare(p Offer) int {
	if c := strings.Compare(o.Node, p.Node); c != 0 {
		return c
	}
	return strings.Compare(o.Name, p.Name)
}

// Services checks that nodes know of the services that are offered, and forget
// those that are not:
//
//   - in a quiet mesh everybody whom an advertisement reaches knows of a service
//     as soon as a flood takes, with what is lost on the way and sent again, and,
//     when it is withdrawn, no longer knows as soon;
//   - whatever has happened before, what is not offered is forgotten once the mesh
//     has been quiet for as long as an advertisement lives.
type Services struct {
	index  map[string]int
	offers map[Offer]*offering
	report Report
}

// offering is a service that is or was on offer.
type offering struct {
	on    bool
	since time.Duration
}

// NewServices returns the checker of nodes with these IDs, numbered in order.
func NewServices(ids []string, report Report) *Services {
	s := &Services{index: make(map[string]int, len(ids)), offers: make(map[Offer]*offering), report: report}
	for i, id := range ids {
		s.index[id] = i
	}
	return s
}

// Offered tells that a node, which is running, offers a service from now on.
func (s *Services) Offered(now time.Duration, o Offer) { s.offers[o] = &offering{on: true, since: now} }

// Withdrawn tells that it no longer does, by its own will or because its process
// has ended.
func (s *Services) Withdrawn(now time.Duration, o Offer) {
	s.offers[o] = &offering{on: false, since: now}
}

// Situation is what the claims about services depend on.
type Situation struct {
	// Quiet is since when the mesh has been undisturbed for its bound.
	Quiet time.Duration
	Paths *Paths
	// Repair is how long it takes at most until what is lost has been sent again; 0
	// when nothing is.
	Repair time.Duration
}

// NewSituation returns that of a mesh; converged tells since when it is quiet, if it is.
func NewSituation(converged *Convergence, paths *Paths, c Conditions) Situation {
	s := Situation{Quiet: converged.QuietSince(), Paths: paths}
	if c.Loss > 0 {
		s.Repair = converged.Bound()
	}
	return s
}

// FloodTime is how long an advertisement takes at most until everybody that it
// reaches knows it.
func (s Situation) FloodTime() time.Duration { return 2*coalesced + s.Paths.Crossing() + s.Repair }

// Judge compares what nodes know with what is offered, in a mesh that is quiet.
// known returns what a node, by its number, knows, in any order.
func (s *Services) Judge(now time.Duration, in Situation, known func(node int) []Offer) {
	flood := in.FloodTime()
	offers := make([]Offer, 0, len(s.offers))
	for o := range s.offers {
		offers = append(offers, o)
	}
	slices.SortFunc(offers, Offer.compare)
	for i, id := range in.Paths.g.ids {
		if in.Paths.g.left[i] {
			continue
		}
		has := known(i)
		slices.SortFunc(has, Offer.compare)
		for _, o := range offers {
			if text := s.missing(now, i, o, in, flood); text != "" && !slices.Contains(has, o) {
				s.report(now, id, RuleService, "%s", text)
			}
		}
		for _, o := range has {
			if text := s.leftover(now, i, o, in, flood); text != "" {
				s.report(now, id, RuleService, "%s", text)
			}
		}
	}
}

// missing says why a node must know of a service, or "".
func (s *Services) missing(now time.Duration, node int, o Offer, in Situation, flood time.Duration) string {
	offer := s.offers[o]
	host := s.index[o.Node]
	if !offer.on || now < offer.since+flood || !in.Paths.Reachable(node, host) {
		return ""
	}
	return fmt.Sprintf("it does not know of service %s of %s, which offers it since %v", o.Name, o.Node, offer.since)
}

// leftover says why a node must no longer know of a service, or "".
func (s *Services) leftover(now time.Duration, node int, o Offer, in Situation, flood time.Duration) string {
	offer, ever := s.offers[o]
	host, exists := s.index[o.Node]
	switch {
	case !exists || !ever:
		return fmt.Sprintf("it knows of service %s of %s, which never offered it", o.Name, o.Node)
	case offer.on && in.Paths.Reachable(node, host):
		return ""
	case now >= max(offer.since, in.Quiet)+advertised+flood:
		return fmt.Sprintf("it still knows of service %s of %s, which is out of reach or does not offer it any more: "+
			"advertisements live for %v, and the mesh has been quiet since %v", o.Name, o.Node, advertised, in.Quiet)
	case !offer.on && offer.since >= in.Quiet && now >= offer.since+flood && in.Paths.Reachable(node, host):
		return fmt.Sprintf("it still knows of service %s of %s, which has withdrawn it at %v", o.Name, o.Node, offer.since)
	}
	return ""
}
