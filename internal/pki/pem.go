package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	pemCertificate = "CERTIFICATE"
	pemRequest     = "CERTIFICATE REQUEST"
	pemPKCS1       = "RSA PRIVATE KEY"
	pemPKCS8       = "PRIVATE KEY"
	pemSEC1        = "EC PRIVATE KEY"
)

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// encodeKey takes PKCS #1 for RSA, as deployed nodes do and read, and PKCS #8
// for other keys.
func encodeKey(key crypto.Signer) ([]byte, error) {
	if key, ok := key.(*rsa.PrivateKey); ok {
		return encode(pemPKCS1, x509.MarshalPKCS1PrivateKey(key)), nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode(pemPKCS8, der), nil
}

// only returns the one block of certain kinds in a PEM file.
func only(data []byte, kinds ...string) (*pem.Block, error) {
	var found *pem.Block
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		for _, kind := range kinds {
			switch {
			case block.Type != kind:
			case found != nil:
				return nil, fmt.Errorf("more than one %s in PEM: want just one", kinds[0])
			default:
				found = block
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no %s in PEM: want one%s", kinds[0], instead(data))
	}
	return found, nil
}

// privateKeys are the kinds of blocks that have one.
var privateKeys = []string{pemPKCS8, pemPKCS1, pemSEC1}

// blocks returns the kinds of the blocks in a PEM file.
func blocks(data []byte) (kinds []string) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		kinds = append(kinds, block.Type)
	}
	return kinds
}

// instead says what there is in a file where something else was wanted.
func instead(data []byte) string {
	kinds := blocks(data)
	switch {
	case len(data) == 0:
		return "; the file is empty"
	case len(kinds) == 0:
		return "; the file is not PEM, which begins with a line -----BEGIN ...-----"
	case slices.Contains(kinds, pemRequest):
		return "; the file has a " + pemRequest + ", which an authority is still to sign (cert-signreq)"
	}
	return "; the file has " + strings.Join(slices.Compact(kinds), ", ")
}

// decodeKey reads a private key in PKCS #1, PKCS #8 or SEC 1.
func decodeKey(data []byte) (crypto.Signer, error) {
	block, err := only(data, privateKeys...)
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case pemPKCS1:
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemSEC1:
		return x509.ParseECPrivateKey(block.Bytes)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign: want one of RSA, Ed25519 or ECDSA")
	}
	return signer, nil
}

func decodeCertificate(data []byte) (*x509.Certificate, error) {
	block, err := only(data, pemCertificate)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(block.Bytes)
}

// decodeRequest checks that who made the request has its key.
func decodeRequest(data []byte) (*x509.CertificateRequest, error) {
	block, err := only(data, pemRequest)
	if err != nil {
		return nil, err
	}
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := req.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the request is not signed by its own key: %w", err)
	}
	return req, nil
}
