//go:build linux

package daemon_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Nodes that do not believe each other get no link, and both say why.
func TestRefusedLinks(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	listener, dialer := authority.Issue("listener", "listener"), authority.Issue("dialer", "dialer")
	own := func(id string) string { return fmt.Sprintf("cert=%s key=%s ", file(id+".crt"), file(id+".key")) }
	colons := func(sum []byte) string {
		return strings.Join(strings.Fields(fmt.Sprintf("% X", sum)), ":")
	}
	short, long := sha256.Sum256(dialer), sha512.Sum512(listener)
	ca := file("ca.crt")
	const refused = "remote error: tls: bad certificate: the peer does not believe this node, and its log says why"
	for _, test := range []struct {
		name                     string
		server, client           string // parameters of tls-server and tls-client
		listenerSays, dialerSays string // parts of their logs, both empty if they connect
	}{
		{"both authenticated and pinned", "requireclientcert=true mintls13=true clientcas=" + ca + " pinnedclientcert=" + hex.EncodeToString(short[:]),
			own("dialer") + "mintls13=true rootcas=" + ca + " pinnedservercert=" + colons(long[:]), "", ""},
		{"insecure", "", "insecureskipverify=true", "", ""},
		{"no client certificate", "requireclientcert=true clientcas=" + ca, "rootcas=" + ca,
			"tls: client didn't provide a certificate", "remote error: tls: certificate required: the peer does not believe this node"},
		{"client that is not pinned", "requireclientcert=true clientcas=" + ca + " pinnedclientcert=" + colons(long[:]), own("dialer") + "rootcas=" + ca,
			"the peer's certificate is none of those that are pinned", refused},
		{"client of another authority", "requireclientcert=true", own("dialer") + "rootcas=" + ca,
			"certificate signed by unknown authority", refused},
		{"server of another authority", "", "", "remote error: tls: bad certificate", "certificate signed by unknown authority"},
		{"server that is not pinned", "", "rootcas=" + ca + " pinnedservercert=" + colons(short[:]),
			"remote error: tls: bad certificate", "the peer's certificate is none of those that are pinned"},
	} {
		for _, kind := range []struct{ listener, peer, scheme string }{{"--tcp-listener", "--tcp-peer", ""}, {"--ws-listener", "--ws-peer", "wss://"}} {
			t.Run(test.name+" "+kind.peer, func(t *testing.T) {
				dir, port := t.TempDir(), freePort(t)
				l := mustStart(t, dir, "listener", append([]string{kind.listener, fmt.Sprint("port=", port), "bindaddr=127.0.0.1", "tls=in", "--tls-server", "name=in"},
					strings.Fields(own("listener")+test.server)...)...)
				d := mustStart(t, dir, "dialer", append([]string{kind.peer, fmt.Sprintf("address=%slocalhost:%d", kind.scheme, port), "tls=out", "--tls-client", "name=out"},
					strings.Fields(test.client)...)...)
				if test.listenerSays == "" {
					l.log.wait("Connection established with dialer", 1)
					return
				}
				l.log.wait(test.listenerSays, 1)
				d.log.wait(test.dialerSays, 1)
				for _, log := range []string{l.log.String(), d.log.String()} {
					if strings.Contains(log, "Connection established") {
						t.Error("there is a link")
					}
				}
			})
		}
	}
}

// Where one end alone has TLS, both say so in words that lead there.
func TestTLSAtOneEnd(t *testing.T) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("listener", "listener")
	in := strings.Fields(fmt.Sprintf("--tls-server name=in cert=%s key=%s", file("listener.crt"), file("listener.key")))
	out := strings.Fields("--tls-client name=out rootcas=" + file("ca.crt"))
	const (
		noTLS  = "the peer speaks without TLS, or another protocol: want tls at both ends, or at neither"
		hungUp = "EOF: the peer hung up before it had said who it is: it is no node, or wants tls where this one has none"
	)
	for _, test := range []struct {
		name                     string
		listener, dialer         []string
		listenerSays, dialerSays string
	}{
		{"listener", append([]string{"tls=in"}, in...), nil, noTLS, hungUp},
		{"dialer", nil, append([]string{"tls=out"}, out...), "", noTLS},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, port := t.TempDir(), freePort(t)
			l := mustStart(t, dir, "listener", append([]string{"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1"}, test.listener...)...)
			d := mustStart(t, dir, "dialer", append([]string{"--tcp-peer", fmt.Sprint("address=localhost:", port)}, test.dialer...)...)
			l.log.wait(test.listenerSays, 1)
			d.log.wait(test.dialerSays, 1)
		})
	}
}
