package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/websocket"

	"receptor/transport"
)

// DialOptions are what a dialer needs.
type DialOptions struct {
	transport.DialOptions
	// ExtraHeader, "Name: value", is added to the request unless it is empty.
	ExtraHeader string
	// TLS is used for wss; one that names no server verifies the host of the
	// URL. Nil is the default configuration.
	TLS *tls.Config
	// Proxy returns the proxy for a request, if there is one; nil uses none.
	Proxy func(*http.Request) (*url.URL, error)
}

// Dialer keeps a link to one URL up. It implements transport.Backend.
type Dialer struct {
	*transport.Dialer
	address string
	opts    DialOptions
	header  http.Header
}

// NewDialer returns a backend that dials address, a URL of the scheme ws or
// wss.
func NewDialer(address string, opts DialOptions) *Dialer {
	d := &Dialer{address: address, opts: opts}
	d.Dialer = transport.NewDialer("websocket peer "+address, opts.DialOptions, d.connect)
	return d
}

// Start implements transport.Backend.
func (d *Dialer) Start(accept transport.Acceptor) error {
	if err := d.prepare(); err != nil {
		return fmt.Errorf("websocket peer: %w", err)
	}
	return d.Dialer.Start(accept)
}

var errNotWebsocket = errors.New(`want a URL such as "wss://mesh.example.org:443/path"`)

// prepare makes the header of requests.
func (d *Dialer) prepare() error {
	u, err := url.Parse(d.address)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", err, errNotWebsocket)
	case u.Scheme != "ws" && u.Scheme != "wss", u.Host == "", u.User != nil:
		return fmt.Errorf("%q: %w", d.address, errNotWebsocket)
	}
	d.header = http.Header{}
	if d.opts.ExtraHeader != "" {
		name, value, ok := strings.Cut(d.opts.ExtraHeader, ":")
		if !ok {
			return fmt.Errorf("extra header %q: want \"Name: value\"", d.opts.ExtraHeader)
		}
		d.header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	// As if a page of that very host had asked: some servers want to see that.
	d.header.Set("Origin", strings.Replace(u.Scheme, "ws", "http", 1)+"://"+u.Host)
	return nil
}

// connect returns a link, or says what the server has answered.
func (d *Dialer) connect(ctx context.Context) (transport.Runner, error) {
	var ended func() bool // the socket is closed when ctx ends, until this is called
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			ended = context.AfterFunc(ctx, func() { conn.Close() })
			return conn, nil
		},
		Proxy:           d.opts.Proxy,
		TLSClientConfig: d.opts.TLS,
		ReadBufferSize:  bufferSize,
		WriteBufferSize: bufferSize,
	}
	conn, answer, err := dialer.DialContext(ctx, d.address, d.header)
	if ended != nil {
		ended()
	}
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, fmt.Errorf("the server answered %s", answer.Status)
	}
	if err != nil {
		return nil, err
	}
	return newLink(conn), nil
}
