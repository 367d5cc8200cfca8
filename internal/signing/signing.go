// Package signing makes and checks the signatures by which a node vouches for
// the commands that it gives to another about units of work (PROTOCOL section
// 5): the items work-signing and work-verification.
//
// A signature is a JSON Web Token with the node that it is for as audience and
// an expiry. An RSA key signs with RS512, as deployed nodes do and want it; an
// Ed25519 key signs with EdDSA, which deployed nodes do not know. The key alone
// says which of them a verifier takes, never the token.
//
// What deployed nodes sign is good for any command until it expires (PROTOCOL
// section 9, 18). So ours add the claim "receptor_command", a hash of the one
// command that the signature is for. Deployed nodes ignore it; ours, when it is
// there, refuse it for any other command.
package signing

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"receptor/internal/config"
	"receptor/internal/pki"
)

// leeway is how long a signature is still accepted after its expiry: as much as
// the clocks of two nodes may differ beyond the lifetime of a signature.
const leeway = time.Minute

// claims are what a signature says. There is no "issued at" nor "not before":
// deployed nodes refuse such a signature if their clock is behind by a second.
type claims struct {
	jwt.RegisteredClaims
	Command string `json:"receptor_command,omitempty"`
}

// Signer makes signatures. Its methods may be called by any goroutine.
type Signer struct {
	key      *pki.SigningKey
	lifetime time.Duration
	now      func() time.Time
}

// NewSigner reads the key of a work-signing item. It is read again when the
// file has changed.
func NewSigner(item config.WorkSigning, opts pki.Options) (*Signer, error) {
	key, err := pki.NewSigningKey(item.PrivateKey, opts)
	if err != nil {
		return nil, fmt.Errorf("privatekey: %w", err)
	}
	return &Signer{key: key, lifetime: item.TokenExpiration, now: opts.Now}, nil
}

// Sign returns a signature that is for one node and one command, of which it
// has the hash.
func (s *Signer) Sign(node, command string) (string, error) {
	key := s.key.Get()
	token := jwt.NewWithClaims(methodOf(key.Public()), claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ExpiresAt: jwt.NewNumericDate(s.now().Add(s.lifetime)),
			Audience:  jwt.ClaimStrings{node},
		},
		Command: command,
	})
	signature, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("cannot sign work: %w", err)
	}
	return signature, nil
}

// Verifier checks signatures. Its methods may be called by any goroutine.
type Verifier struct {
	key  *pki.VerifyingKey
	node string
	now  func() time.Time
}

// NewVerifier reads the key of a work-verification item. It is read again when
// the file has changed.
func NewVerifier(item config.WorkVerification, opts pki.Options) (*Verifier, error) {
	key, err := pki.NewVerifyingKey(item.PublicKey, opts)
	if err != nil {
		return nil, fmt.Errorf("publickey: %w", err)
	}
	return &Verifier{key: key, node: opts.NodeID, now: opts.Now}, nil
}

// Verify returns an error unless a signature is by the key, for this node, not
// expired, and for the command with this hash or, if it is by a deployed node,
// for any.
func (v *Verifier) Verify(signature, command string) error {
	key := v.key.Get()
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{methodOf(key).Alg()}), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(v.now), jwt.WithLeeway(leeway), jwt.WithExpirationRequired(), jwt.WithAudience(v.node),
	)
	var c claims
	_, err := parser.ParseWithClaims(signature, &c, func(*jwt.Token) (any, error) { return key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return fmt.Errorf("could not verify signature: token is expired by %v", v.now().Sub(c.ExpiresAt.Time).Round(time.Millisecond))
	case errors.Is(err, jwt.ErrTokenInvalidAudience), errors.Is(err, jwt.ErrTokenRequiredClaimMissing) && len(c.Audience) == 0:
		return errors.New("token audience did not match node ID")
	case err != nil:
		return fmt.Errorf("could not verify signature: %w", err)
	case c.Command != "" && c.Command != command:
		return errors.New("could not verify signature: token is for another command")
	}
	return nil
}

// methodOf returns the one way to sign with a key.
func methodOf(key crypto.PublicKey) jwt.SigningMethod {
	if _, ok := key.(ed25519.PublicKey); ok {
		return jwt.SigningMethodEdDSA
	}
	return jwt.SigningMethodRS512
}
