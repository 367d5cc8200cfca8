package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct {
		socket string
		want   address
	}{
		{"/tmp/r.sock", address{network: "unix", addr: "/tmp/r.sock"}},
		{"//tmp/r.sock", address{network: "unix", addr: "//tmp/r.sock"}},
		{"r.sock", address{network: "unix", addr: "r.sock"}},
		{"./a:b", address{network: "unix", addr: "./a:b"}},
		{"~/r.sock", address{network: "unix", addr: "/home/me/r.sock"}},
		{"unix:/tmp/r.sock", address{network: "unix", addr: "/tmp/r.sock"}},
		{"unix:///tmp/r.sock", address{network: "unix", addr: "/tmp/r.sock"}},
		{"unix:r.sock", address{network: "unix", addr: "r.sock"}},
		{"unix:~/r.sock", address{network: "unix", addr: "/home/me/r.sock"}},
		{"tcp://host:7323", address{network: "tcp", addr: "host:7323"}},
		{"tcp:host:7323", address{network: "tcp", addr: "host:7323"}},
		{"tcp://[::1]:7323", address{network: "tcp", addr: "[::1]:7323"}},
		{"tls://host:7323", address{network: "tcp", addr: "host:7323", host: "host"}},
		{"tls:[::1]:7323", address{network: "tcp", addr: "[::1]:7323", host: "::1"}},
	} {
		if got, err := parseAddress(tt.socket, "/home/me"); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v", tt.socket, got, err)
		}
	}
	for _, socket := range []string{"unix:", "unix://", "tcp://host", "tls:", "host:1", "http://host:1"} {
		if got, err := parseAddress(socket, ""); err == nil || !strings.Contains(err.Error(), "tls://HOST:PORT") {
			t.Errorf("%s: got %+v, %v", socket, got, err)
		}
	}
}

// pki is a CA with a server certificate for 127.0.0.1 and a client certificate.
type pki struct {
	t    *testing.T
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newPKI(t *testing.T) *pki {
	p := &pki{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour),
	}
	p.ca = template
	p.ca, p.key = p.issue("ca", template)
	p.pool.AddCert(p.ca)
	return p
}

// issue writes NAME.crt and NAME.key; the first certificate signs itself.
func (p *pki) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	signer := p.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.ca, key.Public(), signer)
	if err != nil {
		p.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(p.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return cert, key
}

func (p *pki) file(name string) string { return filepath.Join(p.dir, name) }

func TestTLS(t *testing.T) {
	p := newPKI(t)
	p.issue("server", &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: p.ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	p.issue("client", &x509.Certificate{SerialNumber: big.NewInt(3), NotAfter: p.ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pair, err := tls.LoadX509KeyPair(p.file("server.crt"), p.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{results: "output\n", state: succeeded}
	n := newFakeNode(t, w.answers())
	// The client certificate is optional, but a wrong one is refused.
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: p.pool,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.serve(l)
	socket := "tls://" + l.Addr().String()
	const version = "receptorctl  dev\nreceptor     dev\n"
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown CA", nil, 1, "certificate signed by unknown authority"},
		{"known CA", []string{"--rootcas", p.file("ca.crt")}, 0, ""},
		{"client certificate", []string{"--rootcas", p.file("ca.crt"), "--cert", p.file("client.crt"), "--key", p.file("client.key")}, 0, ""},
		{"accept any", []string{"--insecureskipverify"}, 0, ""},
		{"accept any, with value", []string{"--insecureskipverify", "true"}, 0, ""},
		{"accept any, Python style", []string{"--insecureskipverify", "True", "--rootcas", p.file("ca.crt")}, 0, ""},
		{"do not accept any", []string{"--insecureskipverify", "false"}, 1, "unknown authority"},
		{"do not accept any, in one word", []string{"--insecureskipverify=false"}, 1, "unknown authority"},
		{"no such CA file", []string{"--rootcas", p.file("none")}, 1, "--rootcas: open " + p.file("none")},
		{"no CA in the file", []string{"--rootcas", p.file("ca.key")}, 1, "ca.key has no PEM certificate"},
		{"key without certificate", []string{"--key", p.file("client.key")}, 1, "--key and --cert need each other"},
		{"not its key", []string{"--cert", p.file("client.crt"), "--key", p.file("ca.key")}, 1, "--cert " + p.file("client.crt")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append(append([]string{"--socket", socket}, tt.args...), "version")
			stdout := version
			if tt.code != 0 {
				stdout = ""
			}
			runTool(context.Background(), strings.NewReader(""), nil, args...).want(t, tt.code, stdout, tt.want)
		})
	}

	t.Run("half-close", func(t *testing.T) {
		runTool(context.Background(), strings.NewReader(""), nil, "--socket", socket, "--rootcas", p.file("ca.crt"),
			"work", "submit", "cat", "-f", "-l", "hello").want(t, 0, "output\n", "")
		if w.stdin != "hello\n" {
			t.Errorf("the unit got %q", w.stdin)
		}
	})
}

func TestTCP(t *testing.T) {
	n := newFakeNode(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.serve(l)
	runTool(context.Background(), strings.NewReader(""), nil, "--socket", "tcp://"+l.Addr().String(), "version").
		want(t, 0, "receptorctl  dev\nreceptor     dev\n", "")
}
