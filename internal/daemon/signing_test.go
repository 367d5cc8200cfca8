//go:build linux

package daemon_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"receptor/control"
)

// workKeys writes NAME.key and NAME.pub, as openssl does.
func workKeys(t *testing.T, dir, name string, key crypto.Signer) (keyFile, pubFile string) {
	t.Helper()
	write := func(file, kind string, der []byte, err error) string {
		t.Helper()
		file = filepath.Join(dir, file)
		if err == nil {
			err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	pubFile = write(name+".pub", "PUBLIC KEY", pub, err)
	if key, ok := key.(*rsa.PrivateKey); ok {
		return write(name+".key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil), pubFile
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return write(name+".key", "PRIVATE KEY", der, err), pubFile
}

func newRSAKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signedWork are the items of a node that signs by one key and has work types
// whose signatures it verifies by another.
func signedWork(keyFile, pubFile string) []string {
	return []string{
		"--work-signing", "privatekey=" + keyFile, "tokenexpiration=5m", "--work-verification", "publickey=" + pubFile,
		"--work-command", "worktype=cat", "command=cat", "verifysignature=true",
		"--work-command", "worktype=sleep", "command=sleep", "params=1000", "verifysignature=true",
	}
}

// trySigned has one node run units of work on another, sign all that it says
// about them, and expects them to be refused unless it does.
func trySigned(t *testing.T, from *node, to string) {
	t.Helper()
	from.runCat(t, to, map[string]string{"signwork": "true"})

	unit := from.submit(t, map[string]string{"node": to, "worktype": "sleep", "signwork": "true"}, "")
	for _, order := range []string{"cancel ", "release "} {
		if answer, err := from.client(t).Do("work " + order + unit); err != nil {
			t.Errorf("%s on %s: %s, %v", order, to, answer, err)
		}
	}
	sub, err := from.client(t).Submit(map[string]string{"node": to, "worktype": "cat"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sub.Finish(strings.NewReader(""))
	const want = "could not verify signature: signature is empty"
	if state := from.state(t, sub.UnitID); err == nil || !strings.HasPrefix(state, "Failed") || !strings.HasSuffix(state, want) {
		t.Errorf("unsigned work on %s: %v, and the unit is %q, want it to have failed by %q", to, err, state, want)
	}
}

// token makes a token by hand.
func token(t *testing.T, method jwt.SigningMethod, key any, audience string, expires time.Time) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, jwt.MapClaims{"aud": []string{audience}, "exp": expires.Unix()}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tryTokens submits work with tokens made by hand.
func tryTokens(t *testing.T, from *node, to string, key *rsa.PrivateKey, deployed bool) {
	t.Helper()
	soon, past := time.Now().Add(time.Minute), time.Now().Add(-time.Hour)
	const cannot = "could not verify signature: "
	for _, test := range []struct{ name, token, want string }{
		{"right", token(t, jwt.SigningMethodRS512, key, to, soon), ""},
		{"none at all", "", cannot + "signature is empty"},
		{"another key", token(t, jwt.SigningMethodRS512, newRSAKey(t), to, soon), cannot},
		{"another node", token(t, jwt.SigningMethodRS512, key, "nobody", soon), "token audience did not match node ID"},
		{"expired", token(t, jwt.SigningMethodRS512, key, to, past), cannot + "token is expired by 1h0m"},
		{"alg none", token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, to, soon), cannot},
		{"RS256", token(t, jwt.SigningMethodRS256, key, to, soon), cannot},
	} {
		if deployed && test.name == "RS256" {
			continue // deployed nodes take any kind of RSA signature
		}
		stream, err := from.client(t).Connect(to, "control", "")
		if err != nil {
			t.Fatal(err)
		}
		client, _, err := control.NewClient(stream)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{"node": to, "worktype": "cat", "tlsclient": ""}
		if test.token != "" {
			fields["signature"] = test.token
		}
		sub, err := client.Submit(fields)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s, to %s: %v", test.name, to, err)
		case test.want == "":
			if _, err := sub.Finish(strings.NewReader("")); err != nil {
				t.Errorf("%s, to %s: %v", test.name, to, err)
			}
			from.awaitOn(t, to, sub.UnitID)
		case err == nil || !strings.HasPrefix(err.Error(), test.want):
			t.Errorf("%s, to %s: %v, want %s", test.name, to, err, test.want)
		}
		stream.Close()
	}
}

// awaitOn waits for a unit on another node to end: its supervisor must not outlive
// the directory of the test.
func (n *node) awaitOn(t *testing.T, other, unit string) {
	t.Helper()
	stream, err := n.client(t).Connect(other, "control", "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	client, _, err := control.NewClient(stream)
	if err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := client.Do("work status " + unit)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(answer), "Succeeded") {
			return
		}
	}
}

func TestSignedWork(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"RSA": newRSAKey(t), "Ed25519": ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			port := freePort(t)
			keyFile, pubFile := workKeys(t, dir, "work", key)
			one := mustStart(t, dir, "one", append(signedWork(keyFile, pubFile), "--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1")...)
			two := mustStart(t, dir, "two", append(signedWork(keyFile, pubFile), "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))...)
			one.log.wait("Routes computed: 1 nodes", 1)
			two.log.wait("Routes computed: 1 nodes", 1)
			trySigned(t, one, "two")
			trySigned(t, two, "one")
			if key, ok := key.(*rsa.PrivateKey); ok {
				tryTokens(t, one, "two", key, false)
			}
			if kept, err := os.ReadFile(filepath.Join(dir, "data", "two", "submissions")); err != nil || !strings.Contains(string(kept), `"From":"one"`) {
				t.Errorf("keys of former submissions: %s (%v), want some from one", kept, err)
			}
			// The owner of the node need not sign.
			one.runCat(t, "one", nil)

			// Both get a new key, one after the other.
			workKeys(t, dir, "work", newRSAKey(t))
			trySigned(t, one, "two")
			status, err := one.client(t).Do("status")
			if err != nil || !strings.Contains(string(status), `{"WorkType":"cat","Secure":true}`) {
				t.Errorf("status %s (%v): want the type cat to be secure", status, err)
			}
		})
	}
}

// Work is signed and verified by nodes of both kinds.
func TestMixedSignedWork(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	port := freePort(t)
	key := newRSAKey(t)
	keyFile, pubFile := workKeys(t, dir, "work", key)
	one := mustStart(t, dir, "one", append(signedWork(keyFile, pubFile), "--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1")...)
	two := startPeer(t, program, dir, "two", append(signedWork(keyFile, pubFile), "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))...)
	one.log.wait("Routes computed: 1 nodes", 1)
	trySigned(t, one, "two")
	trySigned(t, two, "one")
	tryTokens(t, one, "two", key, true)
	tryTokens(t, two, "one", key, false)

	// A deployed node would give its output for stderr.
	unit := one.submit(t, map[string]string{"node": "two", "worktype": "sleep", "signwork": "true"}, "")
	if _, err := one.client(t).Stderr(unit, 0); err == nil || !strings.HasSuffix(err.Error(), control.ErrNoStderr.Error()) {
		t.Errorf("stderr of a unit on a deployed node: %v", err)
	}
	if _, err := one.client(t).Do("work release " + unit); err != nil {
		t.Errorf("release: %v", err)
	}
}

// A node must not sign for whoever reaches its control service over the mesh.
func TestNoSigningForOthers(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	key := newRSAKey(t)
	keyFile, pubFile := workKeys(t, dir, "work", key)
	mustStart(t, dir, "one", append(signedWork(keyFile, pubFile), "--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1")...)
	two := mustStart(t, dir, "two", append(cat, "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))...)
	two.log.wait("Routes computed: 1 nodes", 1)
	for _, test := range []struct{ token, want string }{
		{"", "could not verify signature: signature is empty"},
		{token(t, jwt.SigningMethodRS512, key, "two", time.Now().Add(time.Minute)), "token audience did not match node ID"},
		{token(t, jwt.SigningMethodRS512, key, "one", time.Now().Add(time.Minute)), ""},
	} {
		stream, err := two.client(t).Connect("one", "control", "")
		if err != nil {
			t.Fatal(err)
		}
		client, _, err := control.NewClient(stream)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Submit(map[string]string{"node": "two", "worktype": "other", "signwork": "true", "signature": test.token})
		if text := fmt.Sprint(err); err != nil && text != test.want || err == nil && test.want != "" {
			t.Errorf("%v, want %q", err, test.want)
		}
		stream.Close()
	}
}

func TestSigningKeysMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := start(t, dir, "a", "--local-only", "--work-signing", dir+"/none.key")
	if want := "command line: work-signing: privatekey: open " + dir + "/none.key: no such file or directory: make it, or correct the path: one that is relative counts from where the node was started"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = start(t, dir, "a", "--local-only", "--work-verification", dir+"/none.pub")
	if want := "command line: work-verification: publickey: open " + dir + "/none.pub: no such file or directory: make it, or correct the path: one that is relative counts from where the node was started"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
