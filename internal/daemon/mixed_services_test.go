//go:build linux

package daemon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"receptor/mesh/wire"
)

// guest is a node "guest" that a test plays by hand, as a deployed one would.
type guest struct {
	t    *testing.T
	conn net.Conn
}

// guest links one to a node of the row.
func (m *mixed) guest(at int) *guest {
	m.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", m.ports[at]))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { conn.Close() })
	g := &guest{m.t, conn}
	g.send(g.update(1, nil))
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the node is there
		m.t.Fatal(err)
	}
	go io.Copy(io.Discard, conn)
	g.send(g.update(2, map[string]float64{fmt.Sprint("n", at): 1}))
	return g
}

func (g *guest) update(sequence uint64, links map[string]float64) []byte {
	u := wire.RoutingUpdate{
		NodeID: "guest", UpdateID: fmt.Sprint("guest00", sequence), UpdateEpoch: uint64(time.Now().Unix()) << 24,
		UpdateSequence: sequence, Connections: links, ForwardingNode: "guest",
	}
	return u.Encode()
}

// service tells of a service of the guest, or withdraws it.
func (g *guest) service(name string, withdrawn bool) {
	ad := wire.ServiceAdvertisement{NodeID: "guest", Service: name, Time: time.Now(), ConnType: wire.ConnStream, Cancel: withdrawn}
	g.send(ad.Encode())
}

func (g *guest) send(frame []byte) {
	g.t.Helper()
	if _, err := g.conn.Write(append([]byte{byte(len(frame)), byte(len(frame) >> 8)}, frame...)); err != nil {
		g.t.Fatal(err)
	}
}

// untilOffered waits until a node knows a service, or knows it no more.
func (n *node) untilOffered(t *testing.T, service string, offered bool) {
	t.Helper()
	n.untilAnswer(t, "status", fmt.Sprintf("%s: %v", service, offered), func(answer []byte) bool {
		var status struct {
			Advertisements []struct{ NodeID, Service string }
		}
		if json.Unmarshal(answer, &status) != nil {
			return false
		}
		known := false
		for _, ad := range status.Advertisements {
			known = known || ad.NodeID+" "+ad.Service == service
		}
		return known == offered
	})
}

// Services are known to nodes of both kinds, whichever they have to pass. That one
// is withdrawn is told as far as the next node of ours: it tells others of ours, but
// no deployed one, of which two would pass it on for ever (PROTOCOL section 2.4).
func TestMixedAdvertisements(t *testing.T) {
	for who, hear := range map[string]int{"ddo": 3, "doo": 3, "dod": 2} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who, cat)
			g := m.guest(0)
			m.nodes[2].untilReaches(t, 3)
			g.service("svc", false)
			for _, n := range m.nodes {
				n.untilOffered(t, "n0 control", true)
				n.untilOffered(t, "n2 control", true)
				n.untilOffered(t, "guest svc", true)
				n.until(t, "status", `"WorkType":"cat"`)
			}
			g.service("svc", true)
			for _, n := range m.nodes[:hear] {
				n.untilOffered(t, "guest svc", false)
			}
			for _, n := range m.nodes[hear:] {
				n.untilOffered(t, "guest svc", true)
			}
		})
	}
}

// The rules of the node in the middle, and of the one at the end, hold for what
// nodes of the other kind send, and these hear of it.
func TestMixedFirewall(t *testing.T) {
	rules := func(r string) []string { return []string{"firewallrules=" + r} }
	for _, who := range []string{"odo", "dod"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who,
				rules(`[{action: drop, fromnode: n2, tonode: n0, toservice: ping}]`),
				rules(`[{action: accept, fromnode: n1}, {action: reject, fromnode: "/n[0]/", tonode: /n.*/, toservice: /p.ng/}]`))
			n0, n1, n2 := m.nodes[0], m.nodes[1], m.nodes[2]
			for _, test := range []struct {
				from     *node
				to, want string
			}{
				{n0, "n2", `"Error":"blocked by firewall"`}, // by n1, which passes it on
				{n0, "n1", `"Error":"blocked by firewall"`}, // by n1, which takes it
				{n1, "n0", `"Success":true`},
				{n1, "n2", `"Success":true`},
				{n2, "n1", `"Success":true`},
				{n2, "n0", `"Error":"timeout`}, // dropped by n0
			} {
				if answer, err := test.from.client(t).Do("ping " + test.to); err != nil || !strings.Contains(string(answer), test.want) {
					t.Errorf("ping %s: %s (%v), want %s", test.to, answer, err, test.want)
				}
			}
		})
	}
}

// Datagrams of every length pass a node of the other kind, both ways.
func TestMixedDatagrams(t *testing.T) {
	for _, who := range []string{"odo", "dod", "ood", "doo"} {
		t.Run(who, func(t *testing.T) {
			port := freeUDPPort(t)
			m := startMixed(t, who,
				[]string{"--udp-server", fmt.Sprint("port=", port), "bindaddr=127.0.0.1", "remotenode=n2", "remoteservice=dgram"},
				nil,
				[]string{"--udp-client", "service=dgram", "address=" + udpEcho(t)})
			m.nodes[0].untilOffered(t, "n2 dgram", true)
			wantUDPEcho(t, port)
		})
	}
}

// A command on a terminal of one kind of node, for a client at the other.
func TestMixedCommandService(t *testing.T) {
	for _, who := range []string{"od", "do"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who, nil, []string{"--command-service", "service=shell", `command=sh -c "test -t 0 && echo a terminal; read line; echo heard $line"`})
			stream, err := m.nodes[0].client(t).Connect("n1", "shell", "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(stream, "hello\n"); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(stream)
			if err != nil || !strings.Contains(string(got), "a terminal\r\n") || !strings.HasSuffix(string(got), "heard hello\r\n") {
				t.Errorf("on the terminal came %q (%v)", got, err)
			}
		})
	}
}
