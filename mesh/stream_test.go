package mesh_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/tcp"
)

// chain runs test, in virtual time, on nodes that are linked in a row.
func chain(t *testing.T, ids []string, test func(t *testing.T, nodes map[string]*mesh.Node)) {
	watchedChain(t, ids, 0, nil, test)
}

// slowConn takes its time for each frame.
type slowConn struct {
	net.Conn
	delay time.Duration
}

func (c slowConn) Write(p []byte) (int, error) {
	time.Sleep(c.delay) // virtual
	return c.Conn.Write(p)
}

// watchedChain is chain with links that delay what they carry, and with a
// subscriber to the events of all nodes.
func watchedChain(t *testing.T, ids []string, delay time.Duration, events func(mesh.Event), test func(t *testing.T, nodes map[string]*mesh.Node)) {
	var cables []*cable
	for i := range ids[1:] {
		cables = append(cables, &cable{a: ids[i], b: ids[i+1], cost: 1, delay: delay})
	}
	weave(t, cables, func(c *mesh.Config) { c.Events = events }, test)
}

// cable is a link of a mesh that weave makes.
type cable struct {
	a, b   string
	cost   float64
	delay  time.Duration
	pieces bool // it is as one over UDP
	end    net.Conn
}

// cut ends the link.
func (c *cable) cut() { c.end.Close() }

// weave runs test, in virtual time, on the nodes that are linked by the cables.
// Configure may add to the configuration of each.
func weave(t *testing.T, cables []*cable, configure func(*mesh.Config), test func(t *testing.T, nodes map[string]*mesh.Node)) {
	synctest.Test(t, func(t *testing.T) {
		nodes := make(map[string]*mesh.Node)
		node := func(id string) *mesh.Node {
			if nodes[id] == nil {
				c := mesh.Config{ID: id, Clock: transport.System, Rand: rand.NewPCG(uint64(len(nodes)), 1)}
				configure(&c)
				n, err := mesh.New(c)
				if err != nil {
					t.Fatal(err)
				}
				nodes[id] = n
			}
			return nodes[id]
		}
		var links sync.WaitGroup
		for _, w := range cables {
			a, b := net.Pipe()
			w.end = a
			for conn, n := range map[net.Conn]*mesh.Node{a: node(w.a), b: node(w.b)} {
				links.Go(func() {
					tcp.Serve(slowConn{conn, w.delay}, func(l transport.Link) transport.Receiver {
						return n.Attach(l, mesh.LinkOptions{Cost: w.cost, Pieces: w.pieces})
					})
				})
			}
		}
		time.Sleep(time.Second) // virtual: the mesh converges
		test(t, nodes)
		for _, n := range nodes {
			n.Close()
		}
		links.Wait()
	})
}

// serve accepts the streams to a service, each handled in a goroutine.
func serve(t *testing.T, n *mesh.Node, service string, handle func(c *mesh.Conn)) *mesh.Listener {
	t.Helper()
	l, err := n.Listen(service, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c.(*mesh.Conn))
		}
	}()
	return l
}

func echo(c *mesh.Conn) {
	io.Copy(c, c)
	c.Close()
}

func dial(t *testing.T, n *mesh.Node, node, service string) *mesh.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel() // must not end the connection
	c, err := n.Dial(ctx, node, service, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStreamEchoOverTwoHops(t *testing.T) {
	chain(t, []string{"a", "b", "c"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["c"], "echo", echo)
		defer l.Close()
		c := dial(t, nodes["a"], "c", "echo")
		if got, want := c.RemoteAddr(), (mesh.Addr{Node: "c", Service: "echo"}); got != want {
			t.Errorf("remote address %v, want %v", got, want)
		}
		sent := make([]byte, 1<<20)
		rand.NewChaCha8([32]byte{1}).Read(sent)
		go func() {
			c.Write(sent)
			c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came back (%v), want the %d that were sent", len(got), err, len(sent))
		}
		c.Close()
		<-c.Context().Done()
	})
}

