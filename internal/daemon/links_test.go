//go:build linux

package daemon_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"receptor/internal/pki/pkitest"
)

// freeUDPPort returns a UDP port of the loopback that was free just now.
func freeUDPPort(t testing.TB) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// kindOfLink is how a node listens for a kind of link, and how another dials it.
type kindOfLink struct {
	name         string
	listen, dial []string
}

func linksOfAllKinds(t testing.TB) []kindOfLink {
	tcp, udp, ws := freePort(t), freeUDPPort(t), freePort(t)
	return []kindOfLink{
		{"tcp", []string{"--tcp-listener", fmt.Sprint("port=", tcp), "bindaddr=127.0.0.1"},
			[]string{"--tcp-peer", fmt.Sprint("address=127.0.0.1:", tcp)}},
		{"udp", []string{"--udp-listener", fmt.Sprint("port=", udp), "bindaddr=127.0.0.1", "cost=2"},
			[]string{"--udp-peer", fmt.Sprint("address=127.0.0.1:", udp), "cost=2"}},
		{"websocket", []string{"--ws-listener", fmt.Sprint("port=", ws), "bindaddr=127.0.0.1", "path=/mesh", `nodecost={"d": 0.5}`},
			[]string{"--ws-peer", fmt.Sprintf("address=ws://127.0.0.1:%d/mesh", ws), "cost=0.5", "extraheader=X-A: b", "allowedpeers=c"}},
	}
}

