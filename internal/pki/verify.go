package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// policy is what the certificate of a peer must be. It is checked on every
// connection, also on resumed ones.
type policy struct {
	roots    *reread[*x509.CertPool] // nil: those of the system
	usage    x509.ExtKeyUsage
	pins     [][]byte // one must be of the certificate, if there are any
	optional bool     // a peer may have none
	insecure bool     // whoever signed it, and whomever it is for
	now      func() time.Time
}

var (
	errNoCertificate = errors.New("the peer has no certificate")
	errNoHost        = errors.New("the address that was dialled has no host that the certificate could name: want HOST:PORT")
	errNotPinned     = errors.New("the peer's certificate is none of those that are pinned")
)

// check verifies the certificate of a connection. It must be for host and for
// node, unless they are empty. The error is a *tls.CertificateVerificationError.
func (p *policy) check(state tls.ConnectionState, host, node string) error {
	certs := state.PeerCertificates
	if len(certs) == 0 && p.optional {
		return nil
	}
	if err := p.verify(certs, host, node); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certs, Err: err}
	}
	return nil
}

func (p *policy) verify(certs []*x509.Certificate, host, node string) error {
	if len(certs) == 0 {
		return errNoCertificate
	}
	if !p.pinned(certs[0].Raw) {
		return errNotPinned
	}
	if p.insecure {
		return nil
	}
	opts := x509.VerifyOptions{
		DNSName:       host,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   p.now(),
		KeyUsages:     []x509.ExtKeyUsage{p.usage},
	}
	if p.roots != nil {
		opts.Roots = p.roots.get()
	}
	for _, cert := range certs[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := certs[0].Verify(opts); err != nil {
		return err
	}
	if node == "" {
		return nil
	}
	return checkNode(certs[0], node)
}

func (p *policy) pinned(der []byte) bool {
	if len(p.pins) == 0 {
		return true
	}
	short, long := sha256.Sum256(der), sha512.Sum512(der)
	return slices.ContainsFunc(p.pins, func(pin []byte) bool {
		return bytes.Equal(pin, short[:]) || bytes.Equal(pin, long[:])
	})
}

// checkNode checks that a certificate is for a node.
func checkNode(cert *x509.Certificate, node string) error {
	ids, err := NodeIDs(cert)
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		return fmt.Errorf("the certificate is for no node ID, want %s", node)
	case !slices.Contains(ids, node):
		return fmt.Errorf("the certificate is for the node ID %s, want %s", strings.Join(ids, ", "), node)
	}
	return nil
}
