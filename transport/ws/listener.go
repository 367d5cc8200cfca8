// Package ws makes mesh links over websockets, with or without TLS.
package ws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"receptor/transport"
)

const (
	// requestTimeout bounds how long a peer may take to ask for a link, whatever it
	// asks for: also to send the body that a request announces, and to take the
	// answer.
	requestTimeout = 15 * time.Second
	// maxHeader bounds a request, in bytes.
	maxHeader = 64 << 10
)

// ListenOptions are what a listener needs.
type ListenOptions struct {
	// Path is the path of the URL that links are made at. One that ends in a
	// slash stands for all below it, too.
	Path string
	// TLS makes it a listener for wss, unless it is nil.
	TLS *tls.Config
	// Warn is told of errors that do not end the listener.
	Warn func(error)
}

// Listener accepts links by an HTTP server of its own. It implements
// transport.Backend.
type Listener struct {
	addr     string
	opts     ListenOptions
	ln       net.Listener
	server   http.Server
	upgrader websocket.Upgrader
	accept   transport.Acceptor
	links    transport.LinkSet
}

// NewListener returns a backend that listens on addr, "host:port".
func NewListener(addr string, opts ListenOptions) *Listener {
	l := &Listener{addr: addr, opts: opts}
	l.server = http.Server{
		Handler:        http.HandlerFunc(l.serve),
		ReadTimeout:    requestTimeout,
		WriteTimeout:   requestTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(warner{l}, "", 0),
	}
	l.server.SetKeepAlivesEnabled(false)
	l.upgrader = websocket.Upgrader{
		HandshakeTimeout: requestTimeout,
		ReadBufferSize:   bufferSize,
		WriteBufferSize:  bufferSize,
		CheckOrigin:      ofOneHost,
	}
	return l
}

// Start implements transport.Backend.
func (l *Listener) Start(accept transport.Acceptor) error {
	ln, err := net.Listen("tcp", l.addr)
	if err != nil {
		return fmt.Errorf("websocket listener: %w", err)
	}
	l.ln, l.accept = ln, accept
	served := ln
	if l.opts.TLS != nil {
		served = tls.NewListener(ln, l.opts.TLS)
	}
	l.links.Go(func() {
		if err := l.server.Serve(served); !errors.Is(err, http.ErrServerClosed) {
			l.opts.Warn(fmt.Errorf("%s: %w", l, err))
		}
	})
	return nil
}

// serve answers a request, with a link if it asks for one.
func (l *Listener) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != l.opts.Path && !(strings.HasSuffix(l.opts.Path, "/") && strings.HasPrefix(r.URL.Path, l.opts.Path)) {
		http.NotFound(w, r)
		return
	}
	conn, err := l.upgrader.Upgrade(w, r, nil) // it has answered an error
	if err != nil {
		l.opts.Warn(fmt.Errorf("%s: request of %s (host %q, origin %q): %w", l, r.RemoteAddr, r.Host, r.Header.Get("Origin"), err))
		return
	}
	l.links.Run(newLink(conn), l.accept, func(transport.Receiver) {})
}

// ofOneHost keeps pages of other hosts, in a browser that can reach this one,
// out of the mesh. A reverse proxy that puts its own name for us into Host says
// by X-Forwarded-Host what the peer had asked for; a page cannot set that.
func ofOneHost(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" { // "null" is what a page of nowhere sends
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Host, r.Header.Get("X-Forwarded-Host"))
}

// Addr returns the address that the started listener listens on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Close implements transport.Backend.
func (l *Listener) Close() {
	l.server.Close()
	l.links.Close()
}

// String implements transport.Backend.
func (l *Listener) String() string { return "websocket listener " + l.addr + l.opts.Path }

// warner is where the HTTP server logs, such as a TLS handshake that failed.
type warner struct{ l *Listener }

// Write implements io.Writer.
func (w warner) Write(line []byte) (int, error) {
	w.l.opts.Warn(fmt.Errorf("%s: %s", w.l, strings.TrimSpace(string(line))))
	return len(line), nil
}
