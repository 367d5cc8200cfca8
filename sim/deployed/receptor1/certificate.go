package receptor1

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

// insecureName is the common name of the certificates of services without a TLS
// configuration, which is all that their dialers look at (PROTOCOL section 3).
const insecureName = "netceptor-insecure-common-name"

// curves leaves out what takes long to compute without showing anything.
var curves = []tls.CurveID{tls.X25519, tls.CurveP256}

// insecureCertificate is one for all nodes: making one takes time. Theirs has an RSA
// key, which takes most.
var insecureCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: insecureName},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
})

func serverTLS() (*tls.Config, error) {
	certificate, err := insecureCertificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{streamALPN}, CurvePreferences: curves}, nil
}

func verifyInsecure(raw [][]byte, _ [][]*x509.Certificate) error {
	for _, der := range raw {
		if c, err := x509.ParseCertificate(der); err == nil && c.Subject.CommonName == insecureName {
			return nil
		}
	}
	return errors.New("insecure connection to secure service")
}
