//go:build linux

package daemon_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"receptor/internal/config"
	"receptor/internal/host"
	"receptor/internal/pki"
	"receptor/transport"
)

// makeCerts does the work of a cert- item of the command line.
type makeCerts func(t *testing.T, args ...string)

func ours(t *testing.T, args ...string) {
	t.Helper()
	cl, err := config.ParseArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := cl.Config(os.ReadFile, os.Hostname)
	if err != nil {
		t.Fatal(err)
	}
	issuer := pki.Issuer{ReadFile: os.ReadFile, WriteFile: host.WriteFile, WriteSecret: host.WriteSecret, Now: transport.System.Now}
	if err := issuer.Run(cfg); err != nil {
		t.Fatal(err)
	}
}

func theirs(program string) makeCerts {
	return func(t *testing.T, args ...string) {
		t.Helper()
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
}

// TestMixedCertificates has nodes of both kinds authenticate each other, on
// links and on streams, by certificates that both kinds have made.
func TestMixedCertificates(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	theirs := theirs(program)
	for _, test := range []struct {
		name          string
		init, request makeCerts
		sign          makeCerts
		key           string
	}{
		{"all ours", ours, ours, ours, "bits=2048"},
		{"all ours, Ed25519", ours, ours, ours, "keytype=ed25519"},
		{"all theirs", theirs, theirs, theirs, "bits=2048"},
		{"their authority signs our requests", theirs, ours, theirs, "bits=2048"},
		{"their authority in our hands", theirs, theirs, ours, "bits=2048"},
		{"our authority signs their requests", ours, theirs, ours, "bits=2048"},
		{"our authority in their hands", ours, ours, theirs, "bits=2048"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := func(name string) string { return dir + "/" + name }
			test.init(t, "--cert-init", "commonname=authority", test.key, "outcert="+file("ca.crt"), "outkey="+file("ca.key"))
			with := func(id string, args ...string) []string {
				cert, key := file(id+".crt"), file(id+".key")
				test.request(t, "--cert-makereq", "commonname="+id, test.key, "nodeid="+id, "nodeid="+id+"-2", "dnsname=localhost", "ipaddress=127.0.0.1",
					"outreq="+file(id+".req"), "outkey="+key)
				test.sign(t, "--cert-signreq", "req="+file(id+".req"), "cacert="+file("ca.crt"), "cakey="+file("ca.key"), "outcert="+cert, "verify=true")
				return append(args, "--tls-server", "name=in", "cert="+cert, "key="+key, "requireclientcert=true", "clientcas="+file("ca.crt"),
					"--tls-client", "name=out", "cert="+cert, "key="+key, "rootcas="+file("ca.crt"), "--control-service", "service=secured", "tls=in")
			}
			ports := []int{freePort(t), freePort(t)}
			listen := func(i int) []string {
				return []string{"--tcp-listener", fmt.Sprint("port=", ports[i]), "bindaddr=127.0.0.1", "tls=in"}
			}
			peer := func(i int) []string {
				return []string{"--tcp-peer", fmt.Sprint("address=localhost:", ports[i]), "tls=out"}
			}
			one := mustStart(t, dir, "one", with("one", listen(0)...)...)
			two := startPeer(t, program, dir, "two", with("two", append(listen(1), peer(0)...)...)...)
			three := mustStart(t, dir, "three", with("three", peer(1)...)...)
			one.log.wait("Routes computed: 2 nodes", 1)
			three.log.wait("Routes computed: 2 nodes", 1)
			one.wantSecured(t, "two")
			two.wantSecured(t, "three")
		})
	}
}
