package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"receptor/internal/config"
	"receptor/internal/pki"
)

var rsaKey, otherRSAKey = newRSA(), newRSA()

func newRSA() func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
}

func ed25519Key(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

func private(key crypto.Signer) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func public(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// world is a node with files and a clock.
type world struct {
	t        *testing.T
	files    map[string][]byte
	now      time.Time
	warnings []string
}

func newWorld(t *testing.T, key crypto.Signer) *world {
	return &world{
		t: t, now: time.Date(2026, 11, 24, 0, 45, 0, 0, time.UTC),
		files: map[string][]byte{"key": private(key), "pub": public(key)},
	}
}

func (w *world) opts(node string) pki.Options {
	return pki.Options{
		NodeID: node, Now: func() time.Time { return w.now },
		ReadFile: func(name string) ([]byte, error) {
			data, ok := w.files[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return data, nil
		},
		Warn: func(err error) { w.warnings = append(w.warnings, err.Error()) },
	}
}

func (w *world) signer() *Signer {
	w.t.Helper()
	s, err := NewSigner(config.WorkSigning{PrivateKey: "key", TokenExpiration: 5 * time.Minute}, w.opts("a"))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) verifier(node string) *Verifier {
	w.t.Helper()
	v, err := NewVerifier(config.WorkVerification{PublicKey: "pub"}, w.opts(node))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) sign(s *Signer, node, command string) string {
	w.t.Helper()
	signature, err := s.Sign(node, command)
	if err != nil {
		w.t.Fatal(err)
	}
	return signature
}

// wantRefused wants an error that contains a text, or none if that is empty.
func wantRefused(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestSignatures(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey(), "Ed25519": ed25519Key("a")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, key)
			v := w.verifier("b")
			signature := w.sign(w.signer(), "b", "hash")
			wantRefused(t, v.Verify(signature, "hash"), "")
			wantRefused(t, v.Verify(signature, "hush"), "could not verify signature: token is for another command")
			wantRefused(t, v.Verify(signature[:len(signature)-10]+"AAAAAAAAAA", "hash"), "could not verify signature: token")
			wantRefused(t, w.verifier("c").Verify(signature, "hash"), "token audience did not match node ID")
			// One whose clock is behind sees a signature from the future: it says nothing of that.
			w.now = w.now.Add(-time.Hour)
			wantRefused(t, v.Verify(signature, "hash"), "")
			w.now = w.now.Add(time.Hour + 5*time.Minute + leeway - time.Second)
			wantRefused(t, v.Verify(signature, "hash"), "")
			w.now = w.now.Add(time.Second)
			wantRefused(t, v.Verify(signature, "hash"), "could not verify signature: token is expired by 1m0s")
		})
	}
}

