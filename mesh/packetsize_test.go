package mesh_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/firewall"
)

// hop is how long a link takes for a part of a frame. Windows must be able to grow.
const hop = 20 * time.Microsecond

// sizes watches how long the packets of streams are.
type sizes struct {
	longest atomic.Int64 // that has come to node c, for a stream or of one
	refused atomic.Int64 // datagrams that were not sent in pieces
	silent  string       // does not report them
}

func (s *sizes) configure(c *mesh.Config) {
	if c.ID == "c" {
		c.Trace = func(d mesh.Datagram) {
			if d.Here {
				s.longest.Store(max(s.longest.Load(), int64(d.Length)))
			}
		}
	}
	c.Events = func(e mesh.Event) {
		if e, ok := e.(mesh.DatagramDropped); ok && e.Reason == mesh.DropTooLong {
			s.refused.Add(1)
		}
	}
	if c.ID == s.silent {
		c.Firewall = []firewall.Rule{{Action: firewall.Drop, ToService: "unreach"}}
	}
}

// transfer sends some data from a to c, and back.
func transfer(t *testing.T, c *mesh.Conn) {
	t.Helper()
	sent := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(sent)
	go c.Write(sent)
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("other data came back than what was sent, or the error %v", err)
	}
}

// Packets are as long as datagrams may be where all links carry them whole, and
// short where one does not, whichever it is.
func TestPacketSize(t *testing.T) {
	for name, pieces := range map[string][2]bool{
		"whole": {}, "pieces first": {true, false}, "pieces last": {false, true}, "pieces": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var s sizes
			weave(t, []*cable{
				{a: "a", b: "b", cost: 1, delay: hop, pieces: pieces[0]},
				{a: "b", b: "c", cost: 1, delay: hop, pieces: pieces[1]},
			}, s.configure, func(t *testing.T, nodes map[string]*mesh.Node) {
				l := serve(t, nodes["c"], "echo", echo)
				defer l.Close()
				c := dial(t, nodes["a"], "c", "echo")
				transfer(t, c)
				c.Close()
				<-c.Context().Done()
			})
			inPieces := pieces != [2]bool{}
			if longest := s.longest.Load(); inPieces != (longest <= 1280) {
				t.Errorf("a packet of %d bytes came", longest)
			}
			if inPieces != (s.refused.Load() > 0) {
				t.Errorf("%d packets were too long for a link", s.refused.Load())
			}
		})
	}
}

// A stream goes on when its route changes to one that does not carry long
// packets.
func TestPacketSizeOfNewRoute(t *testing.T) {
	var s sizes
	short := &cable{a: "a", b: "c", cost: 1, delay: hop}
	weave(t, []*cable{
		short,
		{a: "a", b: "d", cost: 1, delay: hop},
		{a: "d", b: "c", cost: 1, delay: hop, pieces: true},
	}, s.configure, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["c"], "echo", echo)
		defer l.Close()
		c := dial(t, nodes["a"], "c", "echo")
		transfer(t, c)
		if s.longest.Load() <= 1280 || s.refused.Load() > 0 {
			t.Errorf("the longest packet had %d bytes, %d were too long", s.longest.Load(), s.refused.Load())
		}
		short.cut()
		began := time.Now() // virtual
		transfer(t, c)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the new route took %v", took)
		}
		if s.refused.Load() == 0 {
			t.Error("no packet was too long for the new route")
		}
		c.Close()
		<-c.Context().Done()
	})
}

// Where a firewall keeps it from the sender that packets are too long, it finds
// out by itself. After a while it tries again, and waits longer after each time.
func TestPacketSizeUnreported(t *testing.T) {
	s := sizes{silent: "b"}
	weave(t, []*cable{
		{a: "a", b: "b", cost: 1, delay: hop},
		{a: "b", b: "c", cost: 1, delay: hop, pieces: true},
	}, s.configure, func(t *testing.T, nodes map[string]*mesh.Node) {
		l := serve(t, nodes["c"], "echo", echo)
		defer l.Close()
		c := dial(t, nodes["a"], "c", "echo")
		refused := int64(0)
		for _, wait := range []time.Duration{0, 61 * time.Second, 121 * time.Second} {
			time.Sleep(wait / 2) // virtual
			transfer(t, c)
			if now := s.refused.Load(); wait > 0 && now != refused {
				t.Errorf("after %v, long packets were sent again", wait/2)
			}
			time.Sleep(wait - wait/2)
			began := time.Now()
			transfer(t, c)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("a transfer took %v", took)
			}
			if now := s.refused.Load(); now == refused {
				t.Errorf("after %v, no long packet was sent", wait)
			} else {
				refused = now
			}
		}
		c.Close()
		<-c.Context().Done()
	})
}
