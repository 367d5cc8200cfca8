//go:build linux

package daemon_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// wantEcho sends bytes and wants as many of the same back. It does not end its
// side before: a deployed node closes a socket both ways when one has ended.
func wantEcho(t *testing.T, network, addr string, size int) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := bytes.Repeat([]byte("0123456789"), size/10)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		failed <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%s %s: what came back is not what was sent (%v)", network, addr, err)
	}
	if err := <-failed; err != nil {
		t.Errorf("%s %s: %v", network, addr, err)
	}
}

// udpEcho answers each datagram with itself.
func udpEcho(t *testing.T) string {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(buf[:n], from)
		}
	}()
	return socket.LocalAddr().String()
}

// Proxies of a deployed node and of ours, each with the other: much data, the
// half-close that they pass on, and datagrams.
func TestMixedServices(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	tcp := listen(t, "tcp", "127.0.0.1:0")
	mirror(t, tcp)
	mirror(t, listen(t, "unix", file("echo.sock")))
	half := listen(t, "tcp", "127.0.0.1:0")
	backwards(t, half)
	udp := udpEcho(t)
	port := freePort(t)
	type entries struct{ tcp, half, udp int }
	proxies := func(id, to string) (entries, []string) {
		e := entries{freePort(t), freePort(t), freeUDPPort(t)}
		return e, []string{
			"--tcp-client", "service=tcp", "address=" + tcp.Addr().String(),
			"--tcp-client", "service=half", "address=" + half.Addr().String(),
			"--unix-socket-client", "service=unix", "filename=" + file("echo.sock"),
			"--udp-client", "service=udp", "address=" + udp,
			"--command-service", "service=cmd", "command=cat",
			"--tcp-server", fmt.Sprint("port=", e.tcp), "bindaddr=127.0.0.1", "remotenode=" + to, "remoteservice=tcp",
			"--tcp-server", fmt.Sprint("port=", e.half), "bindaddr=127.0.0.1", "remotenode=" + to, "remoteservice=half",
			"--unix-socket-server", "filename=" + file("in-"+id), "remotenode=" + to, "remoteservice=unix",
			"--udp-server", fmt.Sprint("port=", e.udp), "bindaddr=127.0.0.1", "remotenode=" + to, "remoteservice=udp",
		}
	}
	ours, args := proxies("ours", "theirs")
	one := mustStart(t, dir, "ours", append([]string{"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1"}, args...)...)
	theirs, args := proxies("theirs", "ours")
	two := startPeer(t, program, dir, "theirs", append([]string{"--tcp-peer", fmt.Sprint("address=127.0.0.1:", port)}, args...)...)
	one.log.wait("Routes computed: 1 nodes", 1)
	two.log.wait("ours via ours", 1)

	for name, e := range map[string]entries{"ours": ours, "theirs": theirs} {
		t.Run("in at "+name, func(t *testing.T) {
			wantEcho(t, "tcp", fmt.Sprint("127.0.0.1:", e.tcp), 10e6)
			wantEcho(t, "unix", file("in-"+name), 10e6)
			wantUDPEcho(t, e.udp)
		})
	}
	t.Run("half-close from theirs to ours", func(t *testing.T) {
		if err := exchange("tcp", fmt.Sprint("127.0.0.1:", theirs.half), 1<<20); err != nil {
			t.Error(err)
		}
	})
	t.Run("commands", func(t *testing.T) {
		wantCat(t, one, "theirs", false)
		wantCat(t, two, "ours", true)
	})
	for _, service := range []string{"tcp", "half", "unix", "udp", "cmd"} {
		one.log.wait("Service "+service+" of node theirs: withdrawn=false", 1)
	}
	one.wantSameServices(t, "theirs")
}

func wantUDPEcho(t *testing.T, port int) {
	t.Helper()
	c, err := net.Dial("udp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // long before a test gives up
		t.Fatal(err)
	}
	for _, size := range []int{1, 1500, 9000} {
		sent, got := bytes.Repeat([]byte{'u'}, size), make([]byte, 65536)
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(got); err != nil || !bytes.Equal(got[:n], sent) {
			t.Errorf("of a datagram of %d bytes came back %d (%v)", size, n, err)
		}
	}
}

// wantCat connects a node to the terminal of cat on another. A deployed node hangs
// up at the end of input; ours lets the command end.
func wantCat(t *testing.T, from *node, to string, half bool) {
	t.Helper()
	s, err := from.client(t).Connect(to, "cmd", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s, "hello\n"); err != nil {
		t.Fatal(err)
	}
	want := []byte("hello\r\nhello\r\n") // of the terminal, and of the command
	if half {
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); err != nil || !bytes.HasSuffix(got, want) {
			t.Errorf("the terminal on %s showed %q (%v)", to, got, err)
		}
		return
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the terminal on %s showed %q (%v)", to, got, err)
	}
}
