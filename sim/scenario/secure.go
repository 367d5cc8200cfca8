package scenario

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// Validity is when the certificate of a node is valid, by the true time since the
// start of a run. The zero value is always.
type Validity struct{ From, Until time.Duration }

// ever is longer than clocks can be wrong and runs can last.
const ever = 25 * 365 * 24 * time.Hour

// Span returns the first and the last moment: a certificate has both.
func (v Validity) Span() (from, until time.Duration) {
	if v == (Validity{}) {
		return -ever, ever
	}
	return v.From, v.Until
}

// Bounded reports whether there is a time at which it is not valid.
func (v Validity) Bounded() bool {
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

func (d *decoder) certificate(n *yaml.Node) Validity {
	v := Validity{-ever, ever}
	d.mapping(n, "node: certificate",
		optional("from", scalar(d, "certificate: from", &v.From, parseOffset)),
		optional("until", scalar(d, "certificate: until", &v.Until, parseOffset)))
	return v
}

func (v Validity) encode() *yaml.Node {
	if v == (Validity{}) {
		return nil
	}
	m := flow()
	if v.From != -ever {
		m.duration("from", v.From)
	}
	if v.Until != ever {
		m.duration("until", v.Until)
	}
	return m.node
}

func (v Validity) problem() string {
	if from, until := v.Span(); until <= from {
		return fmt.Sprintf("certificate: it is valid until %v, which is not later than from %v", v.Until, v.From)
	}
	return ""
}

// MayRefuse reports whether an end of the link may not believe the certificate of
// the other at some time.
func (s *Scenario) MayRefuse(l Link) bool {
	if !l.TLS {
		return false
	}
	for _, n := range s.Nodes {
		if (n.ID == l.From || n.ID == l.To) && n.Certificate.Bounded() {
			return true
		}
	}
	return false
}

// Secured says what of a scenario has to do with certificates and signatures, ""
// if nothing has: the core engine has neither.
func (s *Scenario) Secured() string {
	for _, l := range s.Links {
		if l.TLS {
			return "link " + l.Name() + " has TLS"
		}
	}
	return ""
}
