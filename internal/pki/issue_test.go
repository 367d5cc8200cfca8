package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/internal/config"
	"receptor/internal/pki/pkitest"
)

// office issues certificates on a disk of its own.
type office struct {
	t         *testing.T
	disk      *disk
	secrets   []string // files that only their owners may read
	now       time.Time
	questions []string
	answer    string
	answerErr error
	full      string // a file that cannot be written
}

var errFull = errors.New("the disk is full")

func newOffice(t *testing.T) *office {
	return &office{t: t, disk: &disk{files: map[string][]byte{}}, now: time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC), answer: "yes\n"}
}

func (o *office) run(cfg *config.Config) error {
	write := func(name string, data []byte) error {
		if name == o.full {
			return errFull
		}
		o.disk.write(name, data)
		return nil
	}
	return Issuer{
		ReadFile:  o.disk.read,
		WriteFile: write,
		WriteSecret: func(name string, data []byte) error {
			o.secrets = append(o.secrets, name)
			return write(name, data)
		},
		Now: func() time.Time { return o.now },
		Confirm: func(question string) (string, error) {
			o.questions = append(o.questions, question)
			return o.answer, o.answerErr
		},
	}.Run(cfg)
}

func (o *office) mustRun(cfg *config.Config) {
	o.t.Helper()
	if err := o.run(cfg); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) cert(name string) *x509.Certificate {
	o.t.Helper()
	cert, err := decodeCertificate(o.disk.files[name])
	if err != nil {
		o.t.Fatalf("%s: %v", name, err)
	}
	return cert
}

func authorityItem(keyType string) config.CertInit {
	item := config.CertInit{CommonName: "our mesh", KeyType: keyType, OutCert: "ca.crt", OutKey: "ca.key"}
	if keyType == config.KeyRSA {
		item.Bits = 2048
	}
	return item
}

func requestItem() config.CertMakeReq {
	return config.CertMakeReq{
		CommonName: "foo", KeyType: config.KeyEd25519, DNSNames: []string{"localhost"}, IPs: []netip.Addr{netip.IPv6Loopback()},
		NodeIDs: []string{"me", "näher"}, OutReq: "foo.req", OutKey: "foo.key",
	}
}

func signItem() config.CertSignReq {
	return config.CertSignReq{Req: "foo.req", CACert: "ca.crt", CAKey: "ca.key", OutCert: "foo.crt", Verify: true}
}

// A node of our own believes a node with the certificate that one run makes.
func TestIssuedCertificates(t *testing.T) {
	for _, keyType := range []string{config.KeyRSA, config.KeyEd25519} {
		t.Run(keyType, func(t *testing.T) {
			o := newOffice(t)
			o.mustRun(&config.Config{
				CertSignReqs: []config.CertSignReq{signItem()},
				CertMakeReqs: []config.CertMakeReq{requestItem()},
				CertInits:    []config.CertInit{authorityItem(keyType)},
			})
			if !slices.Equal(o.secrets, []string{"ca.key", "foo.key"}) || len(o.questions) > 0 {
				t.Errorf("secrets %v and questions %q, want ca.key and foo.key and none", o.secrets, o.questions)
			}
			ca, cert := o.cert("ca.crt"), o.cert("foo.crt")
			if want := o.now.AddDate(10, 0, 0); !ca.NotBefore.Equal(o.now) || !ca.NotAfter.Equal(want) || !ca.IsCA || ca.Subject.String() != "CN=our mesh" {
				t.Errorf("the authority is %v, valid from %v to %v, authority %v", ca.Subject, ca.NotBefore, ca.NotAfter, ca.IsCA)
			}
			if want := o.now.AddDate(1, 0, 0); !cert.NotBefore.Equal(o.now) || !cert.NotAfter.Equal(want) || cert.IsCA || cert.Subject.String() != "CN=foo" {
				t.Errorf("the certificate is %v, valid from %v to %v, authority %v", cert.Subject, cert.NotBefore, cert.NotAfter, cert.IsCA)
			}
			ids, err := NodeIDs(cert)
			if err != nil || !slices.Equal(ids, []string{"me", "näher"}) || !slices.Equal(cert.DNSNames, []string{"localhost"}) ||
				len(cert.IPAddresses) != 1 || !cert.IPAddresses[0].Equal(net.IPv6loopback) {
				t.Errorf("node IDs %q (%v), names %q, addresses %v", ids, err, cert.DNSNames, cert.IPAddresses)
			}
			opts := Options{NodeID: "me", ReadFile: o.disk.read, Now: func() time.Time { return o.now }, Warn: func(error) {}}
			server, err := NewServer(config.TLSServer{Cert: "foo.crt", Key: "foo.key", RequireClientCert: true, ClientCAs: "ca.crt"}, opts)
			if err != nil {
				t.Fatal(err)
			}
			client, err := NewClient(config.TLSClient{Cert: "foo.crt", Key: "foo.key", RootCAs: "ca.crt"}, opts)
			if err != nil {
				t.Fatal(err)
			}
			if _, serverErr, clientErr := shake(t, server.Config(), client.HostConfig("localhost"), nobody); serverErr != nil || clientErr != nil {
				t.Errorf("TLS between both: %v, %v", serverErr, clientErr)
			}
		})
	}
}

