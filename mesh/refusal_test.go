package mesh_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"receptor/mesh"
)

// A listener that wants a certificate refuses a dialer without one, which may
// believe to be connected by then. Both nodes tell.
func TestRefusedStream(t *testing.T) {
	var mu sync.Mutex
	refused := map[string]mesh.StreamRefused{} // by the node that tells
	events := func(e mesh.Event) {
		if e, ok := e.(mesh.StreamRefused); ok {
			mu.Lock()
			defer mu.Unlock()
			refused[e.Local.Node] = e
		}
	}
	watchedChain(t, []string{"a", "b", "c"}, time.Millisecond, events, func(t *testing.T, nodes map[string]*mesh.Node) {
		l, err := nodes["c"].Listen("svc", wantsCertificate(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		conn, err := nodes["a"].Dial(t.Context(), "c", "svc", &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Errorf("dial: %v, before the refusal can be here", err)
			return
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, mesh.ErrTLS) {
			t.Errorf("the dialer reads %v, want %v", err, mesh.ErrTLS)
		}
		<-conn.Context().Done()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, node := range []string{"a", "c"} {
			e, other := refused[node], map[string]string{"a": "c", "c": "a"}[node]
			if e.Remote.Node != other || (e.Local.Service == "svc") != (node == "c") || !errors.Is(e.Err, mesh.ErrTLS) {
				t.Errorf("node %s tells %+v", node, e)
			}
		}
		if len(refused) != 2 {
			t.Errorf("%d nodes tell, want the two ends", len(refused))
		}
	})
}

// wantsCertificate is the configuration of a listener with a certificate that
// wants any of the dialer.
func wantsCertificate(t *testing.T) *tls.Config {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key) // Ed25519 draws nothing
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequireAnyClientCert}
}
