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

// runningBackend is a backend, and the item that it was made of.
type runningBackend struct {
	item              config.Item
	transport.Backend // nil if it could not be started again
}

func (d *Daemon) startBackends() error {
	for _, item := range d.cfg.Backends() {
		b, err := d.startBackend(item)
		if err != nil {
			return err
		}
		d.backends = append(d.backends, runningBackend{item, b})
	}
	return nil
}

// startBackend starts what an item asks for. Its errors name the item.
func (d *Daemon) startBackend(item config.Item) (transport.Backend, error) {
	b, opts, err := d.newBackend(item)
	if err == nil {
		err = b.Start(func(l transport.Link) transport.Receiver { return d.node.Attach(l, opts) })
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", item.Where, item.Name, err)
	}
	d.log.Infof("Running %s", b)
	return b, nil
}

// newBackend makes the backend of an item, and the terms of its links.
func (d *Daemon) newBackend(item config.Item) (transport.Backend, mesh.LinkOptions, error) {
	make, idle := d.host.Backends, d.cfg.Node.MaxIdleConnectionTimeout
	switch c := item.Value().(type) {
	case config.TCPListener:
		return make.TCPListener(listenAddr(c.BindAddr, c.Port), d.tls.forListener(c.TLS), d.strangers()), listenerTerms(c.Cost, c.NodeCost, c.AllowedPeers), nil
	case config.UDPListener:
		return make.UDPListener(listenAddr(c.BindAddr, c.Port), idle, d.strangers()), inPieces(listenerTerms(c.Cost, c.NodeCost, c.AllowedPeers)), nil
	case config.WSListener:
		return make.WSListener(listenAddr(c.BindAddr, c.Port), c.Path, d.tls.forListener(c.TLS), d.strangers()), listenerTerms(c.Cost, c.NodeCost, c.AllowedPeers), nil
	case config.TCPPeer:
		host, _, err := net.SplitHostPort(c.Address)
		if err != nil {
			return nil, mesh.LinkOptions{}, err
		}
		return make.TCPDialer(c.Address, d.tls.forHost(c.TLS, host), d.dialOptions(c.Redial)), peerTerms(c.Cost, c.AllowedPeers), nil
	case config.UDPPeer:
		return make.UDPDialer(c.Address, d.dialOptions(c.Redial)), inPieces(peerTerms(c.Cost, c.AllowedPeers)), nil
	case config.WSPeer:
		b, err := d.newWSDialer(c)
		return b, peerTerms(c.Cost, c.AllowedPeers), err
	}
	panic("daemon: no backend is made of an item " + item.Name)
}

func (d *Daemon) newWSDialer(c config.WSPeer) (transport.Backend, error) {
	u, err := url.Parse(c.Address)
	if err != nil {
		return nil, err
	}
	name := c.TLS
	if name == "" && u.Scheme == "wss" {
		name = config.DefaultTLSClient
	}
	return d.host.Backends.WSDialer(c.Address, c.ExtraHeader, d.tls.forHost(name, u.Hostname()), d.dialOptions(c.Redial)), nil
}

func listenerTerms(cost float64, nodeCost map[string]float64, allowed []string) mesh.LinkOptions {
	return mesh.LinkOptions{Cost: cost, NodeCost: nodeCost, AllowedPeers: allowed, Accepted: true}
}

func peerTerms(cost float64, allowed []string) mesh.LinkOptions {
	return mesh.LinkOptions{Cost: cost, AllowedPeers: allowed}
}

// inPieces are the terms of links over UDP.
func inPieces(terms mesh.LinkOptions) mesh.LinkOptions {
	terms.Pieces = true
	return terms
}

func (d *Daemon) warn(err error) { d.log.Warningf("%v", explained(err)) }

func (d *Daemon) dialOptions(redial bool) transport.DialOptions {
	return transport.DialOptions{Redial: redial, Clock: d.host.Clock, Rand: rand.New(d.host.NewRand()), Warn: d.warn}
}

func listenAddr(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
