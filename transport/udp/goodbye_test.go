package udp

import (
	"bytes"
	"net"
	"testing"

	"receptor/mesh/wire"
	"receptor/transport/transporttest"
)

// What peers take for the end of a link is a frame of the protocol.
func TestGoodbyeIsAReject(t *testing.T) {
	if !bytes.Equal(goodbye, wire.Reject("")) {
		t.Errorf("%q, want %q", goodbye, wire.Reject(""))
	}
}

// One goodbye ends a link, whoever says it; it is not answered, and begins none.
func TestOneGoodbye(t *testing.T) {
	l := NewListener(loopback, listenOptions(ignore))
	links := make(chan *transporttest.Recorder, 10)
	if err := l.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	send := func(frame []byte) {
		t.Helper()
		if _, err := peer.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	want := func(frame []byte) {
		t.Helper()
		buf := make([]byte, 100)
		if n, err := peer.Read(buf); err != nil || !bytes.Equal(buf[:n], frame) {
			t.Fatalf("the peer got %q (%v), want %q", buf[:n], err, frame)
		}
	}
	begin := func(frame []byte) *transporttest.Recorder {
		t.Helper()
		send(frame)
		r := <-links
		if got, _ := r.Next(); !bytes.Equal(got, frame) {
			t.Fatalf("a session began with %q, want %q", got, frame)
		}
		return r
	}
	first := begin([]byte{1, 1})
	first.Link.Close()
	want(goodbye)
	if err := first.End(); err != nil {
		t.Errorf("the link ended with %v", err)
	}

	send(goodbye) // of a peer that has not heard ours yet
	second := begin([]byte{1, 2})
	send(goodbye)
	if got, _ := second.Next(); !bytes.Equal(got, goodbye) {
		t.Fatalf("got %q, want the peer's goodbye", got)
	}
	second.Link.Close()
	if err := second.End(); err != nil {
		t.Errorf("the link ended with %v", err)
	}

	third := begin([]byte{1, 3})
	third.Link.Send([]byte{1, 4})
	want([]byte{1, 4}) // and not another goodbye
	third.Link.Send(goodbye)
	third.Link.Close()
	want(goodbye)
	if err := third.End(); err != nil {
		t.Errorf("the link ended with %v", err)
	}
	fourth := begin([]byte{1, 5})
	fourth.Link.Send([]byte{1, 6})
	want([]byte{1, 6})
}
