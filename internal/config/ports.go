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

// SamePort reports whether two items take one and the same port, so that only one of them can run. Those that take any
// port that is free, or none, are not meant.
func SamePort(a, b Item) bool {
	first, second := a.claim(), b.claim()
	return first.port != "" && first.network == second.network && first.port == second.port && overlap(first.host, second.host)
}

// Listens reports whether the item takes a port of this machine.
func (i Item) Listens() bool {
	l, ok := i.value.(listening)
	if !ok {
		return false
	}
	_, addr := l.port()
	return addr != ""
}

type claim struct{ network, host, port string }

// claim is the particular port that an item takes, if any.
func (i Item) claim() claim {
	if !i.Listens() {
		return claim{}
	}
	network, addr := i.value.(listening).port()
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		return claim{}
	}
	return claim{network, host, port}
}

// checkPorts complains of items that take a port which another has already: the second could not start.
func checkPorts(items []Item, p *problems) {
	for i, item := range items {
		for _, other := range items[:i] {
			if SamePort(item, other) {
				mine := item.claim()
				p.add(item.Where, "%s: %s port %s of %s is taken by the %s at %v: want another",
					item.Name, mine.network, mine.port, quote(mine.host), other.Name, other.Where)
				break
			}
		}
	}
}

// overlap reports whether a port of one address is one of the other, too. Any address includes all, of either family.
// Names are compared as they are: what they stand for may change.
func overlap(a, b string) bool { return a == b || isAnyAddress(a) || isAnyAddress(b) }

func isAnyAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}
