package mesh_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh"
	"receptor/transport"
	"receptor/transport/tcp"
)

func dialShared(t *testing.T, n *mesh.Node, node, service string) *mesh.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel() // must not end the connection
	c, err := n.DialShared(ctx, node, service, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitEnd waits until a stream has ended.
func awaitEnd(t *testing.T, c *mesh.Conn) {
	t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(time.Minute): // virtual
		t.Error("the stream does not end")
	}
}

// connections counts those that a mesh has made, and has now, at their dialers.
type connections struct{ made, now atomic.Int64 }

func (c *connections) log(name string) io.WriteCloser {
	if strings.HasSuffix(name, "_server.qlog") {
		return nil
	}
	c.made.Add(1)
	c.now.Add(1)
	return connectionLog{c}
}

type connectionLog struct{ c *connections }

func (connectionLog) Write(p []byte) (int, error) { return len(p), nil }
func (l connectionLog) Close() error              { l.c.now.Add(-1); return nil }

// want checks how many connections have been made so far, and how many there are.
func (c *connections) want(t *testing.T, made, now int64) {
	t.Helper()
	synctest.Wait()
	if m, n := c.made.Load(), c.now.Load(); m != made || n != now {
		t.Errorf("%d connections made, %d there; want %d and %d", m, n, made, now)
	}
}

// sharing runs test on two nodes, and counts the connections between them.
func sharing(t *testing.T, test func(t *testing.T, a, b *mesh.Node, count *connections, link *cable)) {
	t.Helper()
	var count connections
	link := &cable{a: "a", b: "b", cost: 1, delay: time.Millisecond}
	weave(t, []*cable{link}, func(c *mesh.Config) { c.QLog = count.log }, func(t *testing.T, nodes map[string]*mesh.Node) {
		test(t, nodes["a"], nodes["b"], &count, link)
	})
}

// wantEcho has the service echo say something.
func wantEcho(t *testing.T, c *mesh.Conn) {
	t.Helper()
	said := []byte("hello")
	if _, err := c.Write(said); err != nil {
		t.Errorf("write: %v", err)
		return
	}
	got := make([]byte, len(said))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != string(said) {
		t.Errorf("read %q, %v; want %q", got, err, said)
	}
}

// Streams that are opened all at once need one handshake, and so do those that
// follow until none has been there for a while.
func TestStreamsShareAConnection(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
		defer serve(t, b, "echo", echo).Close()
		use := func() {
			var users sync.WaitGroup
			for range 20 {
				users.Go(func() {
					c := dialShared(t, a, "b", "echo")
					wantEcho(t, c)
					c.Close()
					awaitEnd(t, c)
				})
			}
			users.Wait()
		}
		use()
		time.Sleep(29 * time.Second) // virtual
		use()
		count.want(t, 1, 1)
		time.Sleep(31 * time.Second) // virtual
		count.want(t, 1, 0)
		use()
		count.want(t, 2, 1)
	})
}

// Names of TLS configurations, and services, have connections of their own, and so
// has who does not want to share.
func TestWhoShares(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
		defer serve(t, b, "echo", echo).Close()
		defer serve(t, b, "other", echo).Close()
		for _, c := range []*mesh.Conn{
			dialShared(t, a, "b", "echo"), dialShared(t, a, "b", "other"),
			dial(t, a, "b", "echo"), dial(t, a, "b", "echo"), dialShared(t, a, "b", "echo"),
		} {
			wantEcho(t, c)
			c.Close()
			awaitEnd(t, c)
		}
		count.want(t, 4, 2)
	})
}

// An abort of one stream is an error at its other end, and leaves the others.
func TestAbortOfOneOfSeveral(t *testing.T) {
	for name, byDialer := range map[string]bool{"by the dialer": true, "by the listener": false} {
		t.Run(name, func(t *testing.T) {
			sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
				accepted := make(chan *mesh.Conn)
				defer serve(t, b, "svc", func(c *mesh.Conn) { accepted <- c }).Close()
				open := func() (ours, theirs *mesh.Conn) {
					ours = dialShared(t, a, "b", "svc")
					theirs = <-accepted
					io.WriteString(theirs, "hello")
					io.ReadFull(ours, make([]byte, 5))
					return ours, theirs
				}
				ours, theirs := open()
				others := [2]*mesh.Conn{}
				others[0], others[1] = open()
				if !byDialer {
					ours, theirs = theirs, ours
				}
				theirs.CloseWrite() // must not be taken for the end of all
				ours.Abort("enough")
				awaitEnd(t, ours)
				if _, err := theirs.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("the peer of an aborted stream reads %v, want an error", err)
				}
				theirs.Close()
				awaitEnd(t, theirs)
				go echo(others[1])
				wantEcho(t, others[0])
				others[0].Close()
				count.want(t, 1, 1)
				time.Sleep(time.Minute) // virtual
				count.want(t, 1, 0)
			})
		})
	}
}

// Who waits to write learns of an abort by the context, as he does where the whole
// connection ends.
func TestAbortIsSeenByContext(t *testing.T) {
	forEachKind(t, func(t *testing.T, nodes map[string]*mesh.Node, dial dialer) {
		ended := make(chan error, 3)
		defer serve(t, nodes["b"], "svc", func(c *mesh.Conn) {
			c.Write([]byte("x"))
			<-c.Context().Done()
			ended <- c.Context().Err()
		}).Close()
		for range 2 { // of which one stays longer
			c := dial(t, nodes["a"], "b", "svc")
			io.ReadFull(c, make([]byte, 1))
			defer c.Abort("the end")
		}
		c := dial(t, nodes["a"], "b", "svc")
		io.ReadFull(c, make([]byte, 1))
		c.Abort("enough")
		select {
		case <-ended:
		case <-time.After(time.Minute): // virtual
			t.Error("the other end does not know")
		}
	})
}

