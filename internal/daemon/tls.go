package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"receptor/internal/config"
	"receptor/internal/pki"
	"receptor/mesh"
)

// tlsConfigs are those of the items tls-server and tls-client, by name.
type tlsConfigs struct {
	servers map[string]*pki.Server
	clients map[string]*pki.Client
}

// pkiOptions are for what reads certificates and keys.
func (d *Daemon) pkiOptions() pki.Options {
	return pki.Options{
		NodeID:   d.cfg.Node.ID,
		ReadFile: d.host.ReadFile,
		Now:      d.host.Clock.Now,
		Warn:     d.warn,
	}
}

func (d *Daemon) startTLS() error {
	opts := d.pkiOptions()
	d.tls = tlsConfigs{servers: make(map[string]*pki.Server), clients: make(map[string]*pki.Client)}
	for _, item := range d.cfg.TLSServers {
		s, err := pki.NewServer(item, opts)
		if err != nil {
			return fmt.Errorf("%s: tls-server: %w", item.Where, err)
		}
		d.tls.servers[item.Name] = s
	}
	for _, item := range append([]config.TLSClient{{Name: config.DefaultTLSClient}}, d.cfg.TLSClients...) {
		c, err := pki.NewClient(item, opts)
		if err != nil {
			return fmt.Errorf("%s: tls-client: %w", item.Where, err)
		}
		d.tls.clients[item.Name] = c
	}
	return nil
}

// forListener returns the configuration of a listener for links; nil if name is
// empty. The names of servers are checked with the configuration of the node.
func (t *tlsConfigs) forListener(name string) *tls.Config {
	if name == "" {
		return nil
	}
	return t.servers[name].Config()
}

// forService returns the configuration of a service on the mesh; nil if name is
// empty.
func (t *tlsConfigs) forService(name string) *tls.Config {
	if name == "" {
		return nil
	}
	return t.servers[name].StreamConfig(func(addr net.Addr) string {
		if from, ok := addr.(mesh.Addr); ok {
			return from.Node
		}
		return addr.String() // nobody's certificate is for that
	})
}

// forHost returns the configuration to dial a host; nil if name is empty. The
// name is checked with the configuration of the node.
func (t *tlsConfigs) forHost(name, host string) *tls.Config {
	if name == "" {
		return nil
	}
	return t.clients[name].HostConfig(host)
}

// forNode returns the configuration to dial a service of a node; nil if name is
// empty. The name may come from a user.
func (t *tlsConfigs) forNode(name, node string) (*tls.Config, error) {
	if name == "" {
		return nil, nil
	}
	client, ok := t.clients[name]
	if !ok {
		return nil, fmt.Errorf("unknown TLS config %s: want the name of a tls-client of this node", name)
	}
	return client.NodeConfig(node), nil
}

// explained adds to the end of a connection, of which its error says little, what it
// means or where to find more.
func explained(err error) error {
	var op *net.OpError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &op) && op.Op == "remote error": // how package tls marks an alert
		return fmt.Errorf("%w: the peer does not believe this node, and its log says why", err)
	case errors.As(err, &noTLS):
		return fmt.Errorf("%w: the peer speaks without TLS, or another protocol: want tls at both ends, or at neither", err)
	case err == io.EOF: // of a link: neither side had said anything wrong
		return fmt.Errorf("%w: the peer hung up before it had said who it is: it is no node, or wants tls where this one has none", err)
	}
	return advisedOnFiles(err)
}
