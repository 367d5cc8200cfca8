// Package pkitest makes certificates for tests, always the same ones.
package pkitest

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidNodeID         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 2312, 19, 1}
	oidUserPrincipal  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// Certificates are valid between these.
var (
	NotBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Authority signs certificates and writes them, and their keys, to files.
type Authority struct {
	t      testing.TB
	write  func(name string, data []byte)
	cert   *x509.Certificate
	key    ed25519.PrivateKey
	serial int64
}

// NewAuthority writes the authority's own certificate to NAME.crt.
func NewAuthority(t testing.TB, name string, write func(name string, data []byte)) *Authority {
	t.Helper()
	a := &Authority{t: t, write: write, key: keyOf(name)}
	der := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true}, a.key)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// keyOf is always the same for one name.
func keyOf(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

// Issue writes NAME.crt and NAME.key, a certificate for the loopback (as
// localhost and as 127.0.0.1) and some nodes, and returns the certificate.
func (a *Authority) Issue(name string, nodes ...string) []byte {
	a.t.Helper()
	return a.sign(&x509.Certificate{
		Subject:         pkix.Name{CommonName: name},
		ExtraExtensions: []pkix.Extension{AltNames(a.t, nodes...)},
	}, keyOf(name))
}

func (a *Authority) sign(template *x509.Certificate, key ed25519.PrivateKey) []byte {
	a.t.Helper()
	a.serial++
	template.SerialNumber = big.NewInt(a.serial)
	template.NotBefore, template.NotAfter = NotBefore, NotAfter
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(nil, template, parent, key.Public(), a.key) // Ed25519 draws nothing
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	name := template.Subject.CommonName
	a.write(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return der
}

// AltNames is a subjectAltName of the loopback, a person, and some nodes.
func AltNames(t testing.TB, nodes ...string) pkix.Extension {
	t.Helper()
	names := []asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("localhost")},
		{Class: asn1.ClassContextSpecific, Tag: 7, Bytes: net.IPv4(127, 0, 0, 1).To4()},
		otherName(t, oidUserPrincipal, "someone@example.org"),
	}
	for _, node := range nodes {
		names = append(names, otherName(t, oidNodeID, node))
	}
	value, err := asn1.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Value: value}
}

func otherName(t testing.TB, kind asn1.ObjectIdentifier, text string) asn1.RawValue {
	t.Helper()
	value, err := asn1.MarshalWithParams(text, "utf8")
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.MarshalWithParams(struct {
		Kind  asn1.ObjectIdentifier
		Value asn1.RawValue
	}{kind, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: value}}, "tag:0")
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{FullBytes: der}
}
