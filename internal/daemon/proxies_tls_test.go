//go:build linux

package daemon_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"receptor/internal/pki/pkitest"
)

// secureTarget is backwards on a TCP port with TLS, and returns its address.
func secureTarget(t *testing.T, cert, key string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{pair}})
	backwards(t, l)
	return fmt.Sprint("localhost:", l.Addr().(*net.TCPAddr).Port)
}

// talk connects, says something and returns the answer. A reset may come at any
// time, before net.Dial returns too.
func talk(addr string) ([]byte, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello, whoever you are\n")); err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

// Every part of the way can have TLS: from the client to the port, over the
// mesh, and from the other node to the target. Each end refuses whom it does not
// believe, and the end that dials says so in its log.
func TestProxiesWithTLS(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	for _, id := range []string{"near", "far"} {
		authority.Issue(id, id)
	}
	authority.Issue("target")
	authority.Issue("odd", "somebody")
	elsewhere := t.TempDir()
	pkitest.NewAuthority(t, "stranger", func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(elsewhere, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}).Issue("target")
	in := func(id string) []string {
		cert, key, ca := "cert="+file(id+".crt"), "key="+file(id+".key"), file("ca.crt")
		return []string{"--tls-server", "name=in", cert, key, "requireclientcert=true", "clientcas=" + ca,
			"--tls-client", "name=out", cert, key, "rootcas=" + ca, "--tls-client", "name=nobody", "rootcas=" + ca}
	}
	nearSocket, farSocket := filepath.Join(dir, "near.sock2"), filepath.Join(dir, "far.sock2")
	backwards(t, listen(t, "unix", farSocket))
	near := in("near")
	server := func(service string, more ...string) string {
		port := fmt.Sprint(freePort(t))
		near = append(near, "--tcp-server", "bindaddr=127.0.0.1", "port="+port, "remotenode=far", "remoteservice="+service)
		near = append(near, more...)
		return "127.0.0.1:" + port
	}
	front := server("web", "tlsserver=in", "tlsclient=out")
	stranger, nobody, plain, odd := server("strange", "tlsclient=out"), server("web", "tlsclient=nobody"), server("web"), server("odd", "tlsclient=out")
	near = append(near, "--unix-socket-server", "filename="+nearSocket, "remotenode=far", "remoteservice=sock", "tls=out")
	far := append(in("far"), "--tls-server", "name=odd", "cert="+file("odd.crt"), "key="+file("odd.key"), "skipreceptornamescheck=true",
		"--tcp-client", "service=web", "address="+secureTarget(t, file("target.crt"), file("target.key")), "tlsserver=in", "tlsclient=out",
		"--tcp-client", "service=strange", "tlsserver=in", "tlsclient=out",
		"address="+secureTarget(t, filepath.Join(elsewhere, "target.crt"), filepath.Join(elsewhere, "target.key")),
		"--tcp-client", "service=odd", "address=127.0.0.1:1", "tlsserver=odd",
		"--unix-socket-client", "service=sock", "filename="+farSocket, "tls=in")
	p := startProxied(t, near, far)

	roots := x509.NewCertPool()
	ca, err := os.ReadFile(file("ca.crt"))
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(file("far.crt"), file("far.key"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := tls.Dial("tcp", front, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	if err := exchangeOn(client, 1<<20); err != nil {
		t.Errorf("TCP: %v", err)
	}
	if err := exchange("unix", nearSocket, 1<<20); err != nil {
		t.Errorf("Unix sockets: %v", err)
	}

	for _, test := range []struct {
		name, addr string
		by         *node // who says why
		says       string
	}{
		{"no TLS with the port", front, p.near, "TLS handshake: tls: first record does not look like a TLS handshake"},
		{"no certificate for the service", nobody, p.near, "far:web: TLS handshake failed: refused by the peer: "},
		{"no TLS with the service", plain, p.near, "dial far:web: TLS handshake failed: "},
		{"a service with the certificate of another node", odd, p.near, "the certificate is for the node ID somebody, want far"},
		{"a target of another authority", stranger, p.far, "TLS handshake with localhost:"},
	} {
		before := strings.Count(test.by.log.String(), test.says)
		if got, err := talk(test.addr); err == nil || len(got) > 0 {
			t.Errorf("%s: %q came (%v), want an error", test.name, got, err)
		}
		test.by.log.wait(test.says, before+1)
	}
}
