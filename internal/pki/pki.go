// Package pki makes TLS configurations of the items tls-server and tls-client:
// which certificate a node shows, and whom it believes (PROTOCOL section 7).
//
// Files are read again for each handshake, so a renewed certificate, or another
// set of authorities, needs no restart.
package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"receptor/internal/config"
)

// Options are what configurations need from their surroundings. All fields are
// required.
type Options struct {
	NodeID   string // of this node: its certificates must name it
	ReadFile func(name string) ([]byte, error)
	Now      func() time.Time
	// Warn is told when files that once made sense no longer do, and when a
	// certificate that is new in them is not valid, or not for long.
	Warn func(error)
}

// Server is the configuration of one tls-server item. Its methods may be called
// by any goroutine.
type Server struct {
	about    Certificate
	cert     *reread[*tls.Certificate]
	policy   policy
	auth     tls.ClientAuthType
	minimum  uint16
	required bool
}

// NewServer reads the files of an item.
func NewServer(item config.TLSServer, opts Options) (*Server, error) {
	s := &Server{
		about:    Certificate{Item: "tls-server", Name: item.Name, File: item.Cert},
		minimum:  minVersion(item.MinTLS13),
		required: item.RequireClientCert,
		policy: policy{
			usage: x509.ExtKeyUsageClientAuth, pins: item.PinnedClientCert, optional: !item.RequireClientCert, now: opts.Now,
		},
	}
	switch {
	case item.RequireClientCert:
		s.auth = tls.RequireAnyClientCert // and the policy verifies it
	case item.ClientCAs != "":
		s.auth = tls.RequestClientCert
	}
	var err error
	if s.cert, err = opts.pair(s.about, item.Key, item.SkipReceptorNamesCheck); err != nil {
		return nil, err
	}
	if s.policy.roots, err = opts.pool("clientcas", item.ClientCAs); err != nil {
		return nil, err
	}
	return s, nil
}

// Config returns the configuration for links and sockets.
func (s *Server) Config() *tls.Config {
	cfg := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.get(), nil },
		ClientAuth:     s.auth,
		MinVersion:     s.minimum,
		Time:           s.policy.now,
	}
	if s.auth != tls.NoClientCert {
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return s.policy.check(state, "", "") }
	}
	return cfg
}

// StreamConfig returns the configuration for services on the mesh. nodeOf
// returns the node ID of an address: if certificates are required, the dialer's
// must name its own.
func (s *Server) StreamConfig(nodeOf func(net.Addr) string) *tls.Config {
	cfg := s.Config()
	if !s.required {
		return cfg
	}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		node := nodeOf(hello.Conn.RemoteAddr())
		own := cfg.Clone()
		own.GetConfigForClient = nil
		own.VerifyConnection = func(state tls.ConnectionState) error { return s.policy.check(state, "", node) }
		return own, nil
	}
	return cfg
}

// Client is the configuration of one tls-client item. Its methods may be called
// by any goroutine.
type Client struct {
	about   Certificate
	cert    *reread[*tls.Certificate] // nil: none
	policy  policy
	minimum uint16
}

// NewClient reads the files of an item.
func NewClient(item config.TLSClient, opts Options) (*Client, error) {
	c := &Client{
		about:   Certificate{Item: "tls-client", Name: item.Name, File: item.Cert},
		minimum: minVersion(item.MinTLS13),
		policy: policy{
			usage: x509.ExtKeyUsageServerAuth, pins: item.PinnedServerCert, insecure: item.InsecureSkipVerify, now: opts.Now,
		},
	}
	var err error
	if item.Cert != "" {
		if c.cert, err = opts.pair(c.about, item.Key, item.SkipReceptorNamesCheck); err != nil {
			return nil, err
		}
	}
	if c.policy.roots, err = opts.pool("rootcas", item.RootCAs); err != nil {
		return nil, err
	}
	return c, nil
}

// HostConfig returns the configuration to dial a host, whose name or IP address
// the certificate must have. An address such as ":2222" has none to verify: then
// only a client that verifies nothing connects.
func (c *Client) HostConfig(host string) *tls.Config {
	cfg := c.config(host, host, "")
	if host == "" && !c.policy.insecure {
		cfg.VerifyConnection = func(tls.ConnectionState) error { return errNoHost }
	}
	return cfg
}

// NodeConfig returns the configuration to dial a service of a node, whose ID
// the certificate must have.
func (c *Client) NodeConfig(node string) *tls.Config { return c.config(node, "", node) }

func (c *Client) config(server, host, node string) *tls.Config {
	return &tls.Config{
		ServerName: server,
		MinVersion: c.minimum,
		Time:       c.policy.now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.cert == nil {
				return &tls.Certificate{}, nil
			}
			return c.cert.get(), nil
		},
		InsecureSkipVerify: true, // the policy verifies instead, with the authorities of now
		VerifyConnection:   func(state tls.ConnectionState) error { return c.policy.check(state, host, node) },
	}
}

func minVersion(only13 bool) uint16 {
	if only13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// pair reads the certificate that is about, and its key.
func (o Options) pair(about Certificate, key string, anyNode bool) (*reread[*tls.Certificate], error) {
	node := o.NodeID
	if anyNode {
		node = ""
	}
	parse := func(data [][]byte) (*tls.Certificate, error) {
		pair, err := parsePair(node, data)
		if err != nil {
			return nil, err
		}
		about := about.of(pair)
		if err := about.Check(o.Now()); err != nil {
			o.Warn(err)
		}
		return pair, nil
	}
	r := &reread[*tls.Certificate]{params: []string{"cert", "key"}, files: []string{about.File, key}, read: o.ReadFile, parse: parse, warn: o.Warn}
	return r, r.load()
}

// pool reads the authorities that a parameter names; nil are those of the system.
func (o Options) pool(param, file string) (*reread[*x509.CertPool], error) {
	if file == "" {
		return nil, nil
	}
	r := &reread[*x509.CertPool]{params: []string{param}, files: []string{file}, read: o.ReadFile, parse: parsePool, warn: o.Warn}
	return r, r.load()
}
