package mesh

import (
	"context"
	"crypto/tls"

	"github.com/quic-go/quic-go"
)

// trust is in the context of a connection that a listener has accepted: what looks at
// the certificates of its dialer, and may do so again.
type trust struct {
	verify func(tls.ConnectionState) error // nil: nobody looks
}

type trustKey struct{}

// withTrust makes the contexts of connections.
func withTrust(verify func(tls.ConnectionState) error) func(context.Context, *quic.ClientInfo) (context.Context, error) {
	return func(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
		return context.WithValue(ctx, trustKey{}, &trust{verify}), nil
	}
}

// stillBelieved tells whether the dialer of a connection would be believed if it came
// now: certificates expire, and authorities change.
func stillBelieved(qc *quic.Conn) bool {
	t := qc.Context().Value(trustKey{}).(*trust)
	return t.verify == nil || t.verify(qc.ConnectionState().TLS) == nil
}

// forStreams returns a listener's configuration, and those that it makes for
// each client, with the protocols of streams.
func forStreams(tlsConfig *tls.Config) *tls.Config {
	c := tlsConfig.Clone()
	c.NextProtos = sharedProtocols
	if forClient := c.GetConfigForClient; forClient != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			own, err := forClient(hello)
			if own != nil {
				own = forStreams(own)
				hello.Context().Value(trustKey{}).(*trust).verify = own.VerifyConnection
			}
			return own, err
		}
	}
	return c
}
