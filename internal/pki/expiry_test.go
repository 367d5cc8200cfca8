package pki

import (
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/internal/pki/pkitest"
)

func TestStates(t *testing.T) {
	const day = 24 * time.Hour
	c := Certificate{Item: "tls-server", Name: "in", File: "/in.crt", NotBefore: pkitest.NotBefore, NotAfter: pkitest.NotAfter}
	for _, test := range []struct {
		now         time.Time
		state, want string
	}{
		{c.NotBefore.Add(-time.Second), NotYetValid, `tls-server "in": the certificate in /in.crt is not valid before 2000-01-01T00:00:00Z: want another`},
		{c.NotBefore, Valid, ""},
		{c.NotAfter.Add(-30 * day), Valid, ""},
		{c.NotAfter.Add(-30*day + time.Second), ExpiresSoon, `tls-server "in": the certificate in /in.crt expires on 2200-01-01T00:00:00Z, in 29 days: replace the file`},
		{c.NotAfter, ExpiresSoon, "in 0 days"},
		{c.NotAfter.Add(time.Second), Expired, `tls-server "in": the certificate in /in.crt expired on 2200-01-01T00:00:00Z, and peers refuse it: replace the file`},
	} {
		if state := c.State(test.now); state != test.state {
			t.Errorf("at %v it is %s, want %s", test.now, state, test.state)
		}
		if err := c.Check(test.now); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("at %v: %v, want %q", test.now, err, test.want)
		}
	}
}

// There is one warning for each certificate that is read, however many
// handshakes it serves.
func TestWarningsOfOldCertificates(t *testing.T) {
	w := newWorld(t)
	w.nowIs = pkitest.NotAfter.Add(-time.Hour)
	server, err := NewServer(serverItem(), w.opts())
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(clientItem(), w.opts())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := client.Certificate(); ok {
		t.Error("a client without a certificate shows one")
	}
	warned := func(n int, part string) {
		t.Helper()
		for range 3 {
			_, serverErr, clientErr := shake(t, server.Config(), client.HostConfig("localhost"), nobody)
			wantError(t, serverErr, clientErr, "")
		}
		if len(w.warnings) != n || !strings.Contains(w.warnings[n-1], part) {
			t.Errorf("warnings %q, want %d, the last with %q", w.warnings, n, part)
		}
	}
	warned(1, `tls-server "s": the certificate in server.crt expires on`)
	w.ca.Issue("server", "me", "you")
	warned(2, "server.crt expires on")
	if got := server.Certificate(); !slices.Equal(got.NodeIDs, []string{"me", "you"}) || !got.NotAfter.Equal(pkitest.NotAfter) ||
		!got.NotBefore.Equal(pkitest.NotBefore) || got.Item != "tls-server" || got.Name != "s" || got.File != "server.crt" {
		t.Errorf("the certificate is %+v", got)
	}
	item := clientItem()
	item.Cert, item.Key = "client.crt", "client.key"
	w.nowIs = pkitest.NotAfter.Add(time.Hour)
	if client, err = NewClient(item, w.opts()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.warnings); n != 3 || !strings.Contains(w.warnings[2], `tls-client "c": the certificate in client.crt expired on`) {
		t.Errorf("warnings %q, want a third that the client's has expired", w.warnings)
	}
}
