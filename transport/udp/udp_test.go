package udp

import (
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/transport/v3/stdnet"

	"receptor/transport"
	"receptor/transport/transporttest"
)

const loopback = "127.0.0.1:0"

func listenOptions(warn func(error)) ListenOptions {
	return ListenOptions{Net: &stdnet.Net{}, Clock: transport.System, Idle: time.Minute, Warn: warn}
}

func dialOptions(clock transport.Clock, redial bool) transport.DialOptions {
	return transport.DialOptions{Redial: redial, Clock: clock, Rand: rand.New(rand.NewPCG(1, 2)), Warn: ignore}
}

func ignore(error) {}

func TestConformance(t *testing.T) {
	transporttest.Conformance(t, transporttest.Kind{
		MaxFrame:       MaxFrame,
		Connectionless: true,
		Listen: func(warn func(error)) transporttest.Listener {
			return NewListener(loopback, listenOptions(warn))
		},
		Dial: func(addr net.Addr, opts transport.DialOptions) transport.Backend {
			return NewDialer(&stdnet.Net{}, addr.String(), opts)
		},
		Raw:     func(addr net.Addr) (net.Conn, error) { return net.Dial("udp", addr.String()) },
		Frame:   func(frame []byte) []byte { return frame },
		Garbage: [][]byte{{0}, {255}, make([]byte, MaxFrame)},
	})
}

// A dialer learns from the system that nobody listens: with the first frame.
func TestNobodyListens(t *testing.T) {
	l := NewListener(loopback, listenOptions(ignore))
	links := make(chan *transporttest.Recorder, 1)
	if err := l.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	d := NewDialer(&stdnet.Net{}, addr, dialOptions(transport.System, false))
	if err := d.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	r := <-links
	r.Link.Send([]byte{1, 2})
	if err := r.End(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the link ended with %v, want %v", err, syscall.ECONNREFUSED)
	}
}

// noNameServer is a network whose name server does not answer before it is told to.
type noNameServer struct {
	stdnet.Net
	asked, answer chan struct{}
}

func (n *noNameServer) ResolveUDPAddr(string, string) (*net.UDPAddr, error) {
	close(n.asked)
	<-n.answer
	return nil, errors.New("no such host")
}

// A dialer that looks a name up can be closed.
func TestCloseDuringLookup(t *testing.T) {
	network := &noNameServer{asked: make(chan struct{}), answer: make(chan struct{})}
	defer close(network.answer)
	d := NewDialer(network, "host.invalid:1", dialOptions(transport.System, true))
	if err := d.Start(nil); err != nil {
		t.Fatal(err)
	}
	<-network.asked
	d.Close()
}

func TestStartErrors(t *testing.T) {
	l := NewListener(loopback, listenOptions(ignore))
	if err := l.Start(nil); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	second := NewListener(l.Addr().String(), listenOptions(ignore))
	if err := second.Start(nil); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("listening on a port in use: %v", err)
	}
	second.Close()
	if err := NewListener("no port", listenOptions(ignore)).Start(nil); err == nil {
		t.Error("a listener's address without a port was taken")
	}
	if err := NewDialer(&stdnet.Net{}, "no port", dialOptions(transport.System, true)).Start(nil); err == nil {
		t.Error("a peer's address without a port was taken")
	}
}
