package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// Certificate is that of a node. The zero value is for that node, and always valid.
type Certificate struct {
	// From and Until are when it is valid, by the true time since the start of a run;
	// both 0: always.
	From, Until time.Duration
	// Node is the node ID that it names; "": that of its node. Links do not look at it.
	Node string
}

// ever is longer than clocks can be wrong and runs can last.
const ever = 25 * 365 * 24 * time.Hour

// Span returns the first and the last moment: a certificate has both.
func (v Certificate) Span() (from, until time.Duration) {
	if v.From == 0 && v.Until == 0 {
		return -ever, ever
	}
	return v.From, v.Until
}

// Bounded reports whether there is a time at which it is not valid.
func (v Certificate) Bounded() bool {
	from, until := v.Span()
	return from > -ever || until < ever
}

// Signatures of units.
const (
	// DefaultTokenLife is how long a signature is valid unless its node says
	// otherwise, as the default of tokenexpiration.
	DefaultTokenLife = 5 * time.Minute
	// TokenLeeway is how long after that it is still taken (package signing).
	TokenLeeway = time.Minute
)

// Tokens returns how long signatures of the node are valid.
func (n *Node) Tokens() time.Duration {
	if n.TokenLife == 0 {
		return DefaultTokenLife
	}
	return n.TokenLife
}

func (d *decoder) certificate(n *yaml.Node, what string) Certificate {
	v := Certificate{From: -ever, Until: ever}
	d.mapping(n, what,
		optional("node", scalar(d, "certificate: node", &v.Node, parseNodeID)),
		optional("from", scalar(d, "certificate: from", &v.From, parseOffset)),
		optional("until", scalar(d, "certificate: until", &v.Until, parseOffset)))
	if v.From == 0 && v.Until == 0 {
		d.fail(n, "certificate: it is valid from 0s until 0s, which is never: leave out one of them")
	}
	return v
}

func (v Certificate) encode() *yaml.Node {
	if v == (Certificate{}) {
		return nil
	}
	m := flow()
	m.text("node", v.Node)
	from, until := v.Span()
	if from != -ever {
		m.duration("from", from)
	}
	if until != ever {
		m.duration("until", until)
	}
	return m.node
}

func (v Certificate) problem() string {
	if from, until := v.Span(); until <= from {
		return fmt.Sprintf("certificate: it is valid until %v, which is not later than from %v", v.Until, v.From)
	}
	return ""
}

// TLS says which ends of a stream over the mesh show a certificate, and want a valid
// one of the other, which names its node. Two ends that differ in this refuse each
// other.
type TLS string

// Values of TLS.
const (
	NoTLS      TLS = ""
	BothTLS    TLS = "true"
	ClientTLS  TLS = "client"  // the service has none, and is to be refused
	ServiceTLS TLS = "service" // the client has none, and is to refuse
)

// Client reports whether the client has TLS.
func (t TLS) Client() bool { return t == BothTLS || t == ClientTLS }

// Service reports whether the service has TLS.
func (t TLS) Service() bool { return t == BothTLS || t == ServiceTLS }

func parseTLS(s string) (TLS, error) {
	switch t := TLS(s); t {
	case "false":
		return NoTLS, nil
	case BothTLS, ClientTLS, ServiceTLS:
		return t, nil
	}
	return NoTLS, fmt.Errorf("%q is none of true, false, %s and %s", s, ClientTLS, ServiceTLS)
}

func (t TLS) problem() string {
	switch t {
	case NoTLS, BothTLS, ClientTLS, ServiceTLS:
		return ""
	}
	return fmt.Sprintf("tls %q is none of true, %s and %s", string(t), ClientTLS, ServiceTLS)
}

// ControlTLS reports whether the control service of a node has TLS: units that are
// submitted to it over the mesh say so.
func (s *Scenario) ControlTLS(node string) bool {
	return slices.ContainsFunc(s.Units, func(u Unit) bool { return u.To == node && u.TLS.Service() })
}

// controls finds units that want different things of the control service of a node.
func (c *checker) controls(units []Unit) {
	first := make(map[string]Unit)
	for _, u := range units {
		other, known := first[u.To]
		switch {
		case !known:
			first[u.To] = u
		case other.TLS.Service() != u.TLS.Service():
			with, without := u, other
			if other.TLS.Service() {
				with, without = other, u
			}
			c.fail(u.line, "unit: the control service of %q has TLS for %s, and none for %s: want all units to that node with tls: true or %s, or all without or with tls: %s",
				u.To, with.place(), without.place(), ServiceTLS, ClientTLS)
		}
	}
}

// place names a unit for a person.
func (u Unit) place() string {
	if u.line == 0 {
		return fmt.Sprintf("that from %s at %v", u.From, u.At)
	}
	return fmt.Sprintf("that on line %d", u.line)
}

// MayRefuse reports whether an end of the link may not believe the certificate of
// the other at some time.
func (s *Scenario) MayRefuse(l Link) bool {
	return l.TLS && slices.ContainsFunc(append(s.certificates(l.From), s.certificates(l.To)...), Certificate.Bounded)
}

// endsRefused reports whether that may be so of the certificates that the two have at
// last.
func (s *Scenario) endsRefused(l Link) bool {
	return l.TLS && slices.ContainsFunc([]string{l.From, l.To}, func(id string) bool {
		all := s.certificates(id)
		return all[len(all)-1].Bounded()
	})
}

// certificates returns those that a node has, one after the other.
func (s *Scenario) certificates(node string) (all []Certificate) {
	for _, n := range s.Nodes {
		if n.ID == node {
			all = append(all, n.Certificate)
		}
	}
	var renewals []Action
	settled := s.For
	for _, a := range s.Timeline {
		switch {
		case a.Do == Renew && a.Node == node:
			renewals = append(renewals, a)
		case a.Do == Settle:
			settled = min(settled, a.At)
		}
	}
	slices.SortStableFunc(renewals, func(a, b Action) int { return cmp.Compare(a.At, b.At) })
	for _, a := range renewals {
		if a.At < settled { // nothing is done from then on
			all = append(all, a.Certificate)
		}
	}
	return all
}

// renewal finds what is wrong with a renewal, which the rest of the scenario decides.
func (c *checker) renewal(s *Scenario, a *Action) {
	for _, n := range s.Nodes {
		if n.ID == a.Node && n.Kind == KindDeployed {
			c.fail(a.line, "action renew: the model of the deployed node %q shows no certificate; give it another node", a.Node)
			return
		}
	}
	switch {
	case a.Certificate.Node != "":
		c.fail(a.line, "action renew: a certificate that is renewed names the node that the one before names: leave out node: %s", a.Certificate.Node)
	case s.Secured() == "":
		c.fail(a.line, "action renew: no link, stream or unit has tls, so nobody would look at the certificate: leave out the action, or say tls: true where there is to be TLS")
	}
}

// Secured says what of a scenario has to do with certificates, "" if nothing has: the
// core engine has none.
func (s *Scenario) Secured() string {
	for _, l := range s.Links {
		if l.TLS {
			return "link " + l.Name() + " has TLS"
		}
	}
	for _, v := range s.Streams {
		if v.TLS != NoTLS {
			return "the stream from " + v.From + " to " + v.To + " has TLS"
		}
	}
	for _, u := range s.Units {
		if u.TLS != NoTLS {
			return "the unit from " + u.From + " to " + u.To + " has TLS"
		}
	}
	return ""
}