// A connection on which the peer has said nothing may be one that it does not know:
// the next stream does not use it.
func TestSilentConnectionIsLeft(t *testing.T) {
	for name, leave := range map[string]func(c *mesh.Conn){
		"aborted": func(c *mesh.Conn) { c.Abort("no answer") },
		"closed":  func(c *mesh.Conn) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
				defer serve(t, b, "mute", func(c *mesh.Conn) { io.Copy(io.Discard, c) }).Close()
				kept := dialShared(t, a, "b", "mute")
				leave(dialShared(t, a, "b", "mute"))
				count.want(t, 1, 1)
				dialShared(t, a, "b", "mute")
				count.want(t, 2, 2)
				kept.Abort("no answer")
			})
		})
	}
}

// A node to which there was no route may have begun anew.
func TestConnectionAfterLostRoute(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, link *cable) {
		defer serve(t, b, "echo", echo).Close()
		c := dialShared(t, a, "b", "echo")
		wantEcho(t, c)
		link.cut()
		time.Sleep(time.Second) // virtual: the mesh converges
		if _, err := a.DialShared(t.Context(), "b", "echo", "", nil); !errors.Is(err, mesh.ErrNoRoute) {
			t.Errorf("dial without a route: %v", err)
		}
		ends := [2]net.Conn{}
		ends[0], ends[1] = net.Pipe()
		defer ends[0].Close()
		for i, n := range []*mesh.Node{a, b} {
			go tcp.Serve(ends[i], func(l transport.Link) transport.Receiver { return n.Attach(l, mesh.LinkOptions{Cost: 1}) })
		}
		time.Sleep(2 * time.Second) // virtual: the mesh converges
		another := dialShared(t, a, "b", "echo")
		wantEcho(t, another)
		wantEcho(t, c) // it goes on where it is
		count.want(t, 2, 2)
		c.Close()
		another.Close()
		awaitEnd(t, c)
		count.want(t, 2, 1)
	})
}

// A connection that has as many streams as it may have is followed by another.
func TestManyStreams(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
		defer serve(t, b, "echo", echo).Close()
		var all []*mesh.Conn
		for range 150 {
			all = append(all, dialShared(t, a, "b", "echo"))
		}
		for _, c := range all {
			wantEcho(t, c)
		}
		count.want(t, 2, 2)
		for _, c := range all {
			c.Close()
			awaitEnd(t, c)
		}
		count.want(t, 2, 1)
	})
}

// Streams go on while others come and go in any way, in many turns.
func TestStreamsComeAndGo(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
		defer serve(t, b, "echo", echo).Close()
		steady := dialShared(t, a, "b", "echo")
		var users sync.WaitGroup
		for user := range 8 {
			draw := rand.New(rand.NewPCG(1, uint64(user)))
			users.Go(func() {
				for range 60 {
					c := dialShared(t, a, "b", "echo")
					wantEcho(t, c)
					switch draw.IntN(4) {
					case 0:
						c.Abort("enough")
					case 1:
						c.CloseWrite()
						io.ReadAll(c)
						c.Close()
					default:
						c.Write(make([]byte, draw.IntN(200_000)))
						c.Close()
					}
					awaitEnd(t, c)
				}
			})
		}
		users.Wait()
		wantEcho(t, steady)
		steady.Close()
		count.want(t, 1, 1)
		time.Sleep(time.Minute) // virtual
		count.want(t, 1, 0)
	})
}

// Of those that wait for a handshake which its dialer gives up, one makes another.
func TestGivenUpDial(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
		defer serve(t, b, "echo", echo).Close()
		ctx, giveUp := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := a.DialShared(ctx, "b", "echo", "", nil)
			failed <- err
		}()
		synctest.Wait()
		var users sync.WaitGroup
		for range 3 {
			users.Go(func() { wantEcho(t, dialShared(t, a, "b", "echo")) })
		}
		synctest.Wait()
		giveUp()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the dial that is given up: %v", err)
		}
		users.Wait()
		count.want(t, 2, 1)
	})
}

// A deployed node takes one stream on a connection, and several at a time.
func TestSharedDialOfDeployedListener(t *testing.T) {
	sharing(t, func(t *testing.T, a, b *mesh.Node, count *connections, _ *cable) {
		conn := packets(t, b, "svc")
		defer conn.Close()
		config := wantsCertificate(t)
		config.ClientAuth, config.NextProtos = tls.NoClientCert, []string{deployedALPN}
		l, err := quic.Listen(conn, config, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				qc, err := l.Accept(t.Context())
				if err != nil {
					return
				}
				go func() {
					stream, err := qc.AcceptStream(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					io.ReadFull(stream, make([]byte, 1))
					io.Copy(stream, stream)
					stream.Close()
					if more, err := qc.AcceptStream(qc.Context()); err == nil {
						t.Errorf("there is another stream: %d", more.StreamID())
					}
				}()
			}
		}()
		var users sync.WaitGroup
		for range 5 {
			users.Go(func() {
				c, err := a.DialShared(t.Context(), "b", "svc", "any", &tls.Config{InsecureSkipVerify: true})
				if err != nil {
					t.Error(err)
					return
				}
				wantEcho(t, c)
				c.Close()
				awaitEnd(t, c)
			})
		}
		users.Wait()
		time.Sleep(time.Second) // virtual: the other end hears of it
		count.want(t, 5, 0)
	})
}
