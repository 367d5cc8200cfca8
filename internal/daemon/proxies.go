package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"

	"receptor/internal/config"
	"receptor/internal/proxy"
	"receptor/mesh"
)

// Sockets are what proxies listen on and connect to. The functions are those of
// package net.
type Sockets struct {
	Listen       func(network, addr string) (net.Listener, error)
	ListenPacket func(network, addr string) (net.PacketConn, error)
	Dial         func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (d *Daemon) startProxies() error {
	for _, c := range d.cfg.TCPServers {
		if err := d.startTCPServer(c); err != nil {
			return fmt.Errorf("%s: tcp-server: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.TCPClients {
		if err := d.startTCPClient(c); err != nil {
			return fmt.Errorf("%s: tcp-client: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.UDPServers {
		if err := d.startUDPServer(c); err != nil {
			return fmt.Errorf("%s: udp-server: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.UDPClients {
		if err := d.startUDPClient(c); err != nil {
			return fmt.Errorf("%s: udp-client: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.UnixSocketServers {
		if err := d.startUnixSocketServer(c); err != nil {
			return fmt.Errorf("%s: unix-socket-server: %w", c.Where, err)
		}
	}
	for _, c := range d.cfg.UnixSocketClients {
		if err := d.startUnixSocketClient(c); err != nil {
			return fmt.Errorf("%s: unix-socket-client: %w", c.Where, err)
		}
	}
	return nil
}

func (d *Daemon) startTCPServer(c config.TCPServer) error {
	l, err := d.host.Sockets.Listen("tcp", listenAddr(c.BindAddr, c.Port))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("tcp-server %s to %s:%s", l.Addr(), c.RemoteNode, c.RemoteService)
	if cfg := d.tls.forListener(c.TLSServer); cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	d.startService(name, proxy.NewStreams(l, d.toService(c.RemoteNode, c.RemoteService, c.TLSClient), d.proxyOptions(name)))
	return nil
}

func (d *Daemon) startTCPClient(c config.TCPClient) error {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return err
	}
	ad := &mesh.Advertise{Tags: map[string]string{"type": "TCP Proxy", "address": c.Address}}
	l, err := d.node.Listen(c.Service, d.tls.forService(c.TLSServer), ad)
	if err != nil {
		return err
	}
	dial := func(ctx context.Context) (io.ReadWriteCloser, error) {
		conn, err := d.host.Sockets.Dial(ctx, "tcp", c.Address)
		cfg := d.tls.forHost(c.TLSClient, host)
		if err != nil || cfg == nil {
			return conn, err
		}
		secured := tls.Client(conn, cfg)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS handshake with %s: %w", c.Address, err)
		}
		return secured, nil
	}
	name := fmt.Sprintf("tcp-client %s to %s", c.Service, c.Address)
	d.startService(name, proxy.NewStreams(l, dial, d.proxyOptions(name)))
	return nil
}

func (d *Daemon) startUnixSocketServer(c config.UnixSocketServer) error {
	l, err := d.host.ListenUnix(c.Filename, c.Permissions)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("unix-socket-server %s to %s:%s", c.Filename, c.RemoteNode, c.RemoteService)
	d.startService(name, proxy.NewStreams(l, d.toService(c.RemoteNode, c.RemoteService, c.TLS), d.proxyOptions(name)))
	return nil
}

func (d *Daemon) startUnixSocketClient(c config.UnixSocketClient) error {
	ad := &mesh.Advertise{Tags: map[string]string{"type": "Unix Proxy", "filename": c.Filename}}
	l, err := d.node.Listen(c.Service, d.tls.forService(c.TLS), ad)
	if err != nil {
		return err
	}
	dial := func(ctx context.Context) (io.ReadWriteCloser, error) {
		return d.host.Sockets.Dial(ctx, "unix", c.Filename)
	}
	name := fmt.Sprintf("unix-socket-client %s to %s", c.Service, c.Filename)
	d.startService(name, proxy.NewStreams(l, dial, d.proxyOptions(name)))
	return nil
}

func (d *Daemon) startUDPServer(c config.UDPServer) error {
	front, err := d.host.Sockets.ListenPacket("udp", listenAddr(c.BindAddr, c.Port))
	if err != nil {
		return err
	}
	to := mesh.Addr{Node: d.remoteNode(c.RemoteNode), Service: c.RemoteService}
	open := func() (io.ReadWriteCloser, error) {
		socket, err := d.node.ListenPacket("")
		if err != nil {
			return nil, err
		}
		return proxy.Connected(socket, to), nil
	}
	name := fmt.Sprintf("udp-server %s to %s", front.LocalAddr(), to)
	d.startService(name, proxy.NewDatagrams(front, open, d.proxyOptions(name)))
	return nil
}

func (d *Daemon) startUDPClient(c config.UDPClient) error {
	// The name is looked up here, once: the proxy must not wait for that.
	probe, err := d.host.Sockets.Dial(context.Background(), "udp", c.Address)
	if err != nil {
		return err
	}
	target := probe.RemoteAddr().String()
	probe.Close()
	ad := mesh.Advertise{Tags: map[string]string{"type": "UDP Proxy", "address": c.Address}}
	front, err := d.node.ListenPacketAdvertised(c.Service, ad)
	if err != nil {
		return err
	}
	open := func() (io.ReadWriteCloser, error) { return d.host.Sockets.Dial(context.Background(), "udp", target) }
	name := fmt.Sprintf("udp-client %s to %s", c.Service, c.Address)
	d.startService(name, proxy.NewDatagrams(front, open, d.proxyOptions(name)))
	return nil
}

// toService dials a service of the mesh. Certificates that have changed since
// are read again for each dial.
func (d *Daemon) toService(node, service, tlsClient string) proxy.Dial {
	node = d.remoteNode(node)
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		cfg, err := d.tls.forNode(tlsClient, node)
		if err != nil {
			return nil, err
		}
		conn, err := d.node.Dial(ctx, node, service, cfg)
		if err != nil {
			return nil, err // and no *mesh.Conn that is nil
		}
		return conn, nil
	}
}

// remoteNode is the ID of a node that a configuration may call localhost.
func (d *Daemon) remoteNode(node string) string {
	if strings.EqualFold(node, "localhost") {
		return d.node.ID()
	}
	return node
}

func (d *Daemon) proxyOptions(name string) proxy.Options {
	var lines scarce // each connection, or datagram, that fails is one
	return proxy.Options{Clock: d.host.Clock, Problem: func(err error) { d.warnScarcely(&lines, "%s: %v", name, err) }}
}
