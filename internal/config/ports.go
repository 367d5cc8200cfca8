package config

import (
	"net"
	"net/netip"
	"strconv"
)

// A listening item takes a port of this machine.
type listening interface {
	// port returns "tcp" or "udp", and "host:port"; nothing if it takes none.
	port() (network, addr string)
}

func (c ControlService) port() (network, addr string) { return "tcp", c.TCPListen }
func (l TCPListener) port() (network, addr string)    { return "tcp", hostPort(l.BindAddr, l.Port) }
func (l UDPListener) port() (network, addr string)    { return "udp", hostPort(l.BindAddr, l.Port) }
func (l WSListener) port() (network, addr string)     { return "tcp", hostPort(l.BindAddr, l.Port) }
func (s TCPServer) port() (network, addr string)      { return "tcp", hostPort(s.BindAddr, s.Port) }
func (s UDPServer) port() (network, addr string)      { return "udp", hostPort(s.BindAddr, s.Port) }

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// checkPorts complains of items that take a port which another has already: the second could not start.
func checkPorts(items []Item, p *problems) {
	type claim struct{ network, port string }
	type owner struct {
		item Item
		host string
	}
	taken := map[claim][]owner{}
	for _, item := range items {
		l, ok := item.value.(listening)
		if !ok {
			continue
		}
		network, addr := l.port()
		host, port, err := net.SplitHostPort(addr)
		if err != nil || port == "0" {
			continue // it takes no port, or any
		}
		mine := claim{network, port}
		for _, other := range taken[mine] {
			if overlap(host, other.host) {
				p.add(item.Where, "%s: %s port %s of %s is taken by the %s at %v: want another",
					item.Name, network, port, quote(host), other.item.Name, other.item.Where)
				break
			}
		}
		taken[mine] = append(taken[mine], owner{item, host})
	}
}

// overlap reports whether a port of one address is one of the other, too. Any address includes all, of either family.
// Names are compared as they are: what they stand for may change.
func overlap(a, b string) bool { return a == b || isAnyAddress(a) || isAnyAddress(b) }

func isAnyAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}
