package deployed

import (
	"errors"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// data returns the data frames that came, and forgets all frames.
func (s *script) data() (all []wire.Data) {
	for _, r := range s.got {
		if wire.Type(r.frame[0]) == wire.TypeData {
			d, err := wire.ParseData(r.frame)
			if err != nil {
				s.n.t.Fatal(err)
			}
			all = append(all, d)
		}
	}
	s.got = nil
	return all
}

func (s *script) sendData(from, fromService, to, toService string, hops byte, payload string) {
	service := func(name string) (padded wire.Service) { copy(padded[:], name); return padded }
	s.end.Send(wire.AppendData(nil, wire.Header{
		HopsToLive: hops, FromNode: wire.HashNode(from), ToNode: wire.HashNode(to),
		FromService: service(fromService), ToService: service(toService),
	}, []byte(payload)))
	s.n.advance(2 * testDelay)
}

// What a deployed node answers where one of ours would be silent, and what both do.
func TestAnswersToMessages(t *testing.T) {
	for name, c := range map[string]struct {
		from, fromService, to, toService string
		hops                             byte
		answer                           string // its service; "": none
		problem                          string
	}{
		"ping":                          {"s", "me", "a", "ping", 0, "me", ""},
		"ping from ping":                {"s", "ping", "a", "ping", 9, "ping", ""},
		"no such service":               {"s", "me", "a", "none", 9, "unreach", wire.ProblemServiceUnknown},
		"no such service, from unreach": {"s", "unreach", "a", "none", 9, "unreach", wire.ProblemServiceUnknown},
		"expired":                       {"s", "me", "s", "x", 0, "unreach", wire.ProblemExpired},
		"expired, without a route":      {"s", "me", "x", "x", 0, "unreach", wire.ProblemExpired},
		"expired, from unreach":         {"s", "unreach", "s", "x", 0, "", ""},
		"no route":                      {"s", "me", "x", "x", 9, "", ""},
		"unknown source":                {"y", "me", "a", "ping", 9, "", ""},
		"unknown target":                {"s", "me", "y", "ping", 0, "", ""},
	} {
		n := newNet(t, "d")
		s := n.script("a", "s")
		s.up("a")
		s.update("x", 1) // known, and out of reach
		n.advance(time.Second)
		s.data()
		s.sendData(c.from, c.fromService, c.to, c.toService, c.hops, "payload")
		got := s.data()
		if c.answer == "" {
			if len(got) != 0 {
				t.Errorf("%s: answer %+v, want none", name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].ToService.String() != c.answer || got[0].HopsToLive != mesh.MaxHops-1 {
			t.Errorf("%s: answers %+v, want one to %q with %d hops", name, got, c.answer, mesh.MaxHops-1)
			continue
		}
		if c.problem == "" {
			if len(got[0].Payload) != 0 {
				t.Errorf("%s: answer with payload %q", name, got[0].Payload)
			}
			continue
		}
		want := wire.Unreach{FromNode: c.from, ToNode: c.to, FromService: c.fromService, ToService: c.toService, Problem: c.problem}
		if u, err := wire.ParseUnreach(got[0].Payload); err != nil || *u != want {
			t.Errorf("%s: report %+v, %v; want %+v", name, u, err, want)
		}
	}
}

func TestSendDatagramErrors(t *testing.T) {
	n := newNet(t, "d")
	a := n.deployed("a")
	for name, err := range map[string]error{
		"no service":       a.SendDatagram("", mesh.Addr{Node: "b", Service: "x"}, nil, 1),
		"long service":     a.SendDatagram("me", mesh.Addr{Node: "b", Service: "123456789"}, nil, 1),
		"no node":          a.SendDatagram("me", mesh.Addr{Service: "x"}, nil, 1),
		"too long":         a.SendDatagram("me", mesh.Addr{Node: "b", Service: "x"}, make([]byte, wire.MaxPayload+1), 1),
		"no local service": a.SendDatagram("me", mesh.Addr{Node: "LocalHost", Service: "x"}, nil, 1),
		"no route":         a.SendDatagram("me", mesh.Addr{Node: "b", Service: "x"}, nil, 1),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := a.HandleDatagrams("ping", nil, nil); err == nil {
		t.Error("a service of the mesh was given away")
	}
}

// Between the loss of a link and the new routes, 100 ms later, a message has a
// next hop and no link.
func TestNoLinkToTheNextHop(t *testing.T) {
	n := newNet(t, "dd")
	ab, _ := n.link("a", "b", 1)
	n.advance(time.Second)
	ab.Close()
	n.advance(testDelay)
	send := func() error {
		return n.deployed("a").SendDatagram("me", mesh.Addr{Node: "b", Service: "x"}, nil, 9)
	}
	if err := send(); !errors.Is(err, errNotConnected) {
		t.Errorf("error %v, want %v", err, errNotConnected)
	}
	n.advance(time.Second)
	if err := send(); !errors.Is(err, mesh.ErrNoRoute) {
		t.Errorf("error %v, want %v", err, mesh.ErrNoRoute)
	}
}

// A ping ends once: with the answer, a timeout, or the node.
func TestPingEnds(t *testing.T) {
	n := newNet(t, "dd")
	ab, _ := n.link("a", "b", 1)
	n.advance(time.Second)
	ab.Cut()
	if _, err := n.ping("a", "b", 9); err == nil {
		t.Error("a ping over a dead wire has no error")
	}
	var got error
	n.nodes["b"].PingAsync("a", 9, time.Minute, func(_ mesh.PingReply, err error) { got = err })
	n.nodes["b"].Close()
	if !errors.Is(got, mesh.ErrClosed) {
		t.Errorf("a ping of a node that closed: %v", got)
	}
	if len(n.deployed("a").endpoints) != 0 {
		t.Errorf("handlers are left: %v", n.deployed("a").endpoints)
	}
}
