package tcp

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"receptor/transport"
	"receptor/transport/transporttest"
)

const loopback = "127.0.0.1:0"

func kind() transporttest.Kind {
	return transporttest.Kind{
		MaxFrame: transport.MaxFrame,
		Listen: func(warn func(error)) transporttest.Listener {
			return NewListener(loopback, nil, warn)
		},
		Dial: func(addr net.Addr, opts transport.DialOptions) transport.Backend {
			return NewDialer(addr.String(), nil, opts)
		},
		Raw:     func(addr net.Addr) (net.Conn, error) { return net.Dial("tcp", addr.String()) },
		Frame:   frame,
		Garbage: [][]byte{{0}, {0, 0, 0, 0}, {255, 255, 'x'}},
	}
}

// frame puts the length before a frame.
func frame(f []byte) []byte { return append([]byte{byte(len(f)), byte(len(f) >> 8)}, f...) }

func TestConformance(t *testing.T) { transporttest.Conformance(t, kind()) }

func options(warn func(error)) transport.DialOptions {
	return transport.DialOptions{Redial: true, Clock: transport.System, Rand: rand.New(rand.NewPCG(1, 2)), Warn: warn}
}

func ignore(error) {}

func listen(t *testing.T) (*Listener, chan *transporttest.Recorder) {
	t.Helper()
	links := make(chan *transporttest.Recorder, 10)
	l := NewListener(loopback, nil, ignore)
	if err := l.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, links
}

// A peer that sends zero-length frames gets them delivered; one that ends
// inside a frame is told apart from one that has closed.
func TestHostileBytes(t *testing.T) {
	l, accepts := listen(t)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte{0, 0, 0, 0, 2, 0, 'h', 'i', 255, 255, 'x'})
	conn.Close()
	r := <-accepts
	for _, want := range []string{"", "", "hi"} {
		if got, ok := r.Next(); !ok || string(got) != want {
			t.Errorf("frame %q, want %q", got, want)
		}
	}
	if err := r.End(); err == nil || !strings.Contains(err.Error(), "inside a frame of 65535 bytes") {
		t.Errorf("the link ended with %v, want an end inside a frame", err)
	}
}

func TestListenerErrors(t *testing.T) {
	l, _ := listen(t)
	second := NewListener(l.Addr().String(), nil, ignore)
	if err := second.Start(nil); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("listening on a port in use: %v", err)
	}
	second.Close()
	if err := NewDialer("no port", nil, options(ignore)).Start(nil); err == nil {
		t.Error("an address without a port was taken")
	}
}

// A dialer that cannot connect says so, with the address.
func TestDialFailureIsReported(t *testing.T) {
	l, _ := listen(t)
	addr := l.Addr().String()
	l.Close()
	warnings := make(chan error, 10)
	d := NewDialer(addr, nil, options(func(err error) { warnings <- err }))
	if err := d.Start(func(transport.Link) transport.Receiver { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-warnings; !strings.Contains(err.Error(), addr) {
		t.Errorf("warning %v does not name %s", err, addr)
	}
	d.Close()
}
