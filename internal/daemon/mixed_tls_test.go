//go:build linux

package daemon_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Links between nodes of both kinds, with every parameter of TLS: those that are
// to be believed are, and the others get no link.
func TestMixedTLS(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	listener, dialer := authority.Issue("listener", "listener"), authority.Issue("dialer", "dialer")
	own := func(id string) string { return fmt.Sprintf("cert=%s key=%s ", file(id+".crt"), file(id+".key")) }
	short := func(cert []byte) string { sum := sha256.Sum256(cert); return hex.EncodeToString(sum[:]) }
	long := func(cert []byte) string {
		sum := sha512.Sum512(cert)
		return strings.Join(strings.Fields(fmt.Sprintf("% X", sum[:])), ":")
	}
	ca := file("ca.crt")
	mutual := "requireclientcert=true clientcas=" + ca
	for _, test := range []struct {
		name, server, client string
		refused              bool
	}{
		{"authenticated", mutual, own("dialer") + "rootcas=" + ca, false},
		{"pinned", mutual + " mintls13=true pinnedclientcert=" + short(dialer), own("dialer") + "mintls13=true rootcas=" + ca + " pinnedservercert=" + long(listener), false},
		{"insecure", "", own("dialer") + "insecureskipverify=true", false},
		{"names not checked", "skipreceptornamescheck=true", own("dialer") + "skipreceptornamescheck=true rootcas=" + ca, false},
		{"no client certificate", mutual, "rootcas=" + ca, true},
		{"another client is pinned", mutual + " pinnedclientcert=" + short(listener), own("dialer") + "rootcas=" + ca, true},
		{"another server is pinned", "", own("dialer") + "rootcas=" + ca + " pinnedservercert=" + long(dialer), true},
		{"server of an authority that is not known", "", own("dialer"), true},
	} {
		for _, who := range []string{"od", "do"} {
			if who == "od" && !strings.Contains(test.client, "cert=") {
				continue // a deployed tls-client must have a certificate
			}
			t.Run(test.name+" "+who, func(t *testing.T) {
				dir, port := t.TempDir(), freePort(t)
				start := func(kind byte, id string, args ...string) *node {
					if kind == 'd' {
						return startPeer(t, program, dir, id, args...)
					}
					return mustStart(t, dir, id, args...)
				}
				l := start(who[0], "listener", append([]string{"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1", "tls=in", "--tls-server", "name=in"},
					strings.Fields(own("listener")+test.server)...)...)
				d := start(who[1], "dialer", append([]string{"--tcp-peer", fmt.Sprint("address=localhost:", port), "tls=out", "--tls-client", "name=out"},
					strings.Fields(test.client)...)...)
				if !test.refused {
					l.untilReaches(t, 1)
					d.untilReaches(t, 1)
					return
				}
				ours := l
				if who[1] == 'o' {
					ours = d
				}
				ours.log.wait("tls: ", 1)
				for _, n := range []*node{l, d} {
					n.untilReaches(t, 0)
				}
			})
		}
	}
}
