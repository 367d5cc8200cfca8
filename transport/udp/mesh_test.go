package udp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	pion "github.com/pion/transport/v3"
	"github.com/pion/transport/v3/vnet"

	"receptor/mesh"
	"receptor/transport"
)

// node is a mesh node on the virtual time of a synctest bubble.
type node struct {
	*mesh.Node
	links chan mesh.Event // LinkUp and LinkDown
}

func startNode(t *testing.T, id string) *node {
	t.Helper()
	n := &node{links: make(chan mesh.Event, 100)}
	var err error
	n.Node, err = mesh.New(mesh.Config{
		ID: id, Clock: transport.System, Rand: rand.NewPCG(uint64(time.Now().UnixNano()), 1),
		Events: func(e mesh.Event) {
			switch e.(type) {
			case mesh.LinkUp, mesh.LinkDown:
				n.links <- e
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// attach starts a backend whose links are the node's.
func (n *node) attach(t *testing.T, b transport.Backend) transport.Backend {
	t.Helper()
	err := b.Start(func(l transport.Link) transport.Receiver { return n.Attach(l, mesh.LinkOptions{Cost: 1}) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func (n *node) listen(t *testing.T, network pion.Net) {
	t.Helper()
	n.attach(t, NewListener(listenAt, ListenOptions{Net: network, Clock: transport.System, Idle: time.Minute, Warn: ignore}))
}

func (n *node) dial(t *testing.T, network pion.Net) transport.Backend {
	t.Helper()
	return n.attach(t, NewDialer(network, listenAt, dialOptions(transport.System, true)))
}

func (n *node) wantUp(t *testing.T, peer string) {
	t.Helper()
	if up, ok := (<-n.links).(mesh.LinkUp); !ok || up.Peer != peer {
		t.Fatalf("node %s: %+v, want a link with %s", n.ID(), up, peer)
	}
}

// fixedPort sends from one port always, as a NAT may make of any.
type fixedPort struct{ pion.Net }

func (n fixedPort) DialUDP(network string, _, remote *net.UDPAddr) (pion.UDPConn, error) {
	return n.Net.DialUDP(network, &net.UDPAddr{Port: 5000}, remote)
}

// wordless is the network of a node that is cut off before it can say goodbye.
type wordless struct{ pion.Net }

func (n wordless) DialUDP(network string, local, remote *net.UDPAddr) (pion.UDPConn, error) {
	conn, err := n.Net.DialUDP(network, local, remote)
	return wordlessConn{conn}, err
}

type wordlessConn struct{ pion.UDPConn }

func (c wordlessConn) Write(p []byte) (int, error) {
	if isGoodbye(p) {
		return len(p), nil
	}
	return c.UDPConn.Write(p)
}

// A node that vanishes without a word and is started again, on the same
// address, is in the mesh again long before the old link has idled out.
func TestNodeReturnsOnItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t, vnet.NATType{}, 0)
		hub := startNode(t, "hub")
		hub.listen(t, in.outside)
		first := startNode(t, "leaf")
		dialer := first.dial(t, fixedPort{wordless{in.inside}})
		hub.wantUp(t, "leaf")
		first.wantUp(t, "hub")
		time.Sleep(5 * time.Second) // virtual: both list each other
		dialer.Close()
		time.Sleep(time.Second)

		began := time.Now()
		startNode(t, "leaf").dial(t, fixedPort{in.inside})
		if down, ok := (<-hub.links).(mesh.LinkDown); !ok {
			t.Fatalf("%+v, want the end of the old link", down)
		}
		hub.wantUp(t, "leaf")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the node was back after %v", took)
		}
	})
}

// Whichever end closes the link, the other one learns it at once.
func TestEndIsTold(t *testing.T) {
	for _, who := range []string{"leaf", "hub"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newInternet(t, vnet.NATType{}, 0)
				hub, leaf := startNode(t, "hub"), startNode(t, "leaf")
				hub.listen(t, in.outside)
				leaf.dial(t, in.inside)
				hub.wantUp(t, "leaf")
				leaf.wantUp(t, "hub")
				ends, stays := hub, leaf
				if who == "leaf" {
					ends, stays = leaf, hub
				}
				began := time.Now()
				ends.Close()
				if down, ok := (<-stays.links).(mesh.LinkDown); !ok || !errors.Is(down.Err, mesh.ErrEnded) {
					t.Errorf("%+v, want an end that was told", down)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("it was told after %v", took)
				}
			})
		})
	}
}

// A stream over a link that loses a tenth of its datagrams arrives complete.
func TestStreamWithLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t, vnet.NATType{}, 10)
		hub, leaf := startNode(t, "hub"), startNode(t, "leaf")
		hub.listen(t, in.outside)
		leaf.dial(t, in.inside)
		hub.wantUp(t, "leaf")
		leaf.wantUp(t, "hub")
		time.Sleep(15 * time.Second) // virtual: lost updates are repaired
		l, err := hub.Listen("sink", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		sent := make([]byte, 256<<10)
		rand.NewChaCha8([32]byte{1}).Read(sent)
		conn, err := leaf.Dial(context.Background(), "hub", "sink", nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn.Write(sent)
			conn.CloseWrite()
		}()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(accepted)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes arrived (%v), want the %d that were sent", len(got), err, len(sent))
		}
		accepted.Close()
		conn.Close()
		if events := len(leaf.links); events != 0 {
			t.Errorf("the link went down or up %d times", events)
		}
	})
}
