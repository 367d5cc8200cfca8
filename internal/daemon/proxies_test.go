//go:build linux

package daemon_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxied is a mesh of two nodes: what comes in at sockets of one goes to those
// behind the other.
type proxied struct{ near, far *node }

// startProxied starts it; the arguments are the proxies of the two nodes.
func startProxied(t *testing.T, near, far []string) proxied {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	p := proxied{}
	p.far = mustStart(t, dir, "far", append([]string{"--tcp-listener", fmt.Sprintf("port=%d", port), "bindaddr=127.0.0.1"}, far...)...)
	p.near = mustStart(t, dir, "near", append([]string{"--tcp-peer", fmt.Sprintf("address=127.0.0.1:%d", port)}, near...)...)
	p.near.log.wait("1 nodes can be reached", 1)
	p.far.log.wait("1 nodes can be reached", 1)
	return p
}

// backwards answers each connection, once it has heard all of it, with the same
// bytes backwards.
func backwards(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				heard, err := io.ReadAll(c)
				if err == nil {
					reverse(heard)
					_, _ = c.Write(heard)
				}
			}()
		}
	}()
}

func reverse(b []byte) {
	for i, k := 0, len(b)-1; i < k; i, k = i+1, k-1 {
		b[i], b[k] = b[k], b[i]
	}
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// exchange sends bytes, ends its side, and wants them back, backwards.
func exchange(network, addr string, size int) error {
	c, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	return exchangeOn(c, size)
}

// exchangeOn is exchange on a new connection, which it closes.
func exchangeOn(c net.Conn, size int) error {
	defer c.Close()
	sent := make([]byte, size)
	r := rand.New(rand.NewPCG(1, uint64(size)))
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		if err == nil {
			err = c.(interface{ CloseWrite() error }).CloseWrite()
		}
		failed <- err
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	reverse(got)
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("sent %d bytes, got other %d back", len(sent), len(got))
	}
	return nil
}

func TestStreamProxies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := listen(t, "tcp", "127.0.0.1:0")
	backwards(t, target)
	farSocket, nearSocket := filepath.Join(dir, "target.sock"), filepath.Join(dir, "near.sock")
	backwards(t, listen(t, "unix", farSocket))
	port, dead, own := freePort(t), freePort(t), freePort(t)
	startProxied(t,
		[]string{
			"--tcp-server", "bindaddr=127.0.0.1", fmt.Sprintf("port=%d", own), "remotenode=LocalHost", "remoteservice=own",
			"--tcp-client", "service=own", "address=" + target.Addr().String(),
			"--tcp-server", "bindaddr=127.0.0.1", fmt.Sprintf("port=%d", port), "remotenode=far", "remoteservice=web",
			"--unix-socket-server", "filename=" + nearSocket, "remotenode=far", "remoteservice=sock",
			"--tcp-server", "bindaddr=127.0.0.1", fmt.Sprintf("port=%d", dead), "remotenode=far", "remoteservice=dead",
		},
		[]string{
			"--tcp-client", "service=web", "address=" + target.Addr().String(),
			"--unix-socket-client", "service=sock", "filename=" + farSocket,
			"--tcp-client", "service=dead", fmt.Sprintf("address=127.0.0.1:%d", freePort(t)),
		})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	t.Run("10 MB both ways, with half-close", func(t *testing.T) {
		if err := exchange("tcp", addr, 10<<20); err != nil {
			t.Error(err)
		}
	})
	t.Run("Unix sockets", func(t *testing.T) {
		if err := exchange("unix", nearSocket, 1<<20); err != nil {
			t.Error(err)
		}
	})
	t.Run("a service of the node itself", func(t *testing.T) {
		if err := exchange("tcp", fmt.Sprintf("127.0.0.1:%d", own), 1<<20); err != nil {
			t.Error(err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				if err := exchange("tcp", addr, 1000+i); err != nil {
					t.Errorf("connection %d: %v", i, err)
				}
			})
		}
		all.Wait()
	})
	t.Run("a target that refuses breaks the connection off", func(t *testing.T) {
		if got, err := talk(fmt.Sprintf("127.0.0.1:%d", dead)); err == nil || len(got) > 0 {
			t.Errorf("%q came (%v), want that the connection was reset", got, err)
		}
	})
}

// Datagrams keep their bounds, and each client gets its own answers.
func TestDatagramProxies(t *testing.T) {
	t.Parallel()
	target, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := target.ReadFrom(buf)
			if err != nil {
				return
			}
			reverse(buf[:n])
			_, _ = target.WriteTo(buf[:n], from)
		}
	}()
	port, own := freeUDPPort(t), freeUDPPort(t)
	dns := []string{"--udp-client", "service=dns", "address=" + target.LocalAddr().String()}
	startProxied(t, append([]string{
		"--udp-server", "bindaddr=127.0.0.1", fmt.Sprintf("port=%d", port), "remotenode=far", "remoteservice=dns",
		"--udp-server", "bindaddr=127.0.0.1", fmt.Sprintf("port=%d", own), "remotenode=localhost", "remoteservice=dns",
	}, dns...), dns)
	for client, port := range []int{port, port, port, own} {
		c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for size := range 5 {
			sent := bytes.Repeat([]byte{byte('a' + client), '1'}, 1+300*size)
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 65536)
			n, err := c.Read(got)
			if err != nil {
				t.Fatalf("client %d, datagram of %d bytes: %v", client, len(sent), err)
			}
			reverse(got[:n])
			if !bytes.Equal(got[:n], sent) {
				t.Errorf("client %d sent %d bytes, and got other %d", client, len(sent), n)
			}
		}
	}
}

// What is told of each kind of service, as deployed nodes tell of theirs.
func TestServicesAreAdvertised(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("a", "a")
	a := mustStart(t, dir, "a", "--local-only", "--tls-server", "name=in", "cert="+file("a.crt"), "key="+file("a.key"),
		"--control-service", "service=secured", "tls=in",
		"--tcp-client", "service=tcp", "address=127.0.0.1:1", "--udp-client", "service=udp", "address=127.0.0.1:2",
		"--unix-socket-client", "service=unix", "filename=/x", "--command-service", "service=shell", "command=sh",
		"--work-command", "worktype=cat", "command=cat")
	a.until(t, "status", `"unix"`) // all are told of at one time
	answer, err := a.client(t).Do("status")
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`"Time":"[^"]*",`).ReplaceAllString(string(answer), "")
	for _, want := range []string{
		`"Service":"control","ConnType":1,"Tags":{"features":"submission,follow,session","type":"Control Service"},"WorkCommands":[{"WorkType":"cat","Secure":false}]`,
		`"Service":"secured","ConnType":2,"Tags":{"features":"submission,follow,session","type":"Control Service"},"WorkCommands":[{"WorkType":"cat","Secure":false}]`,
		`"Service":"shell","ConnType":1,"Tags":{"type":"Command Service"},"WorkCommands":null`,
		`"Service":"tcp","ConnType":1,"Tags":{"address":"127.0.0.1:1","type":"TCP Proxy"},"WorkCommands":null`,
		`"Service":"udp","ConnType":0,"Tags":{"address":"127.0.0.1:2","type":"UDP Proxy"},"WorkCommands":null`,
		`"Service":"unix","ConnType":1,"Tags":{"filename":"/x","type":"Unix Proxy"},"WorkCommands":null`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}
