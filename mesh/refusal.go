package mesh

import (
	"context"
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"
)

// asTLS marks an error of a TLS handshake as ErrTLS, and tells which end did not
// believe the other.
func asTLS(err error) error {
	var failure *quic.TransportError
	switch {
	case !errors.As(err, &failure) || !failure.ErrorCode.IsCryptoError():
		return err
	case failure.Remote:
		return fmt.Errorf("%w: refused by the peer: %w", ErrTLS, err)
	}
	return fmt.Errorf("%w: %w", ErrTLS, err)
}

// watchRefusal tells of a connection that ends because one end did not believe
// the other. In TLS 1.3 a dialer is done before the listener has looked at its
// certificate, so no call is there to return the error.
func (n *Node) watchRefusal(qc *quic.Conn, local, remote Addr) {
	context.AfterFunc(qc.Context(), func() {
		if err := asTLS(context.Cause(qc.Context())); errors.Is(err, ErrTLS) {
			n.emit(StreamRefused{Local: local, Remote: remote, Err: err})
		}
	})
}