func TestValidityIsAsAsked(t *testing.T) {
	o := newOffice(t)
	from, to := o.now.AddDate(0, 1, 0), o.now.AddDate(0, 2, 0)
	ca, sign := authorityItem(config.KeyEd25519), signItem()
	ca.NotBefore, ca.NotAfter = from, to
	sign.NotBefore, sign.NotAfter = from, to.Add(-time.Hour)
	o.mustRun(&config.Config{CertInits: []config.CertInit{ca}, CertMakeReqs: []config.CertMakeReq{requestItem()}, CertSignReqs: []config.CertSignReq{sign}})
	if cert := o.cert("ca.crt"); !cert.NotBefore.Equal(from) || !cert.NotAfter.Equal(to) {
		t.Errorf("the authority is valid from %v to %v", cert.NotBefore, cert.NotAfter)
	}
	if cert := o.cert("foo.crt"); !cert.NotBefore.Equal(from) || !cert.NotAfter.Equal(to.Add(-time.Hour)) {
		t.Errorf("the certificate is valid from %v to %v", cert.NotBefore, cert.NotAfter)
	}
	ca.NotBefore, ca.NotAfter = time.Time{}, o.now.Add(-time.Hour) // before now, which only now is known
	if err := o.run(&config.Config{CertInits: []config.CertInit{ca}}); err == nil || !strings.Contains(err.Error(), "want notafter later than notbefore") {
		t.Errorf("a certificate that ends before it begins: %v", err)
	}
}

// Whatever cannot be written, old keys are not lost.
func TestFilesThatCannotBeWritten(t *testing.T) {
	for name, want := range map[string]string{
		"ca.crt":  "cert-init: outcert: the disk is full",
		"ca.key":  "cert-init: outkey: the disk is full; the new certificate in ca.crt is of no use without its key",
		"foo.req": "cert-makereq: outreq: the disk is full",
		"foo.key": "cert-makereq: outkey: the disk is full; the new request in foo.req is of no use without its key",
		"foo.crt": "cert-signreq: outcert: the disk is full",
	} {
		o := newOffice(t)
		o.disk.write("ca.key", []byte("old"))
		o.disk.write("foo.key", []byte("old"))
		o.full = name
		err := o.run(&config.Config{
			CertInits:    []config.CertInit{authorityItem(config.KeyEd25519)},
			CertMakeReqs: []config.CertMakeReq{requestItem()}, CertSignReqs: []config.CertSignReq{signItem()},
		})
		if !errors.Is(err, errFull) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if item, _, _ := strings.Cut(want, ":"); item == "cert-init" && string(o.disk.files["ca.key"]) != "old" ||
			item == "cert-makereq" && string(o.disk.files["foo.key"]) != "old" {
			t.Errorf("%s: an old key is lost", name)
		}
	}
}

