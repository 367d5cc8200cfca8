package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"receptor/internal/config"
)

// ErrDeclined means that whoever was asked did not want a request signed.
var ErrDeclined = errors.New("the answer is not yes, and nothing is signed")

// signRequest signs what it shows: the names that it understands, and nothing
// else that the request asks for.
func (i Issuer) signRequest(item config.CertSignReq) error {
	authority, key, err := i.loadAuthority(item)
	if err != nil {
		return err
	}
	req, err := load(i, "req", item.Req, decodeRequest)
	if err != nil {
		return err
	}
	names, err := altNamesOf(req)
	if err != nil {
		return fmt.Errorf("req: %s: %w", item.Req, err)
	}
	extensions, err := names.extensions()
	if err != nil {
		return fmt.Errorf("req: %s: %w", item.Req, err)
	}
	if extensions == nil {
		return fmt.Errorf("req: %s: the request has no names: want a DNS name, an IP address or a node ID", item.Req)
	}
	template := &x509.Certificate{
		RawSubject:      req.RawSubject,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: extensions,
	}
	if err := i.setValidity(template, item.NotBefore, item.NotAfter, signedYears); err != nil {
		return err
	}
	if !item.Verify {
		if err := i.confirm(describe(req, names, template)); err != nil {
			return err
		}
	}
	der, err := sign(template, authority, req.PublicKey, key)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if err := i.WriteFile(item.OutCert, encode(pemCertificate, der)); err != nil {
		return fmt.Errorf("outcert: %w", err)
	}
	return nil
}

// loadAuthority reads an authority that can sign.
func (i Issuer) loadAuthority(item config.CertSignReq) (*x509.Certificate, crypto.Signer, error) {
	authority, err := load(i, "cacert", item.CACert, decodeCertificate)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !authority.BasicConstraintsValid || !authority.IsCA,
		authority.KeyUsage != 0 && authority.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, nil, fmt.Errorf("cacert: %s: the certificate is not that of an authority: want one such as cert-init makes", item.CACert)
	case i.Now().After(authority.NotAfter):
		return nil, nil, fmt.Errorf("cacert: %s: the certificate expired on %s, and what it signs is not believed: want one that is valid",
			item.CACert, authority.NotAfter.Format(time.RFC3339))
	}
	key, err := load(i, "cakey", item.CAKey, decodeKey)
	if err != nil {
		return nil, nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(authority.PublicKey) {
		return nil, nil, fmt.Errorf("cakey: %s: the key is not that of the certificate in %s: want the one that was made with it", item.CAKey, item.CACert)
	}
	return authority, key, nil
}

func (i Issuer) confirm(question string) error {
	answer, err := i.Confirm(question)
	if err != nil {
		return fmt.Errorf("asking whether to sign: %w; verify=true signs without asking", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fmt.Errorf("%w (it was %q)", ErrDeclined, strings.TrimSpace(answer))
}

// describe asks whether to sign. Text of the request is quoted, for it comes
// from others.
func describe(req *x509.CertificateRequest, names altNames, cert *x509.Certificate) string {
	key := req.PublicKeyAlgorithm.String()
	if public, ok := req.PublicKey.(*rsa.PublicKey); ok {
		key = fmt.Sprintf("%s (%d bits)", key, public.N.BitLen())
	}
	return fmt.Sprintf("Requested certificate:\n  Subject: %q\n  Encryption Algorithm: %s\n  Signature Algorithm: %v\n  Valid: from %s to %s\n  Names:\n%vSign certificate (yes/no)? ",
		req.Subject.String(), key, req.SignatureAlgorithm, cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339), names)
}
