package pki

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

const (
	pemPublic      = "PUBLIC KEY"
	pemPKCS1Public = "RSA PUBLIC KEY"

	// minRSABits is the least that crypto/rsa works with.
	minRSABits = 1024
)

// SigningKey is a private key in a file, read again when the file has changed.
// Its methods may be called by any goroutine.
type SigningKey struct{ file *reread[crypto.Signer] }

// NewSigningKey reads a key of RSA or Ed25519 in PEM: PKCS #8, or PKCS #1.
func NewSigningKey(file string, opts Options) (*SigningKey, error) {
	k := &SigningKey{&reread[crypto.Signer]{files: []string{file}, read: opts.ReadFile, parse: parseSigningKey, warn: opts.Warn}}
	return k, k.file.load()
}

// Get returns the key that the file holds now, or has held if it has become
// unreadable: an *rsa.PrivateKey or an ed25519.PrivateKey.
func (k *SigningKey) Get() crypto.Signer { return k.file.get() }

// VerifyingKey is a public key in a file, read again when the file has changed.
// Its methods may be called by any goroutine.
type VerifyingKey struct{ file *reread[crypto.PublicKey] }

// NewVerifyingKey reads a key of RSA or Ed25519 in PEM: PKIX, or PKCS #1.
func NewVerifyingKey(file string, opts Options) (*VerifyingKey, error) {
	k := &VerifyingKey{&reread[crypto.PublicKey]{files: []string{file}, read: opts.ReadFile, parse: parseVerifyingKey, warn: opts.Warn}}
	return k, k.file.load()
}

// Get returns the key that the file holds now, or has held if it has become
// unreadable: an *rsa.PublicKey or an ed25519.PublicKey.
func (k *VerifyingKey) Get() crypto.PublicKey { return k.file.get() }

func parseSigningKey(data [][]byte) (crypto.Signer, error) {
	key, err := decodeKey(data[0])
	if err != nil {
		return nil, err
	}
	return key, checkKeyType(key.Public())
}

func parseVerifyingKey(data [][]byte) (crypto.PublicKey, error) {
	block, err := only(data[0], pemPublic, pemPKCS1Public)
	if err != nil {
		return nil, err
	}
	if block.Type == pemPKCS1Public {
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return key, checkKeyType(key)
}

// checkKeyType refuses keys for which there is no way to sign work.
func checkKeyType(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("the RSA key has %d bits: want %d or more", key.N.BitLen(), minRSABits)
		}
		return nil
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("the key is neither of RSA nor of Ed25519: want one of them")
}
