package pki

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"time"

	"receptor/internal/config"
)

// How long certificates are valid, unless the item says otherwise (PROTOCOL
// section 7).
const (
	authorityYears = 10
	signedYears    = 1
)

// Issuer makes keys, requests and certificates of the items cert-init,
// cert-makereq and cert-signreq. All fields are required.
type Issuer struct {
	ReadFile func(name string) ([]byte, error)
	// WriteFile makes or replaces a file, as a whole or not at all; WriteSecret
	// makes sure that nobody but its owner may read it.
	WriteFile, WriteSecret func(name string, data []byte) error
	Now                    func() time.Time
	// Confirm asks whether to sign a request, and returns the answer.
	Confirm func(question string) (answer string, err error)
}

// Run does what the items of a configuration ask for: authorities first, then
// requests, then signatures. It stops at the first error, which names item and
// parameter.
func (i Issuer) Run(cfg *config.Config) error {
	for _, item := range cfg.CertInits {
		if err := i.initAuthority(item); err != nil {
			return fmt.Errorf("%v: cert-init: %w", item.Where, err)
		}
	}
	for _, item := range cfg.CertMakeReqs {
		if err := i.makeRequest(item); err != nil {
			return fmt.Errorf("%v: cert-makereq: %w", item.Where, err)
		}
	}
	for _, item := range cfg.CertSignReqs {
		if err := i.signRequest(item); err != nil {
			return fmt.Errorf("%v: cert-signreq: %w", item.Where, err)
		}
	}
	return nil
}

func (i Issuer) initAuthority(item config.CertInit) error {
	key, err := newKey(item.KeyType, item.Bits)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: item.CommonName},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if err := i.setValidity(template, item.NotBefore, item.NotAfter, authorityYears); err != nil {
		return err
	}
	der, err := sign(template, template, key.Public(), key)
	if err != nil {
		return err
	}
	// The key comes last: an old one of that name is the harder to replace.
	if err := i.WriteFile(item.OutCert, encode(pemCertificate, der)); err != nil {
		return fmt.Errorf("outcert: %w", err)
	}
	if err := i.writeKey(item.OutKey, key); err != nil {
		return fmt.Errorf("%w; the new certificate in %s is of no use without its key", err, item.OutCert)
	}
	return nil
}

func (i Issuer) makeRequest(item config.CertMakeReq) error {
	var key crypto.Signer
	var err error
	if item.InKey != "" {
		key, err = load(i, "inkey", item.InKey, decodeKey)
	} else {
		key, err = newKey(item.KeyType, item.Bits)
	}
	if err != nil {
		return err
	}
	names := altNames{dns: item.DNSNames, ips: ipsOf(item.IPs), nodes: item.NodeIDs}
	extensions, err := names.extensions()
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:         pkix.Name{CommonName: item.CommonName},
		ExtraExtensions: extensions,
	}, key)
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	if err := i.WriteFile(item.OutReq, encode(pemRequest, der)); err != nil {
		return fmt.Errorf("outreq: %w", err)
	}
	if item.OutKey == "" {
		return nil
	}
	if err := i.writeKey(item.OutKey, key); err != nil {
		return fmt.Errorf("%w; the new request in %s is of no use without its key", err, item.OutReq)
	}
	return nil
}

// setValidity sets when a certificate is valid: from now, and for some years,
// unless an item says otherwise.
func (i Issuer) setValidity(template *x509.Certificate, from, to time.Time, years int) error {
	now := i.Now()
	if from.IsZero() {
		from = now
	}
	if to.IsZero() {
		to = now.AddDate(years, 0, 0)
	}
	if !to.After(from) {
		return fmt.Errorf("the certificate would be valid from %s to %s: want notafter later than notbefore",
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	template.NotBefore, template.NotAfter = from, to
	return nil
}

// sign makes a certificate for both ends of TLS, with a random serial number.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) ([]byte, error) {
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}

func newKey(keyType string, bits int) (crypto.Signer, error) {
	if keyType == config.KeyEd25519 {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("making an RSA key of %d bits: %w", bits, err)
	}
	return key, nil
}

func (i Issuer) writeKey(name string, key crypto.Signer) error {
	data, err := encodeKey(key)
	if err == nil {
		err = i.WriteSecret(name, data)
	}
	if err != nil {
		return fmt.Errorf("outkey: %w", err)
	}
	return nil
}

// load reads a file that a parameter names.
func load[T any](i Issuer, param, name string, decode func([]byte) (T, error)) (value T, err error) {
	data, err := i.ReadFile(name)
	if err != nil {
		return value, fmt.Errorf("%s: %w", param, err)
	}
	if value, err = decode(data); err != nil {
		return value, fmt.Errorf("%s: %s: %w", param, name, err)
	}
	return value, nil
}
