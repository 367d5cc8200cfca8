//go:build linux

package daemon_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"receptor/control"
)

// greeted wants the greeting of a node, and an answer, on a control connection.
func greeted(t *testing.T, conn net.Conn, id string) {
	t.Helper()
	c, node, err := control.NewClient(conn)
	if err != nil {
		t.Fatalf("greeting: %v", err)
	}
	defer c.Close()
	if node != id {
		t.Errorf("greeted by %q, want %q", node, id)
	}
	if answer, err := c.Do(`{"command":"status","requested_fields":["NodeID"]}`); err != nil || string(answer) != `{"NodeID":"`+id+`"}` {
		t.Errorf("status: %s (%v)", answer, err)
	}
}

// One node serves the control protocol in several places, each secured as its
// item says.
func TestControlServicesOverTCP(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("a", "a")
	authority.Issue("client", "client")
	plain, secured := fmt.Sprint("127.0.0.1:", freePort(t)), fmt.Sprint("127.0.0.1:", freePort(t))
	a := mustStart(t, dir, "a", "--local-only",
		"--tls-server", "name=in", "cert="+file("a.crt"), "key="+file("a.key"), "requireclientcert=true", "clientcas="+file("ca.crt"),
		"--control-service", "service=plain", "tcplisten="+plain,
		"--control-service", "service=secured", "tls=in", "tcplisten="+secured, "tcptls=in")
	a.log.wait("Running control service ", 3)

	conn, err := net.Dial("tcp", plain)
	if err != nil {
		t.Fatal(err)
	}
	greeted(t, conn, "a")

	cert, err := tls.LoadX509KeyPair(file("client.crt"), file("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(file("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	conn, err = tls.Dial("tcp", secured, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	greeted(t, conn, "a")

	// Without a certificate nobody is greeted, and the log says why.
	conn, err = tls.Dial("tcp", secured, &tls.Config{RootCAs: roots})
	if err == nil {
		if _, _, err := control.NewClient(conn); err == nil {
			t.Error("a client without a certificate was greeted")
		}
		conn.Close()
	}
	a.log.wait("WARNING", 1)
	if log := a.log.String(); !strings.Contains(log, "greet a client from 127.0.0.1:") || !strings.Contains(log, "certificate") {
		t.Error("the log does not say that a client without a certificate was refused")
	}

	for _, service := range []string{"control", "plain", "secured"} {
		a.log.wait("Service "+service+" of node a: withdrawn=false", 1)
	}
	status, err := a.client(t).Do("status")
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"control", "plain", "secured"} {
		if !strings.Contains(string(status), `"Service":"`+service+`"`) {
			t.Errorf("service %s is not advertised: %s", service, status)
		}
	}
}

// A port without TLS beside a service that has some is told of: it may not be
// what was meant.
func TestControlPortWithoutTLS(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("a", "a")
	a := mustStart(t, dir, "a", "--local-only", "--tls-server", "name=in", "cert="+file("a.crt"), "key="+file("a.key"),
		"--control-service", "service=x", "tls=in", fmt.Sprint("tcplisten=127.0.0.1:", freePort(t)))
	if log := a.log.String(); !strings.Contains(log, "has no TLS: want tcptls, too") {
		t.Error("no warning")
	}
}

func TestControlPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = start(t, t.TempDir(), "a", "--local-only", "--control-service", "service=x", "tcplisten="+l.Addr().String())
	if err == nil || !strings.HasPrefix(err.Error(), "command line: control-service: listen tcp "+l.Addr().String()) {
		t.Errorf("%v, want the item and the port", err)
	}
}