// All that was written before Close arrives, whichever end closes, though the
// reader reads only later.
func TestCloseLosesNothing(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		data := bytes.Repeat([]byte("0123456789"), 20000)
		sums := make(chan [32]byte, 1)
		sink := serve(t, nodes["b"], "sink", func(c *mesh.Conn) {
			all, err := io.ReadAll(c)
			if err != nil {
				t.Errorf("listener read: %v", err)
			}
			sums <- sha256.Sum256(all)
			c.Close()
		})
		defer sink.Close()
		source := serve(t, nodes["b"], "source", func(c *mesh.Conn) {
			io.ReadAll(c)
			c.Write(data)
			c.Close()
		})
		defer source.Close()

		c := dial(t, nodes["a"], "b", "sink")
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		c.CloseWrite()
		io.ReadAll(c)
		c.Close()
		if got := <-sums; got != sha256.Sum256(data) {
			t.Error("the listener did not read what the dialer wrote")
		}

		c = dial(t, nodes["a"], "b", "source")
		c.CloseWrite()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes (%v), want %d", len(got), err, len(data))
		}
		c.Close()
		<-c.Context().Done()
	})
}

// A dial to a service that does not exist ends as soon as the report is back,
// not when the handshake times out.
func TestDialUnknownService(t *testing.T) {
	chain(t, []string{"a", "b", "c"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		start := time.Now()
		_, err := nodes["a"].Dial(t.Context(), "c", "nobody", nil)
		var unreachable *mesh.UnreachableError
		if !errors.As(err, &unreachable) || unreachable.Problem != wire.ProblemServiceUnknown || unreachable.ReportedBy != "c" {
			t.Errorf("error %v, want %q from c", err, wire.ProblemServiceUnknown)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestDialErrors(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		if _, err := nodes["a"].Dial(t.Context(), "nowhere", "x", nil); !errors.Is(err, mesh.ErrNoRoute) {
			t.Errorf("dial of an unknown node: %v, want %v", err, mesh.ErrNoRoute)
		}
		if _, err := nodes["a"].Dial(t.Context(), "b", "longer than eight", nil); err == nil {
			t.Error("dial of an overlong service succeeded")
		}
		for _, service := range []string{"ping", "unreach", "longer than eight"} {
			if _, err := nodes["a"].Listen(service, nil, nil); err == nil {
				t.Errorf("listening on %q succeeded", service)
			}
		}
		l := serve(t, nodes["b"], "twice", echo)
		defer l.Close()
		if _, err := nodes["b"].Listen("twice", nil, nil); err == nil {
			t.Error("a service was opened twice")
		}
	})
}

// When a service ends, its streams end, at both ends.
func TestListenerCloseEndsStreams(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["b"], "echo", echo)
		c := dial(t, nodes["a"], "b", "echo")
		c.Write([]byte("x"))
		io.ReadFull(c, make([]byte, 1))
		l.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("read after the service ended: %v, want an error", err)
		}
		<-c.Context().Done()
	})
}

// A service that is advertised is known everywhere, and withdrawn everywhere.
func TestAdvertisedService(t *testing.T) {
	chain(t, []string{"a", "b", "c"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		l, err := nodes["a"].Listen("svc", nil, &mesh.Advertise{Tags: map[string]string{"type": "test"}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		ads := nodes["c"].Status().Advertisements
		if len(ads) != 1 || ads[0].NodeID != "a" || ads[0].Service != "svc" || ads[0].Tags["type"] != "test" || ads[0].ConnType != wire.ConnStream {
			t.Errorf("c knows of %+v, want svc of a", ads)
		}
		l.Close()
		time.Sleep(time.Second)
		if ads := nodes["c"].Status().Advertisements; len(ads) != 0 {
			t.Errorf("after it was withdrawn c still knows of %+v", ads)
		}
	})
}