// forged makes a token of any kind.
func forged(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	signature, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestForgedSignatures(t *testing.T) {
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaWorld, edWorld := newWorld(t, rsaKey()), newWorld(t, ed25519Key("a"))
	now := rsaWorld.now
	good := func(change jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"aud": []string{"b"}, "exp": now.Add(time.Minute).Unix()}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	const cannot = "could not verify signature: "
	for _, test := range []struct {
		name   string
		w      *world
		method jwt.SigningMethod
		key    any
		claims jwt.MapClaims
		want   string
	}{
		{"as deployed", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(nil), ""},
		{"for several nodes", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"aud": []string{"c", "b"}}), ""},
		{"audience that is no list", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"aud": "b"}), ""},
		{"another key", rsaWorld, jwt.SigningMethodRS512, otherRSAKey(), good(nil), cannot},
		{"alg none", rsaWorld, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil), cannot},
		{"alg none for Ed25519", edWorld, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil), cannot},
		{"RS256", rsaWorld, jwt.SigningMethodRS256, rsaKey(), good(nil), cannot + "token signature is invalid: signing method RS256 is invalid"},
		{"PS512", rsaWorld, jwt.SigningMethodPS512, rsaKey(), good(nil), cannot},
		{"ES256", rsaWorld, jwt.SigningMethodES256, ecdsaKey, good(nil), cannot},
		{"the public key as a secret", rsaWorld, jwt.SigningMethodHS512, rsaWorld.files["pub"], good(nil), cannot},
		{"Ed25519 for an RSA key", rsaWorld, jwt.SigningMethodEdDSA, ed25519Key("a"), good(nil), cannot},
		{"RSA for an Ed25519 key", edWorld, jwt.SigningMethodRS512, rsaKey(), good(nil), cannot},
		{"another Ed25519 key", edWorld, jwt.SigningMethodEdDSA, ed25519Key("b"), good(nil), cannot},
		{"no audience", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"aud": nil}), "token audience did not match node ID"},
		{"empty audience", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"aud": []string{}}), "token audience did not match node ID"},
		{"audience that is a number", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"aud": 7}), cannot},
		{"no expiry", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"exp": nil}), cannot},
		{"neither", rsaWorld, jwt.SigningMethodRS512, rsaKey(), jwt.MapClaims{}, "token"},
		{"expired long ago", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"exp": 1}), cannot + "token is expired by "},
		{"command of another type", rsaWorld, jwt.SigningMethodRS512, rsaKey(), good(jwt.MapClaims{"receptor_command": 7}), cannot},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRefused(t, test.w.verifier("b").Verify(forged(t, test.method, test.key, test.claims), "hash"), test.want)
		})
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	w := newWorld(t, rsaKey())
	s, v := w.signer(), w.verifier("b")
	old := w.sign(s, "b", "")
	key := ed25519Key("new")
	w.files["key"], w.files["pub"] = private(key), public(key)
	wantRefused(t, v.Verify(old, ""), "could not verify signature")
	wantRefused(t, v.Verify(w.sign(s, "b", ""), ""), "")
	// A file that is being written, or is gone, changes nothing.
	w.files["pub"] = w.files["pub"][:20]
	delete(w.files, "key")
	wantRefused(t, v.Verify(w.sign(s, "b", ""), ""), "")
	if len(w.warnings) != 2 || !strings.Contains(strings.Join(w.warnings, "\n"), "what they held before stays in use") {
		t.Errorf("warnings %q, want one for each file", w.warnings)
	}
}

func TestKeyFiles(t *testing.T) {
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())})
	pkcs1Public := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)})
	for _, test := range []struct {
		name     string
		key, pub []byte
		want     string // of both
	}{
		{"PKCS #1", pkcs1, pkcs1Public, ""},
		{"ECDSA", private(ecdsaKey), public(ecdsaKey), "the key is neither of RSA nor of Ed25519"},
		{"the other one", public(rsaKey()), private(rsaKey()), "in PEM: want one"},
		{"two", bytes.Repeat(private(rsaKey()), 2), bytes.Repeat(public(rsaKey()), 2), "more than one"},
		{"garbage", []byte("garbage"), nil, "in PEM: want one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, rsaKey())
			w.files["key"], w.files["pub"] = test.key, test.pub
			s, err := NewSigner(config.WorkSigning{PrivateKey: "key", TokenExpiration: time.Minute}, w.opts("a"))
			wantRefused(t, err, test.want)
			v, verr := NewVerifier(config.WorkVerification{PublicKey: "pub"}, w.opts("a"))
			wantRefused(t, verr, test.want)
			if err == nil && verr == nil {
				wantRefused(t, v.Verify(w.sign(s, "a", ""), ""), "")
			}
		})
	}
	w := newWorld(t, rsaKey())
	_, err = NewSigner(config.WorkSigning{PrivateKey: "none"}, w.opts("a"))
	wantRefused(t, err, "privatekey: open none: file does not exist")
	_, err = NewVerifier(config.WorkVerification{PublicKey: "none"}, w.opts("a"))
	wantRefused(t, err, "publickey: open none: file does not exist")
}

// FuzzVerify: whatever comes is refused, and nothing panics.
func FuzzVerify(f *testing.F) {
	w := &world{now: time.Unix(0, 0), files: map[string][]byte{"pub": public(ed25519Key("a"))}}
	v, err := NewVerifier(config.WorkVerification{PublicKey: "pub"}, w.opts("b"))
	if err != nil {
		f.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	header, payload := part([]byte(`{"alg":"EdDSA","typ":"JWT"}`)), part([]byte(`{"aud":["b"],"exp":9999999999}`))
	f.Add(header + "." + payload + "." + part(make([]byte, ed25519.SignatureSize)))
	f.Add(part([]byte(`{"alg":"none"}`)) + "." + payload + ".")
	f.Add("..")
	f.Add(strings.Repeat(".", 1000))
	f.Fuzz(func(t *testing.T, signature string) {
		if v.Verify(signature, "hash") == nil {
			t.Errorf("%q was accepted", signature)
		}
	})
}
