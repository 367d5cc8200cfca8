//go:build linux

package daemon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"receptor/control"
	"receptor/internal/config"
	"receptor/internal/daemon"
	"receptor/internal/host"
	"receptor/internal/pki"
	"receptor/transport/transporttest"
)

// A certificate grows old while a node runs, and is renewed in its place.
func TestCertificateExpires(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	clock := transporttest.NewClock()
	parse := func(args ...string) *config.Config {
		t.Helper()
		cl, err := config.ParseArgs(args)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := cl.Config(os.ReadFile, os.Hostname)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	issue := func(until time.Time) {
		t.Helper()
		cfg := parse("--cert-init", "commonname=ca", "keytype=ed25519", "outcert="+file("ca.crt"), "outkey="+file("ca.key"),
			"--cert-makereq", "commonname=a", "keytype=ed25519", "nodeid=a", "outreq="+file("a.req"), "outkey="+file("a.key"),
			"--cert-signreq", "req="+file("a.req"), "cacert="+file("ca.crt"), "cakey="+file("ca.key"), "outcert="+file("a.crt"),
			"notafter="+until.Format(time.RFC3339), "verify=true")
		issuer := pki.Issuer{ReadFile: os.ReadFile, WriteFile: host.WriteFile, WriteSecret: host.WriteSecret, Now: clock.Now}
		if err := issuer.Run(cfg); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	end := clock.Now().Add(31*day + time.Hour).Truncate(time.Second)
	issue(end)
	processes, err := host.NewProcesses(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer processes.Close()
	machine := host.Machine(processes)
	machine.Clock = clock
	n := &node{log: newLogBuffer(), socket: file("a.sock")}
	n.Daemon, err = daemon.Start(parse("--node", "id=a", "datadir="+file("data"), "--local-only", "--control-service", "filename="+n.socket,
		"--tls-client", "name=out", "cert="+file("a.crt"), "key="+file("a.key"),
		"--tls-server", "name=in", "cert="+file("a.crt"), "key="+file("a.key")), machine, daemon.NewLog(n.log, clock, config.Debug))
	if err != nil {
		t.Fatal(err)
	}
	n.closeAfter(t, "a")
	want := func(state string, until time.Time) {
		t.Helper()
		answer, err := n.client(t).Do(`{"command":"status","requested_fields":["Certificates"]}`)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Certificates []control.Certificate }
		if err := json.Unmarshal(answer, &got); err != nil || len(got.Certificates) != 2 {
			t.Fatalf("status: %s (%v), want two certificates", answer, err)
		}
		for i, item := range []string{"tls-server in", "tls-client out"} {
			c := got.Certificates[i]
			if c.Item+" "+c.Name != item || c.File != file("a.crt") || strings.Join(c.NodeIDs, " ") != "a" || c.State != state || !c.NotAfter.Equal(until) {
				t.Errorf("certificate %+v, want that of %s, %s, valid until %v", c, item, state, until)
			}
		}
	}
	warned := func(times int, text string) {
		t.Helper()
		if got := strings.Count(n.log.String(), text); got != times {
			t.Errorf("%d warnings with %q, want %d", got, text, times)
		}
	}
	want(pki.Valid, end)
	clock.Advance(day)
	warned(0, "expires on")
	clock.Advance(day)
	want(pki.ExpiresSoon, end)
	warned(1, `tls-server "in": the certificate in `+file("a.crt")+" expires on")
	warned(1, `tls-client "out": the certificate in `+file("a.crt")+" expires on")
	clock.Advance(30 * day)
	want(pki.Expired, end)
	warned(2, "expired on")
	until := clock.Now().Add(365 * day).Truncate(time.Second)
	issue(until)
	want(pki.Valid, until)
	clock.Advance(2 * day)
	warned(2, "expired on")
}
