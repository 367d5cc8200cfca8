package host

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/pion/transport/v3/stdnet"

	"receptor/internal/daemon"
	"receptor/transport"
	"receptor/transport/tcp"
	"receptor/transport/udp"
	"receptor/transport/ws"
)

// backends makes links over the sockets of this machine.
func backends() daemon.Backends {
	return daemon.Backends{
		TCPListener: func(addr string, config *tls.Config, warn func(error)) transport.Backend {
			return tcp.NewListener(addr, config, warn)
		},
		TCPDialer: func(addr string, config *tls.Config, opts transport.DialOptions) transport.Backend {
			return tcp.NewDialer(addr, config, opts)
		},
		UDPListener: func(addr string, idle time.Duration, warn func(error)) transport.Backend {
			return udp.NewListener(addr, udp.ListenOptions{Net: &stdnet.Net{}, Clock: transport.System, Idle: idle, Warn: warn})
		},
		UDPDialer: func(addr string, opts transport.DialOptions) transport.Backend {
			return udp.NewDialer(&stdnet.Net{}, addr, opts)
		},
		WSListener: func(addr, path string, config *tls.Config, warn func(error)) transport.Backend {
			return ws.NewListener(addr, ws.ListenOptions{Path: path, TLS: config, Warn: warn})
		},
		WSDialer: func(address, extraHeader string, config *tls.Config, opts transport.DialOptions) transport.Backend {
			return ws.NewDialer(address, ws.DialOptions{DialOptions: opts, ExtraHeader: extraHeader, TLS: config, Proxy: http.ProxyFromEnvironment})
		},
	}
}
