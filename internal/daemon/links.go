package daemon

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"time"

	"receptor/internal/config"
	"receptor/mesh"
	"receptor/transport"
)

// Backends make the links of a node; see packages tcp, udp and ws. A nil
// configuration means no TLS.
type Backends struct {
	TCPListener func(addr string, config *tls.Config, warn func(error)) transport.Backend
	TCPDialer   func(addr string, config *tls.Config, opts transport.DialOptions) transport.Backend
	UDPListener func(addr string, idle time.Duration, warn func(error)) transport.Backend
	UDPDialer   func(addr string, opts transport.DialOptions) transport.Backend
	WSListener  func(addr, path string, config *tls.Config, warn func(error)) transport.Backend
	WSDialer    func(address, extraHeader string, config *tls.Config, opts transport.DialOptions) transport.Backend
}

func (d *Daemon) startBackends() error {
	for _, c := range d.cfg.TCPListeners {
		b := d.host.Backends.TCPListener(listenAddr(c.BindAddr, c.Port), d.tls.forListener(c.TLS), d.warn)
		opts := mesh.LinkOptions{Cost: c.Cost, NodeCost: c.NodeCost, AllowedPeers: c.AllowedPeers}
		if err := d.startBackend(b, opts); err != nil {
			return fmt.Errorf("%s: tcp-listener: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.UDPListeners {
		b := d.host.Backends.UDPListener(listenAddr(c.BindAddr, c.Port), d.cfg.Node.MaxIdleConnectionTimeout, d.warn)
		opts := mesh.LinkOptions{Cost: c.Cost, NodeCost: c.NodeCost, AllowedPeers: c.AllowedPeers}
		if err := d.startBackend(b, opts); err != nil {
			return fmt.Errorf("%s: udp-listener: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.WSListeners {
		b := d.host.Backends.WSListener(listenAddr(c.BindAddr, c.Port), c.Path, d.tls.forListener(c.TLS), d.warn)
		opts := mesh.LinkOptions{Cost: c.Cost, NodeCost: c.NodeCost, AllowedPeers: c.AllowedPeers}
		if err := d.startBackend(b, opts); err != nil {
			return fmt.Errorf("%s: ws-listener: %w", c.Where, err)
		}
	}
	return d.startDialers()
}

func (d *Daemon) startDialers() error {
	for _, c := range d.cfg.TCPPeers {
		host, _, err := net.SplitHostPort(c.Address)
		if err != nil {
			return fmt.Errorf("%s: tcp-peer: %w", c.Where, err)
		}
		b := d.host.Backends.TCPDialer(c.Address, d.tls.forHost(c.TLS, host), d.dialOptions(c.Redial))
		if err := d.startBackend(b, mesh.LinkOptions{Cost: c.Cost, AllowedPeers: c.AllowedPeers}); err != nil {
			return fmt.Errorf("%s: tcp-peer: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.UDPPeers {
		b := d.host.Backends.UDPDialer(c.Address, d.dialOptions(c.Redial))
		if err := d.startBackend(b, mesh.LinkOptions{Cost: c.Cost, AllowedPeers: c.AllowedPeers}); err != nil {
			return fmt.Errorf("%s: udp-peer: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.WSPeers {
		u, err := url.Parse(c.Address)
		if err != nil {
			return fmt.Errorf("%s: ws-peer: %w", c.Where, err)
		}
		name := c.TLS
		if name == "" && u.Scheme == "wss" {
			name = config.DefaultTLSClient
		}
		b := d.host.Backends.WSDialer(c.Address, c.ExtraHeader, d.tls.forHost(name, u.Hostname()), d.dialOptions(c.Redial))
		if err := d.startBackend(b, mesh.LinkOptions{Cost: c.Cost, AllowedPeers: c.AllowedPeers}); err != nil {
			return fmt.Errorf("%s: ws-peer: %w", c.Where, err)
		}
	}
	return nil
}

func (d *Daemon) startBackend(b transport.Backend, opts mesh.LinkOptions) error {
	err := b.Start(func(l transport.Link) transport.Receiver { return d.node.Attach(l, opts) })
	if err != nil {
		return err
	}
	d.backends = append(d.backends, b)
	d.log.Infof("Running %s", b)
	return nil
}

func (d *Daemon) warn(err error) { d.log.Warningf("%v", err) }

func (d *Daemon) dialOptions(redial bool) transport.DialOptions {
	return transport.DialOptions{Redial: redial, Clock: d.host.Clock, Rand: rand.New(d.host.NewRand()), Warn: d.warn}
}

func listenAddr(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