// Keys of all kinds and forms make requests.
func TestKeysAreRead(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return encode("PRIVATE KEY", der)
	}
	note := encode("NOTE", []byte("x"))
	for name, key := range map[string][]byte{
		"RSA in PKCS 1":     encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short)),
		"RSA in PKCS 8":     pkcs8(short),
		"Ed25519 in PKCS 8": pkcs8(ed25519.NewKeyFromSeed(make([]byte, 32))),
		"ECDSA in PKCS 8":   pkcs8(curve),
		"ECDSA in SEC 1":    slices.Concat(note, encode("EC PRIVATE KEY", sec1)),
	} {
		o := newOffice(t)
		o.disk.write("foo.key", key)
		item := requestItem()
		item.InKey, item.OutKey = "foo.key", ""
		o.mustRun(&config.Config{
			CertInits:    []config.CertInit{authorityItem(config.KeyEd25519)},
			CertMakeReqs: []config.CertMakeReq{item}, CertSignReqs: []config.CertSignReq{signItem()},
		})
		if !slices.Equal(o.secrets, []string{"ca.key"}) || string(o.disk.files["foo.key"]) != string(key) {
			t.Errorf("%s: the key was written: %v", name, o.secrets)
		}
		if _, err := parsePair("me", [][]byte{o.disk.files["foo.crt"], key}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuestion(t *testing.T) {
	o := newOffice(t)
	o.mustRun(&config.Config{CertInits: []config.CertInit{authorityItem(config.KeyEd25519)}, CertMakeReqs: []config.CertMakeReq{requestItem()}})
	item := signItem()
	item.Verify = false
	sign := &config.Config{CertSignReqs: []config.CertSignReq{item}}
	for _, answer := range []string{"no\n", "\n", "yes please\n", "YESS\n"} {
		o.answer = answer
		if err := o.run(sign); !errors.Is(err, ErrDeclined) {
			t.Errorf("answer %q: %v, want %v", answer, err, ErrDeclined)
		}
	}
	o.answerErr = io.ErrUnexpectedEOF
	if err := o.run(sign); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "verify=true") {
		t.Errorf("no answer: %v", err)
	}
	if o.disk.files["foo.crt"] != nil {
		t.Fatal("a certificate was written without a yes")
	}
	o.answer, o.answerErr = " Yes\r\n", nil
	o.mustRun(sign)
	o.cert("foo.crt")
	want := `Requested certificate:
  Subject: "CN=foo"
  Encryption Algorithm: Ed25519
  Signature Algorithm: Ed25519
  Valid: from 2030-01-31T12:00:00Z to 2031-01-31T12:00:00Z
  Names:
    DNS Name: "localhost"
    IP Address: ::1
    Receptor Node ID: "me"
    Receptor Node ID: "näher"
Sign certificate (yes/no)? `
	if got := o.questions[len(o.questions)-1]; got != want {
		t.Errorf("the question is\n%s\nwant\n%s", got, want)
	}
}

// What a request asks for beside names that are shown is not signed.
func TestOnlyNamesAreSigned(t *testing.T) {
	o := newOffice(t)
	o.mustRun(&config.Config{CertInits: []config.CertInit{authorityItem(config.KeyEd25519)}})
	basic := pkix.Extension{Id: []int{2, 5, 29, 19}, Value: []byte{0x30, 3, 1, 1, 0xff}} // an authority
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	o.disk.write("foo.req", makeRequest(t, key, &x509.CertificateRequest{ExtraExtensions: []pkix.Extension{basic, pkitest.AltNames(t, "me")}}))
	item := signItem()
	item.Verify = false
	o.mustRun(&config.Config{CertSignReqs: []config.CertSignReq{item}})
	cert := o.cert("foo.crt")
	if ids, err := NodeIDs(cert); err != nil || !slices.Equal(ids, []string{"me"}) || cert.IsCA {
		t.Errorf("node IDs %q (%v), authority %v", ids, err, cert.IsCA)
	}
	if der := string(cert.Raw); strings.Contains(der, "someone@example.org") {
		t.Error("a name that was not shown is signed")
	}
	if question := o.questions[0]; !strings.Contains(question, "    Left out: 1 of other kinds\n") {
		t.Errorf("the question does not say what is left out:\n%s", question)
	}
}

func makeRequest(t *testing.T, key ed25519.PrivateKey, template *x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE REQUEST", der)
}

func TestSigningIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(o *office, item *config.CertSignReq)
		want   string
	}{
		{"no request", func(o *office, item *config.CertSignReq) { item.Req = "none" }, "req: open none: file does not exist"},
		{"a key as request", func(o *office, item *config.CertSignReq) { item.Req = "foo.key" }, "req: foo.key: no CERTIFICATE REQUEST in PEM"},
		{"a request as authority", func(o *office, item *config.CertSignReq) { item.CACert = "foo.req" }, "cacert: foo.req: no CERTIFICATE in PEM"},
		{"two authorities", func(o *office, item *config.CertSignReq) {
			o.disk.write("ca.crt", slices.Concat(o.disk.files["ca.crt"], o.disk.files["ca.crt"]))
		}, "cacert: ca.crt: more than one CERTIFICATE in PEM"},
		{"no authority", func(o *office, item *config.CertSignReq) {
			o.mustRun(&config.Config{CertSignReqs: []config.CertSignReq{signItem()}})
			item.CACert, item.CAKey = "foo.crt", "foo.key"
		}, "cacert: foo.crt: the certificate is not that of an authority"},
		{"another key", func(o *office, item *config.CertSignReq) { item.CAKey = "foo.key" }, "cakey: foo.key: the key is not that of the certificate in ca.crt"},
		{"an authority of the past", func(o *office, item *config.CertSignReq) { o.now = o.now.AddDate(10, 0, 1) },
			"cacert: ca.crt: the certificate expired on 2040-01-31T12:00:00Z"},
		{"forged request", func(o *office, item *config.CertSignReq) {
			block, _ := pem.Decode(o.disk.files["foo.req"])
			block.Bytes[len(block.Bytes)-1] ^= 1
			o.disk.write("foo.req", pem.EncodeToMemory(block))
		}, "req: foo.req: the request is not signed by its own key"},
		{"no names", func(o *office, item *config.CertSignReq) {
			u := &url.URL{Scheme: "spiffe", Host: "a"}
			o.disk.write("foo.req", makeRequest(o.t, ed25519.NewKeyFromSeed(make([]byte, 32)), &x509.CertificateRequest{URIs: []*url.URL{u}}))
		}, "req: foo.req: the request has no names: want a DNS name, an IP address or a node ID"},
		{"malformed names", func(o *office, item *config.CertSignReq) {
			bad := pkix.Extension{Id: oidSubjectAltName, Value: []byte{0x30, 2, 0xa0, 0}}
			o.disk.write("foo.req", makeRequest(o.t, ed25519.NewKeyFromSeed(make([]byte, 32)), &x509.CertificateRequest{ExtraExtensions: []pkix.Extension{bad}}))
		}, "req: foo.req: subjectAltName is malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newOffice(t)
			o.mustRun(&config.Config{CertInits: []config.CertInit{authorityItem(config.KeyEd25519)}, CertMakeReqs: []config.CertMakeReq{requestItem()}})
			item := signItem()
			item.OutCert, item.Where = "new.crt", config.Position{File: "r.yml", Line: 7}
			test.change(o, &item)
			err := o.run(&config.Config{CertSignReqs: []config.CertSignReq{item}})
			if err == nil || !strings.HasPrefix(err.Error(), "r.yml:7: cert-signreq: "+test.want) {
				t.Errorf("error %v, want r.yml:7: cert-signreq: %s", err, test.want)
			}
			if o.disk.files["new.crt"] != nil {
				t.Error("a certificate was written")
			}
		})
	}
}
