package tcp

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"receptor/transport"
	"receptor/transport/transporttest"
)

const loopback = "127.0.0.1:0"

func TestConformance(t *testing.T) {
	transporttest.Conformance(t, kind(nil, nil, func(addr net.Addr) (net.Conn, error) {
		return net.Dial("tcp", addr.String())
	}))
}

func TestConformanceWithTLS(t *testing.T) {
	server, client := transporttest.TLS(t)
	transporttest.Conformance(t, kind(server, client, func(addr net.Addr) (net.Conn, error) {
		return tls.Dial("tcp", addr.String(), client)
	}))
}

func kind(server, client *tls.Config, raw func(net.Addr) (net.Conn, error)) transporttest.Kind {
	return transporttest.Kind{
		MaxFrame: transport.MaxFrame,
		Listen: func(warn func(error)) transporttest.Listener {
			return NewListener(loopback, server, warn)
		},
		Dial: func(addr net.Addr, opts transport.DialOptions) transport.Backend {
			return NewDialer(addr.String(), client, opts)
		},
		Raw:     raw,
		Frame:   frame,
		Garbage: [][]byte{{0}, {0, 0, 0, 0}, {255, 255, 'x'}},
	}
}

// frame puts the length before a frame.
func frame(f []byte) []byte { return append([]byte{byte(len(f)), byte(len(f) >> 8)}, f...) }

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

// Both ends verify each other as their configurations say, before there is a
// link, and say why not.
func TestTLSRefusals(t *testing.T) {
	server, client := transporttest.TLS(t)
	strict := server.Clone()
	strict.ClientAuth = tls.RequireAnyClientCert
	stranger := client.Clone()
	stranger.RootCAs = nil
	tests := []struct {
		name           string
		server, client *tls.Config
		end, want      string // which end says what
	}{
		{"unknown authority", server, stranger, "dialer", "certificate signed by unknown authority"},
		{"no client certificate", strict, client, "listener", "client didn't provide a certificate"},
		{"no TLS", server, nil, "listener", "first record does not look like a TLS handshake"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			warnings := map[string]chan error{"listener": make(chan error, 10), "dialer": make(chan error, 10)}
			l := NewListener(loopback, test.server, func(err error) { warnings["listener"] <- err })
			err := l.Start(func(transport.Link) transport.Receiver {
				t.Error("the listener has a link")
				return transporttest.Discard
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(l.Close)
			links := make(chan *transporttest.Recorder, 10)
			d := NewDialer(l.Addr().String(), test.client, options(func(err error) { warnings["dialer"] <- err }))
			if err := d.Start(transporttest.Record(links)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(d.Close)
			if test.client == nil {
				(<-links).Link.Send([]byte("\x01hello"))
			}
			if err := <-warnings[test.end]; !strings.Contains(err.Error(), test.want) {
				t.Errorf("the %s says %v, want %q", test.end, err, test.want)
			}
		})
	}
}

// A peer that connects and then says nothing keeps no listener from closing.
func TestCloseDuringHandshake(t *testing.T) {
	transporttest.CheckGoroutines(t)
	server, _ := transporttest.TLS(t)
	l := NewListener(loopback, server, ignore)
	if err := l.Start(nil); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

// Connections that say nothing do not keep peers out.
func TestSilentConnectionsGiveWay(t *testing.T) {
	server, client := transporttest.TLS(t)
	links, warnings := make(chan *transporttest.Recorder, 10), make(chan error, 2*maxHandshakes)
	l := NewListener(loopback, server, func(err error) { warnings <- err })
	if err := l.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range maxHandshakes + 10 {
		silent, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	conn, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-links
	if err := <-warnings; !strings.Contains(err.Error(), "256 TLS handshakes are under way") {
		t.Errorf("warning %v", err)
	}
	select {
	case err := <-warnings:
		t.Errorf("and another one: %v", err)
	default:
	}
}
