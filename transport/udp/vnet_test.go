package udp

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/transport/v3"
	"github.com/pion/transport/v3/vnet"

	"receptor/transport"
	"receptor/transport/transporttest"
)

const (
	outside  = "1.2.3.4"
	listenAt = outside + ":2222"
)

// internet has a host outside, and one inside a network behind a NAT.
type internet struct {
	outside, inside pion.Net
}

// newInternet loses some percent of what arrives outside.
func newInternet(t *testing.T, nat vnet.NATType, loss int) *internet {
	t.Helper()
	logs := logging.NewDefaultLoggerFactory()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wan, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "1.2.3.0/24", LoggerFactory: logs})
	must(err)
	far, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{outside}})
	must(err)
	lossy, err := vnet.NewLossFilterWithOptions(far, loss, vnet.WithLossSeed(1))
	must(err)
	must(wan.AddNet(lossy))
	lan, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "192.168.0.0/24", StaticIPs: []string{"1.2.3.100"}, NATType: &nat, LoggerFactory: logs,
	})
	must(err)
	near, err := vnet.NewNet(&vnet.NetConfig{})
	must(err)
	must(lan.AddNet(near))
	must(wan.AddRouter(lan))
	must(wan.Start())
	t.Cleanup(func() { wan.Stop() })
	return &internet{outside: far, inside: near}
}

// listen starts a listener outside, on a clock of its own.
func (in *internet) listen(t *testing.T) (*Listener, *transporttest.Clock, chan *transporttest.Recorder, chan error) {
	t.Helper()
	clock := transporttest.NewClock()
	links := make(chan *transporttest.Recorder, MaxSessions+1)
	warnings := make(chan error, 10)
	l := NewListener(listenAt, ListenOptions{
		Net: in.outside, Clock: clock, Idle: time.Minute, Warn: func(err error) { warnings <- err },
	})
	if err := l.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, clock, links, warnings
}

// socket opens a socket inside, which a test sends from by hand.
func (in *internet) socket(t *testing.T, port int) pion.UDPConn {
	t.Helper()
	remote, err := in.inside.ResolveUDPAddr("udp", listenAt)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := in.inside.DialUDP("udp", &net.UDPAddr{Port: port}, remote)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func write(t *testing.T, conn net.Conn, frame string) {
	t.Helper()
	if _, err := conn.Write([]byte(frame)); err != nil {
		t.Fatal(err)
	}
}

func wantNext(t *testing.T, r *transporttest.Recorder, want string) {
	t.Helper()
	if got, ok := r.Next(); !ok || string(got) != want {
		t.Errorf("got the frame %q, want %q", got, want)
	}
}

// Two peers behind one NAT are told apart by the ports that it gives them.
func TestPeersBehindOneNAT(t *testing.T) {
	in := newInternet(t, vnet.NATType{MappingBehavior: vnet.EndpointAddrPortDependent, FilteringBehavior: vnet.EndpointAddrPortDependent}, 0)
	_, _, accepted, _ := in.listen(t)
	for i := range 2 {
		dialled := make(chan *transporttest.Recorder, 1)
		d := NewDialer(in.inside, listenAt, dialOptions(transport.System, true))
		if err := d.Start(transporttest.Record(dialled)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		a := <-dialled
		hello, answer := fmt.Sprint("\x01hello", i), fmt.Sprint("\x01answer", i)
		a.Link.Send([]byte(hello))
		b := <-accepted
		wantNext(t, b, hello)
		b.Link.Send([]byte(answer))
		wantNext(t, a, answer)
		if name := b.Link.String(); !strings.HasPrefix(name, "udp 1.2.3.100:") {
			t.Errorf("the link is called %q, want the address outside of the NAT", name)
		}
	}
}

// A peer that has been silent is dropped; when it returns on the same address,
// it gets a fresh session.
func TestIdlePeerReturns(t *testing.T) {
	in := newInternet(t, vnet.NATType{}, 0)
	_, clock, accepted, _ := in.listen(t)
	conn := in.socket(t, 0)
	defer conn.Close()
	write(t, conn, "\x01one")
	first := <-accepted
	wantNext(t, first, "\x01one")
	clock.Advance(50 * time.Second)
	write(t, conn, "\x01two")
	wantNext(t, first, "\x01two")
	clock.Advance(50 * time.Second) // since then
	write(t, conn, "\x00three")
	wantNext(t, first, "\x00three")
	clock.Advance(2 * time.Minute)
	if err := first.End(); !errors.Is(err, errIdle) {
		t.Errorf("the idle session ended with %v, want %v", err, errIdle)
	}
	write(t, conn, "\x01four")
	wantNext(t, <-accepted, "\x01four")
}

// Once the node has closed a link, data that is still on the way begins no
// session; a control frame does.
func TestSessionBeginsWithControl(t *testing.T) {
	in := newInternet(t, vnet.NATType{}, 0)
	_, _, accepted, _ := in.listen(t)
	conn := in.socket(t, 0)
	defer conn.Close()
	write(t, conn, "\x00stray")
	write(t, conn, "")
	write(t, conn, "\x01one")
	first := <-accepted
	wantNext(t, first, "\x01one")
	first.Link.Close()
	if err := first.End(); err != nil {
		t.Errorf("the closed link ended with %v", err)
	}
	write(t, conn, "\x00stray")
	write(t, conn, "\x01two")
	wantNext(t, <-accepted, "\x01two")
}

// Beyond MaxSessions new addresses find no room, until a session has ended. One
// warning says so.
func TestSessionLimit(t *testing.T) {
	in := newInternet(t, vnet.NATType{}, 0)
	l, _, accepted, warnings := in.listen(t)
	from := func(port int) *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(1, 2, 3, 5), Port: port} }
	record := transporttest.Record(accepted)
	for port := range MaxSessions {
		l.receive(from(1+port), []byte{1}, record)
	}
	l.receive(from(60_000), []byte{1}, record)
	l.receive(from(60_001), []byte{1}, record)
	if err := <-warnings; !strings.Contains(err.Error(), "4096 sessions") {
		t.Errorf("warning %v", err)
	}
	for range MaxSessions - 1 {
		<-accepted
	}
	last := <-accepted
	last.Link.Close()
	last.End()
	l.receive(from(60_002), []byte{1}, record)
	if name := (<-accepted).Link.String(); name != "udp 1.2.3.5:60002" {
		t.Errorf("the next session is %q", name)
	}
	if len(warnings) != 0 {
		t.Errorf("another warning: %v", <-warnings)
	}
}
