package config

// DefaultTLSClient is the name of a TLS client configuration that every node has, unless an item defines another one: it
// presents no certificate and trusts the authorities of the system.
const DefaultTLSClient = "default"

// A TLSServer is a TLS configuration for listeners and services (PROTOCOL sections 6 and 7).
type TLSServer struct {
	Where                  Position
	Name                   string   `param:"name" kind:"name" required:"yes" unique:"tls-server" help:"name by which other items use it"`
	Cert                   string   `param:"cert" kind:"path" required:"yes" help:"file of the certificate, with those of authorities between it and the root, in PEM"`
	Key                    string   `param:"key" kind:"path" required:"yes" help:"file of its private key, in PEM"`
	RequireClientCert      bool     `param:"requireclientcert" kind:"bool" default:"false" help:"whether who dials must have a certificate"`
	ClientCAs              string   `param:"clientcas" kind:"path" unset:"those of the system" help:"file of the authorities of clients, in PEM; certificates that are not required are verified, too"`
	PinnedClientCert       [][]byte `param:"pinnedclientcert" kind:"fingerprints" unset:"any certificate" help:"fingerprints of the only certificates of clients to accept"`
	SkipReceptorNamesCheck bool     `param:"skipreceptornamescheck" kind:"bool" default:"false" help:"whether the certificate may lack the node ID of this node"`
	MinTLS13               bool     `param:"mintls13" kind:"bool" default:"false" help:"whether to refuse TLS 1.2"`
}

func (s TLSServer) check() string {
	if s.PinnedClientCert != nil && !s.RequireClientCert && s.ClientCAs == "" {
		return "pinnedclientcert is given, but certificates of clients are not asked for: want requireclientcert or clientcas, too"
	}
	return ""
}

// A TLSClient is a TLS configuration for those who dial (PROTOCOL sections 6 and 7).
type TLSClient struct {
	Where                  Position
	Name                   string   `param:"name" kind:"name" required:"yes" unique:"tls-client" help:"name by which other items and commands use it"`
	Cert                   string   `param:"cert" kind:"path" unset:"none" help:"file of the certificate, with those of authorities between it and the root, in PEM"`
	Key                    string   `param:"key" kind:"path" unset:"none" help:"file of its private key, in PEM"`
	RootCAs                string   `param:"rootcas" kind:"path" unset:"those of the system" help:"file of the authorities of servers, in PEM"`
	InsecureSkipVerify     bool     `param:"insecureskipverify" kind:"bool" default:"false" help:"whether to accept any certificate; one that is pinned is still wanted"`
	PinnedServerCert       [][]byte `param:"pinnedservercert" kind:"fingerprints" unset:"any certificate" help:"fingerprints of the only certificates of servers to accept"`
	SkipReceptorNamesCheck bool     `param:"skipreceptornamescheck" kind:"bool" default:"false" help:"whether the certificate may lack the node ID of this node"`
	MinTLS13               bool     `param:"mintls13" kind:"bool" default:"false" help:"whether to refuse TLS 1.2"`
}

func (c TLSClient) check() string {
	if (c.Cert == "") != (c.Key == "") {
		return "one of cert and key is given: want both, or neither"
	}
	return ""
}
