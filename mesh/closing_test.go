package mesh_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh"
)

// dialer opens a stream to a service that authenticates nobody.
type dialer func(t *testing.T, n *mesh.Node, node, service string) *mesh.Conn

// forEachKind runs test with streams that have a connection each, and with such as
// share one.
func forEachKind(t *testing.T, test func(t *testing.T, nodes map[string]*mesh.Node, dial dialer)) {
	for name, dial := range map[string]dialer{"alone": dial, "shared": dialShared} {
		t.Run(name, func(t *testing.T) {
			chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) { test(t, nodes, dial) })
		})
	}
}

// A slowReader takes a pause of virtual time before each piece that it reads.
type slowReader struct {
	r     io.Reader
	pause time.Duration
}

func (s slowReader) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.r.Read(p[:min(len(p), 64<<10)])
}

// What was written before Close arrives although the peer needs an hour to read
// it, and whether or not the peer has ended its own side before; then the
// connection ends.
func TestCloseWaitsForSlowReader(t *testing.T) {
	for name, halfClose := range map[string]bool{"after the peer's end": true, "before the peer's end": false} {
		t.Run(name, func(t *testing.T) {
			forEachKind(t, func(t *testing.T, nodes map[string]*mesh.Node, dial dialer) {
				data := make([]byte, 4<<20)
				rand.NewChaCha8([32]byte{2}).Read(data)
				ended := make(chan struct{})
				l := serve(t, nodes["b"], "source", func(c *mesh.Conn) {
					if _, err := c.Write(data); err != nil {
						t.Errorf("write: %v", err)
					}
					c.Close()
					<-c.Context().Done()
					close(ended)
				})
				defer l.Close()
				c := dial(t, nodes["a"], "b", "source")
				if halfClose {
					c.CloseWrite()
				}
				got, err := io.ReadAll(slowReader{c, time.Minute})
				if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
					t.Errorf("read %d bytes (%v), want the %d that were written", len(got), err, len(data))
				}
				c.Close()
				<-ended
				<-c.Context().Done()
			})
		})
	}
}

// An end that has sent its all reads slowly what the other, which has sent its
// all too and has read everything, still has for it.
func TestCloseAfterBothEnds(t *testing.T) {
	forEachKind(t, func(t *testing.T, nodes map[string]*mesh.Node, dial dialer) {
		data := make([]byte, 1<<20)
		rand.NewChaCha8([32]byte{3}).Read(data)
		ended := make(chan struct{})
		l := serve(t, nodes["b"], "swap", func(c *mesh.Conn) {
			c.Write(data)
			c.CloseWrite()
			if got, err := io.ReadAll(c); err != nil || len(got) != len("thanks") {
				t.Errorf("listener read %q (%v)", got, err)
			}
			c.Close()
			<-c.Context().Done()
			close(ended)
		})
		defer l.Close()
		c := dial(t, nodes["a"], "b", "swap")
		first := make([]byte, 1)
		io.ReadFull(c, first)
		time.Sleep(time.Minute) // virtual: the other end is sent whole
		io.WriteString(c, "thanks")
		c.CloseWrite()
		rest, err := io.ReadAll(slowReader{c, time.Minute})
		if err != nil || !bytes.Equal(append(first, rest...), data) {
			t.Errorf("read %d bytes (%v), want %d", 1+len(rest), err, len(data))
		}
		c.Close()
		<-ended
	})
}

// A peer that goes on writing to a closed stream is told, and what it has not
// read by then is of no use to keep the connection for.
func TestCloseRefusesMore(t *testing.T) {
	forEachKind(t, func(t *testing.T, nodes map[string]*mesh.Node, dial dialer) {
		l := serve(t, nodes["b"], "deaf", func(c *mesh.Conn) { c.Close() })
		defer l.Close()
		c := dial(t, nodes["a"], "b", "deaf")
		var err error
		for err == nil {
			_, err = c.Write(make([]byte, 8<<10))
		}
		c.Close()
		<-c.Context().Done()
	})
}

// Close wakes a Write that waits for a peer that does not read.
func TestCloseWakesWrite(t *testing.T) {
	forEachKind(t, func(t *testing.T, nodes map[string]*mesh.Node, dial dialer) {
		accepted := make(chan *mesh.Conn, 1)
		l := serve(t, nodes["b"], "idle", func(c *mesh.Conn) { accepted <- c })
		defer l.Close()
		c := dial(t, nodes["a"], "b", "idle")
		failed := make(chan error)
		go func() {
			_, err := io.Copy(c, zeros{})
			failed <- err
		}()
		time.Sleep(time.Second) // virtual: the peer's window is full
		c.Close()
		if err := <-failed; err == nil {
			t.Error("a write to a closed stream succeeded")
		}
		(<-accepted).Close()
		<-c.Context().Done()
	})
}

// Close wakes a Read that waits, and one that follows fails at once: neither waits for the
// peer, which has not ended its side.
func TestCloseWakesRead(t *testing.T) {
	forEachKind(t, func(t *testing.T, nodes map[string]*mesh.Node, dial dialer) {
		accepted := make(chan *mesh.Conn, 1)
		l := serve(t, nodes["b"], "idle", func(c *mesh.Conn) { accepted <- c })
		defer l.Close()
		c := dial(t, nodes["a"], "b", "idle")
		failed := make(chan error)
		read := func() {
			_, err := c.Read(make([]byte, 1))
			failed <- err
		}
		go read()
		synctest.Wait()
		c.Close()
		woken := <-failed
		synctest.Wait() // what Close has begun in the background waits for the peer
		go read()
		if then := <-failed; !errors.Is(woken, net.ErrClosed) || !errors.Is(then, net.ErrClosed) {
			t.Errorf("a read that waits for a closed stream ends with %v, and one that follows with %v, want %v", woken, then, net.ErrClosed)
		}
		(<-accepted).Close()
		<-c.Context().Done()
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// A deployed node does not say what it has read, and leaves it to us to end the
// connection.
func TestCloseWithDeployedPeer(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["b"], "echo", echo)
		defer l.Close()
		pc, err := nodes["a"].ListenPacket("")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		tr := &quic.Transport{Conn: pc}
		defer tr.Close()
		tlsConfig := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"netceptor"}}
		qc, err := tr.Dial(t.Context(), mesh.Addr{Node: "b", Service: "echo"}, tlsConfig, &quic.Config{DisablePathMTUDiscovery: true, KeepAlivePeriod: 15 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s, err := qc.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte("\x00hello"))
		s.Close()
		if got, err := io.ReadAll(s); err != nil || string(got) != "hello" {
			t.Errorf("read %q (%v)", got, err)
		}
		none, cancel := context.WithTimeout(qc.Context(), time.Hour)
		defer cancel()
		if word, err := qc.AcceptUniStream(none); err == nil {
			t.Errorf("a deployed node was sent stream %d, which it does not know", word.StreamID())
		}
		if qc.Context().Err() == nil {
			t.Error("the connection did not end within an hour")
		}
	})
}