// runCat gives a node work, and wants its output.
func (n *node) runCat(t testing.TB, on string, more map[string]string) {
	t.Helper()
	fields := map[string]string{"node": on, "worktype": "cat"}
	for name, value := range more {
		fields[name] = value
	}
	text := "hello " + on + "\n"
	unit := n.submit(t, fields, text)
	results, err := n.client(t).Results(unit, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(results); err != nil || string(got) != text {
		t.Errorf("work on %s: %q (%v), want %q", on, got, err, text)
	}
	if got, want := n.state(t, unit), "Succeeded: exit status 0"; got != want {
		t.Errorf("work on %s is %q, want %q", on, got, want)
	}
}

var cat = []string{"--work-command", "worktype=cat", "command=cat"}

// One chain over all kinds of links: a -tcp- b -udp- c -websocket- d.
func TestChainOverAllKindsOfLinks(t *testing.T) {
	dir := t.TempDir()
	kinds := linksOfAllKinds(t)
	a := mustStart(t, dir, "a", kinds[0].listen...)
	b := mustStart(t, dir, "b", append(kinds[0].dial, kinds[1].listen...)...)
	c := mustStart(t, dir, "c", append(kinds[1].dial, kinds[2].listen...)...)
	d := mustStart(t, dir, "d", append(kinds[2].dial, cat...)...)
	for _, n := range []*node{a, b, c, d} {
		n.log.wait("Routes computed: 3 nodes", 1)
	}
	a.runCat(t, "d", nil)
	answer, err := a.client(t).Do("traceroute d")
	if err != nil || !strings.Contains(string(answer), `"3":{"From":"d"`) {
		t.Errorf("traceroute: %s (%v)", answer, err)
	}
	for _, want := range []struct {
		n    *node
		text string
	}{{b, "Connection established with a (tcp "}, {c, "Connection established with b (udp "}, {d, "Connection established with c (websocket "}, {c, "cost 0.5)"}} {
		if log := want.n.log.String(); !strings.Contains(log, want.text) {
			t.Errorf("no %q in the log", want.text)
		}
	}
}

// tlsFiles makes an authority that writes to files.
func tlsFiles(t testing.TB, dir string) (file func(string) string, authority *pkitest.Authority) {
	file = func(name string) string { return filepath.Join(dir, name) }
	authority = pkitest.NewAuthority(t, "ca", func(name string, data []byte) {
		if err := os.WriteFile(file(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	return file, authority
}

// Links, and the streams of work, that both ends authenticate.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	secured := func(id string, args ...string) *node {
		authority.Issue(id, id)
		cert, key, ca := "cert="+file(id+".crt"), "key="+file(id+".key"), file("ca.crt")
		args = append(args, "--tls-server", "name=in", cert, key, "requireclientcert=true", "clientcas="+ca,
			"--tls-client", "name=out", cert, key, "rootcas="+ca, "mintls13=true", "--tls-client", "name=nobody", "rootcas="+ca)
		n, err := startSecured(t, dir, id, "in", args...)
		if err != nil {
			t.Fatal(err)
		}
		n.closeAfter(t, id)
		return n
	}
	tcp, ws := freePort(t), freePort(t)
	a := secured("a", "--tcp-listener", fmt.Sprint("port=", tcp), "bindaddr=127.0.0.1", "tls=in")
	secured("b", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", tcp), "tls=out",
		"--ws-listener", fmt.Sprint("port=", ws), "bindaddr=127.0.0.1", "tls=in")
	c := secured("c", append(cat, "--ws-peer", fmt.Sprintf("address=wss://localhost:%d", ws), "tls=out")...)
	for _, n := range []*node{a, c} {
		n.log.wait("Routes computed: 2 nodes", 1)
	}
	a.runCat(t, "c", map[string]string{"tlsclient": "out"})

	for client, want := range map[string]string{"": "presents a certificate of its own", "nobody": "refused by the peer: CRYPTO_ERROR 0x174 (remote): tls: certificate required"} {
		unit, err := a.client(t).Submit(map[string]string{"node": "c", "worktype": "cat", "tlsclient": client})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unit.Finish(strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "TLS error connecting to node c") || !strings.Contains(err.Error(), want) {
			t.Errorf("work with the TLS client %q: %v, want a TLS error with %q", client, err, want)
		}
	}
	if _, err := a.client(t).Connect("c", "control", "none"); err == nil || !strings.Contains(err.Error(), "unknown TLS config none") {
		t.Errorf("with an unknown configuration: %v", err)
	}
	// In TLS 1.3 a server may refuse a client when that believes to be connected.
	const refused = "c:control: TLS handshake failed: refused by the peer: CRYPTO_ERROR 0x174 (remote): tls: certificate required"
	stream, err := a.client(t).Connect("c", "control", "nobody")
	if err == nil {
		if got, _ := io.ReadAll(stream); len(got) > 0 {
			t.Errorf("without a certificate came %q", got)
		}
		a.log.wait(refused, 1)
	} else if !strings.Contains(err.Error(), refused) {
		t.Errorf("without a certificate: %v, want %s", err, refused)
	}
}

// A renewed certificate serves the next link; the one that is up stays.
func TestRenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("in", "a")
	port := freePort(t)
	mustStart(t, dir, "a", "--tls-server", "name=in", "cert="+file("in.crt"), "key="+file("in.key"),
		"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1", "tls=in")
	dial := func(id string) *node {
		return mustStart(t, dir, id, "--tls-client", "name=out", "rootcas="+file("ca.crt"),
			"--tcp-peer", fmt.Sprint("address=127.0.0.1:", port), "tls=out")
	}
	first := dial("b")
	first.log.wait("Connection established with a (tcp+tls ", 1)
	// Another authority altogether: only the files that are there now fit together.
	_, other := tlsFiles(t, dir)
	other.Issue("in", "a")
	dial("c").log.wait("Connection established with a (tcp+tls ", 1)
	if log := first.log.String(); strings.Contains(log, "Connection with a") {
		t.Error("the link that was up has ended")
	}
}

func TestTLSErrorsNameTheItem(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("other", "other")
	for _, item := range []string{"--tls-server", "--tls-client"} {
		_, err := start(t, dir, "a", "--local-only", item, "name=x", "cert="+file("other.crt"), "key="+file("other.key"))
		want := "command line: " + item[2:] + ": cert: "
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "for the node ID other, want a") {
			t.Errorf("%v, want %q and the node ID", err, want)
		}
	}
}
