package mesh_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/transport"
	"receptor/transport/tcp"
)

// benchChain links nodes a - b - c over loopback and echoes on c.
func benchChain(b *testing.B) map[string]*mesh.Node {
	b.Helper()
	ids := []string{"a", "b", "c"}
	nodes := make(map[string]*mesh.Node)
	converged := make(chan struct{}, 1)
	for i, id := range ids {
		node, err := mesh.New(mesh.Config{ID: id, Clock: transport.System, Rand: rand.NewPCG(uint64(i), 1), Events: func(e mesh.Event) {
			if r, ok := e.(mesh.RoutesChanged); ok && id == "a" && r.Reachable == 2 {
				select {
				case converged <- struct{}{}:
				default:
				}
			}
		}})
		if err != nil {
			b.Fatal(err)
		}
		nodes[id] = node
		b.Cleanup(node.Close)
	}
	join := func(from, to string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		dialled, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		for conn, n := range map[net.Conn]*mesh.Node{dialled: nodes[from], accepted: nodes[to]} {
			go tcp.Serve(conn, func(l transport.Link) transport.Receiver { return n.Attach(l, mesh.LinkOptions{Cost: 1}) })
		}
	}
	join("a", "b")
	join("b", "c")
	<-converged
	l, err := nodes["c"].Listen("echo", nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return nodes
}

// BenchmarkDial opens a stream over two hops, exchanges one byte, and closes it.
func BenchmarkDial(b *testing.B) {
	nodes := benchChain(b)
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		c, err := nodes["a"].Dial(ctx, "c", "echo", nil)
		cancel()
		if err != nil {
			b.Fatal(err)
		}
		c.Write([]byte("x"))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkStream moves bytes over two hops and back.
func BenchmarkStream(b *testing.B) {
	nodes := benchChain(b)
	c, err := nodes["a"].Dial(context.Background(), "c", "echo", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	chunk := make([]byte, 1<<20)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		go c.Write(chunk)
		if _, err := io.ReadFull(c, make([]byte, len(chunk))); err != nil {
			b.Fatal(err)
		}
	}
}
