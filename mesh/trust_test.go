package mesh_test

import (
	"crypto/tls"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"receptor/mesh"
)

var errExpired = errors.New("the certificate has expired")

// A certificate that expires while there is a connection lets no other stream in.
// Those that are there go on.
func TestExpiredOnSharedConnection(t *testing.T) {
	for name, atListener := range map[string]bool{"that of the dialer": true, "that of the listener": false} {
		t.Run(name, func(t *testing.T) {
			sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
				var expired atomic.Bool
				check := func(tls.ConnectionState) error {
					if expired.Load() {
						return errExpired
					}
					return nil
				}
				server := wantsCertificate(t)
				client := &tls.Config{InsecureSkipVerify: true, Certificates: server.Certificates}
				if atListener {
					own := server.Clone()
					own.VerifyConnection = check
					server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }
				} else {
					client.VerifyConnection = check
				}
				l, err := b.Listen("echo", server, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				go func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						go echo(c.(*mesh.Conn))
					}
				}()
				open := func() (*mesh.Conn, error) {
					c, err := a.DialShared(t.Context(), "b", "echo", "client", client)
					if err != nil {
						return nil, err
					}
					io.WriteString(c, "x")
					_, err = io.ReadFull(c, make([]byte, 1))
					if err != nil {
						c.Abort("refused")
					}
					return c, err
				}
				first, err := open()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := open(); err != nil {
					t.Fatal(err)
				}
				count.want(t, 1, 1)
				expired.Store(true)
				_, err = open()
				if atListener {
					if err == nil {
						t.Error("a stream of a dialer whose certificate has expired is accepted")
					}
					_, err = open() // by a handshake, which tells why
				}
				if !errors.Is(err, mesh.ErrTLS) {
					t.Errorf("another stream: %v, want %v", err, mesh.ErrTLS)
				}
				wantEcho(t, first)
				expired.Store(false)
				if _, err := open(); err != nil {
					t.Errorf("once there is another certificate: %v", err)
				}
			})
		})
	}
}
