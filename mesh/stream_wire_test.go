package mesh_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh"
)

// PROTOCOL section 3, seen from the other end: a test that has nothing but QUIC
// plays the deployed node.

const (
	insecureName   = "netceptor-insecure-common-name"
	deployedALPN   = "netceptor"
	listenerWaits  = 60 * time.Second
	streamDiesIdle = 30 * time.Second
)

// packets opens a datagram service for QUIC.
func packets(t *testing.T, n *mesh.Node, service string) *mesh.PacketConn {
	t.Helper()
	conn, err := n.ListenPacket(service)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// A listener takes what a deployed dialer does, has the certificate that those
// accept, and gives up on a dialer that opens a stream but does not begin it.
func TestDeployedDialer(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["b"], "echo", echo)
		defer l.Close()
		conn := packets(t, nodes["a"], "")
		defer conn.Close()
		tr := &quic.Transport{Conn: conn}
		defer tr.Close()
		var name string
		dial := func() *quic.Conn {
			qc, err := tr.Dial(t.Context(), mesh.Addr{Node: "b", Service: "echo"}, &tls.Config{
				InsecureSkipVerify: true, ServerName: "a", NextProtos: []string{deployedALPN},
				VerifyConnection: func(s tls.ConnectionState) error {
					name = s.PeerCertificates[0].Subject.CommonName
					return nil
				},
			}, &quic.Config{MaxIdleTimeout: streamDiesIdle, KeepAlivePeriod: streamDiesIdle / 2})
			if err != nil {
				t.Fatal(err)
			}
			return qc
		}
		qc := dial()
		if name != insecureName {
			t.Errorf("the certificate is for %q, want %q", name, insecureName)
		}
		stream, err := qc.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Write([]byte("\x00hello")); err != nil {
			t.Fatal(err)
		}
		stream.Close()
		if got, err := io.ReadAll(stream); err != nil || string(got) != "hello" {
			t.Errorf("what came back is %q (%v), want %q", got, err, "hello")
		}
		<-qc.Context().Done()
		if _, err := stream.Write(nil); err == nil {
			t.Error("the connection is still there")
		}
		_, err = qc.AcceptStream(t.Context())
		if end := (*quic.ApplicationError)(nil); !errors.As(err, &end) || end.ErrorCode != 0 || end.ErrorMessage != "normal close" {
			t.Errorf("the connection ended with %v, want code 0 and the text normal close", err)
		}

		began := time.Now() // virtual
		<-dial().Context().Done()
		if waited := time.Since(began).Round(time.Second); waited != listenerWaits {
			t.Errorf("the listener waited %v for the stream, want %v", waited, listenerWaits)
		}
	})
}

// deployedListener accepts a connection under a certificate with that common
// name. It returns what the dialer says first, and its hello.
func deployedListener(t *testing.T, conn *mesh.PacketConn, commonName string) (first chan string, hello chan *tls.ClientHelloInfo) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName}, NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key) // Ed25519 draws nothing
	if err != nil {
		t.Fatal(err)
	}
	first, hello = make(chan string, 1), make(chan *tls.ClientHelloInfo, 1)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{deployedALPN}}
	l, err := quic.Listen(conn, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello <- h
		return config, nil
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer l.Close()
		qc, err := l.Accept(t.Context())
		if err != nil {
			first <- err.Error()
			return
		}
		stream, err := qc.AcceptStream(t.Context())
		if err != nil {
			first <- err.Error()
			return
		}
		said, err := io.ReadAll(stream)
		if err != nil {
			said = []byte(err.Error())
		}
		first <- string(said)
		stream.Close()
		<-qc.Context().Done()
	}()
	return first, hello
}

// A dialer says what a deployed listener waits for, and believes its certificate.
func TestDeployedListener(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		conn := packets(t, nodes["b"], "svc")
		defer conn.Close()
		first, hello := deployedListener(t, conn, insecureName)
		c := dial(t, nodes["a"], "b", "svc")
		h := <-hello
		if h.ServerName != "a" || !slices.Contains(h.SupportedProtos, deployedALPN) {
			t.Errorf("the dialer asks for %q with %q, want its own ID and %s", h.ServerName, h.SupportedProtos, deployedALPN)
		}
		if from := c.LocalAddr().(mesh.Addr).Service; len(from) != 8 {
			t.Errorf("the dialer is service %q, want one of 8 characters", from)
		}
		c.Write([]byte("hello"))
		c.CloseWrite()
		if got := <-first; got != "\x00hello" {
			t.Errorf("the dialer says %q, want a zero byte first", got)
		}
		c.Close()
	})
}

// Without a TLS configuration nobody is believed but who says that nobody need be.
func TestInsecureNameIsWanted(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		conn := packets(t, nodes["b"], "svc")
		defer conn.Close()
		deployedListener(t, conn, "b")
		if _, err := nodes["a"].Dial(t.Context(), "b", "svc", nil); !errors.Is(err, mesh.ErrTLS) {
			t.Errorf("dial: %v, want %v", err, mesh.ErrTLS)
		}
	})
}

// A stream that carries nothing is kept, and one whose node is lost ends after the
// idle timeout.
func TestIdleStreams(t *testing.T) {
	chain(t, []string{"a", "b", "c"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["c"], "echo", echo)
		defer l.Close()
		c := dial(t, nodes["a"], "c", "echo")
		time.Sleep(time.Hour) // virtual
		c.Write([]byte("x"))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Errorf("after an hour: %v", err)
		}
		nodes["b"].Close()
		lost := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("the far node is lost, and the stream ends with %v", err)
		}
		if took := time.Since(lost); took < streamDiesIdle/2 || took > streamDiesIdle+streamDiesIdle/2 {
			t.Errorf("it ended after %v, want about %v", took, streamDiesIdle)
		}
	})
}
