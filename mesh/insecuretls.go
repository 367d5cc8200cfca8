package mesh

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"sync"
	"time"
)

// insecureName is the common name of the certificates of services that have no
// TLS configuration (PROTOCOL section 3). Dialers without one accept just that
// name: such streams are encrypted, but nobody is authenticated.
const insecureName = "netceptor-insecure-common-name"

// insecureCertificate is made once for the process: it proves nothing, so one
// is as good as many.
var insecureCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: insecureName},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
})

// insecureCurves leaves out the post-quantum key exchange that crypto/tls
// prefers: against whoever is not authenticated it protects nothing, and it
// makes each handshake one packet longer.
var insecureCurves = []tls.CurveID{tls.X25519, tls.CurveP256}

func insecureServerTLS() (*tls.Config, error) {
	cert, err := insecureCertificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:     []tls.Certificate{cert},
		NextProtos:       sharedProtocols,
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: insecureCurves,
	}, nil
}

func insecureClientTLS(ownID string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify:    true,
		VerifyPeerCertificate: verifyInsecure,
		ServerName:            ownID,
		MinVersion:            tls.VersionTLS13,
		CurvePreferences:      insecureCurves,
	}
}

var errNotInsecure = errors.New("the service needs a TLS client configuration: it presents a certificate of its own")

func verifyInsecure(raw [][]byte, _ [][]*x509.Certificate) error {
	for _, der := range raw {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if cert.Subject.CommonName != insecureName {
			return errNotInsecure
		}
	}
	return nil
}
