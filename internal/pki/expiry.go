package pki

import (
	"crypto/tls"
	"fmt"
	"time"
)

// renewalTime is how long before the end of a certificate it is time for
// another.
const renewalTime = 30 * 24 * time.Hour

// States of a certificate, in words for an operator.
const (
	NotYetValid = "not yet valid"
	Valid       = "valid"
	ExpiresSoon = "expires soon" // within 30 days
	Expired     = "expired"
)

// A Certificate is what there is to know of one that a node shows to others.
type Certificate struct {
	Item, Name          string // of the configuration: tls-server or tls-client, and its name
	File                string
	NodeIDs             []string
	NotBefore, NotAfter time.Time
}

// State returns one of the states.
func (c *Certificate) State(now time.Time) string {
	switch {
	case now.Before(c.NotBefore):
		return NotYetValid
	case now.After(c.NotAfter):
		return Expired
	case c.NotAfter.Sub(now) < renewalTime:
		return ExpiresSoon
	}
	return Valid
}

// Check returns an error that tells an operator what is wrong, and what to do,
// unless the certificate is valid and will be for 30 days.
func (c *Certificate) Check(now time.Time) error {
	const renew = "replace the file with a new one, which the next connection uses"
	switch c.State(now) {
	case NotYetValid:
		return fmt.Errorf("%s %q: the certificate in %s is not valid before %s: want another, or the clock of this machine is wrong",
			c.Item, c.Name, c.File, c.NotBefore.Format(time.RFC3339))
	case Expired:
		return fmt.Errorf("%s %q: the certificate in %s expired on %s, and peers refuse it: %s",
			c.Item, c.Name, c.File, c.NotAfter.Format(time.RFC3339), renew)
	case ExpiresSoon:
		return fmt.Errorf("%s %q: the certificate in %s expires on %s, in %d days: %s",
			c.Item, c.Name, c.File, c.NotAfter.Format(time.RFC3339), int(c.NotAfter.Sub(now).Hours()/24), renew)
	}
	return nil
}

// Certificate reads the files again, as a handshake does, and returns what the
// next one will show.
func (s *Server) Certificate() Certificate { return s.about.of(s.cert.get()) }

// Certificate is that of a [Server]. It reports false for a client that shows
// none.
func (c *Client) Certificate() (Certificate, bool) {
	if c.cert == nil {
		return Certificate{}, false
	}
	return c.about.of(c.cert.get()), true
}

// of completes what is known of an item's certificate whatever the file holds.
func (c Certificate) of(cert *tls.Certificate) Certificate {
	c.NodeIDs, _ = NodeIDs(cert.Leaf) // a malformed extension names none
	c.NotBefore, c.NotAfter = cert.Leaf.NotBefore, cert.Leaf.NotAfter
	return c
}
