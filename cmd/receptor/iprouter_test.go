//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own, as of another machine.
type namespace struct {
	t    *testing.T
	name string
}

func newNamespace(t *testing.T, name string) namespace {
	t.Helper()
	n := namespace{t, fmt.Sprintf("receptor-%d-%s", os.Getpid(), name)}
	iproute(t, "netns", "add", n.name)
	t.Cleanup(func() { iproute(t, "netns", "del", n.name) })
	n.ip("link", "set", "lo", "up")
	return n
}

// iproute runs ip(8).
func iproute(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (n namespace) ip(args ...string) string {
	n.t.Helper()
	return iproute(n.t, append([]string{"-n", n.name}, args...)...)
}

// connect makes a cable between two namespaces.
func (n namespace) connect(to namespace, here, there string) {
	n.t.Helper()
	a, b := "to-"+to.name[len(to.name)-1:], "to-"+n.name[len(n.name)-1:]
	n.ip("link", "add", a, "type", "veth", "peer", "name", b, "netns", to.name)
	n.ip("addr", "add", here+"/30", "dev", a)
	n.ip("link", "set", a, "up")
	to.ip("addr", "add", there+"/30", "dev", b)
	to.ip("link", "set", b, "up")
}

// within runs f on a thread in the namespace: sockets that it opens stay there.
func (n namespace) within(f func() error) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		done <- func() error {
			file, err := os.Open("/run/netns/" + n.name)
			if err != nil {
				return err
			}
			defer file.Close()
			if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("setns: %w", err)
			}
			return f()
		}()
	}()
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
}

// udp opens a UDP socket in the namespace.
func (n namespace) udp(addr string) (conn net.PacketConn) {
	n.t.Helper()
	n.within(func() (err error) {
		conn, err = net.ListenPacket("udp", addr)
		return err
	})
	n.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // long before the test gives up
		n.t.Fatal(err)
	}
	return conn
}

// awaitRoute returns when the namespace has a route to a network, or none any more.
func (n namespace) awaitRoute(network string, want bool) {
	n.t.Helper()
	var events int
	n.within(func() (err error) {
		events, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		return unix.Bind(events, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_IPV4_ROUTE - 1)})
	})
	defer unix.Close(events)
	for {
		routes := n.ip("route", "show", network)
		if (routes != "") == want {
			return
		}
		if _, _, err := unix.Recvfrom(events, make([]byte, 65536), 0); err != nil {
			n.t.Fatalf("wait for a change of routes: %v", err)
		}
	}
}

// receptor starts a node in the namespace: ours, or another program.
func (n namespace) receptor(binary, id string, args ...string) *program {
	n.t.Helper()
	env := []string{}
	if binary == "" {
		binary, env = os.Args[0], []string{asProgram + "=1"}
	}
	args = append([]string{"netns", "exec", n.name, binary, "--node", "id=" + id, "datadir=" + n.t.TempDir(), "--log-level", "warning"}, args...)
	return startCommand(n.t, env, exec.Command("ip", args...))
}

// Three nodes in a row, each on a machine of its own; the first and the last
// have a network behind them.
func TestIPRouters(t *testing.T) {
	testIPRouters(t, "", "", "")
}

// The same, with deployed nodes in some of their places.
func TestMixedIPRouters(t *testing.T) {
	peer := os.Getenv("RECEPTOR_PEER")
	if peer == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	t.Run("theirs in the middle", func(t *testing.T) { testIPRouters(t, "", peer, "") })
	t.Run("theirs at the end", func(t *testing.T) { testIPRouters(t, "", "", peer) })
}

func testIPRouters(t *testing.T, first, middle, last string) {
	for _, file := range []string{"/dev/net/tun", "/proc/self/ns/net"} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("network interfaces and namespaces cannot be made here: %v", err)
		}
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no program ip (of iproute2)")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make network interfaces and namespaces")
	}
	a, b, c := newNamespace(t, "a"), newNamespace(t, "b"), newNamespace(t, "c")
	a.connect(b, "192.0.2.1", "192.0.2.2")
	b.connect(c, "192.0.2.5", "192.0.2.6")
	a.ip("addr", "add", "172.30.1.1/24", "dev", "lo")
	a.ip("addr", "add", "172.30.2.1/24", "dev", "lo") // not advertised
	c.ip("addr", "add", "172.30.3.1/24", "dev", "lo")

	b.receptor(middle, "b", "--tcp-listener", "port=2222", "--ip-router", "networkname=ipnet", "localnet=10.77.0.4/30")
	a.receptor(first, "a", "--tcp-peer", "address=192.0.2.2:2222",
		"--ip-router", "networkname=ipnet", "interface=mesh0", "localnet=10.77.0.0/30", "routes=172.30.1.0/24")
	end := c.receptor(last, "c", "--tcp-peer", "address=192.0.2.5:2222",
		"--ip-router", "networkname=ipnet", "localnet=10.77.0.8/30", "routes=172.30.3.0/24")
	for _, n := range []namespace{a, b} {
		n.awaitRoute("172.30.3.0/24", true)
	}
	for _, n := range []namespace{b, c} {
		n.awaitRoute("172.30.1.0/24", true)
	}
	if routes := a.ip("route", "show", "172.30.3.0/24"); !strings.Contains(routes, "dev mesh0") {
		t.Errorf("the route is %q, want one by mesh0", routes)
	}

	echo := c.udp("172.30.3.1:7")
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(buf[:n], from)
		}
	}()
	client := a.udp("172.30.1.1:0")
	for _, size := range []int{1, 1000, 1472, 8000} { // the last in several packets
		sent := bytes.Repeat([]byte{'x'}, size)
		if _, err := client.WriteTo(sent, echo.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 65536)
		n, from, err := client.ReadFrom(got)
		if err != nil || !bytes.Equal(got[:n], sent) || from.String() != "172.30.3.1:7" {
			t.Fatalf("of %d bytes %d came back from %v (%v)", size, n, from, err)
		}
	}
	if last == "" {
		// What does not come from a network that its node advertises is not taken.
		if _, err := a.udp("172.30.2.1:0").WriteTo([]byte("x"), echo.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		end.wait("packet from node a dropped: it does not advertise a network with the source, 172.30.2.1")
	}

	end.signal(os.Interrupt)
	a.awaitRoute("172.30.3.0/24", false)
	if _, err := client.WriteTo([]byte("x"), echo.LocalAddr()); err == nil {
		t.Error("a packet to a network whose node is gone is taken, want that it cannot be reached")
	}
}
