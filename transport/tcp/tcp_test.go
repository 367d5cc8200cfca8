package tcp

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"receptor/transport"
)

// recorder passes on what a link delivers. Its channels are waited on, so that
// tests need no sleep; a test that waits in vain ends at go test's timeout.
type recorder struct {
	link   transport.Link
	frames chan []byte
	closed chan error
}

func (r *recorder) Receive(frame []byte) { r.frames <- frame }
func (r *recorder) Closed(err error)     { r.closed <- err }

func recording(links chan *recorder) transport.Acceptor {
	return func(l transport.Link) transport.Receiver {
		r := &recorder{link: l, frames: make(chan []byte, 1000), closed: make(chan error, 1)}
		links <- r
		return r
	}
}

func ignore(error) {}

func listen(t *testing.T) (*Listener, chan *recorder) {
	t.Helper()
	links := make(chan *recorder, 10)
	l := NewListener("127.0.0.1:0", ignore)
	if err := l.Start(recording(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, links
}

func dialer(t *testing.T, addr string, redial bool) (*Dialer, chan *recorder) {
	t.Helper()
	links := make(chan *recorder, 10)
	d := NewDialer(addr, redial, transport.System, rand.New(rand.NewPCG(1, 2)), ignore)
	if err := d.Start(recording(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, links
}

// pair returns the two ends of a link.
func pair(t *testing.T) (dialled, accepted *recorder) {
	t.Helper()
	l, accepts := listen(t)
	_, dials := dialer(t, l.Addr().String(), true)
	return <-dials, <-accepts
}

func TestFramesArriveWholeAndInOrder(t *testing.T) {
	a, b := pair(t)
	sizes := []int{1, 36, 16384 + 36, transport.MaxFrame, 2, 3}
	for i, size := range sizes {
		frame := make([]byte, size)
		frame[0] = byte(1 + i%2) // control frames, so none may be dropped
		frame[size-1] |= byte(i) << 4
		if !a.link.Send(frame) {
			t.Fatalf("a frame of %d bytes was refused", size)
		}
	}
	for i, size := range sizes {
		if got := <-b.frames; len(got) != size || got[size-1]>>4 != byte(i) {
			t.Errorf("frame %d has %d bytes, want %d", i, len(got), size)
		}
	}
}

func TestOverlongAndEmptyFramesAreRefused(t *testing.T) {
	a, b := pair(t)
	if a.link.Send(make([]byte, transport.MaxFrame+1)) || a.link.Send(nil) {
		t.Error("a frame that does not fit was taken")
	}
	a.link.Send([]byte{1, 2})
	if got := <-b.frames; len(got) != 2 {
		t.Errorf("got a frame of %d bytes, want the one of 2", len(got))
	}
}

// What was queued before Close arrives: a reject must.
func TestCloseFlushesControlFrames(t *testing.T) {
	a, b := pair(t)
	for i := range 100 {
		a.link.Send([]byte{3, byte(i)})
	}
	a.link.Close()
	a.link.Close()
	if a.link.Send([]byte{3}) {
		t.Error("a closed link took a frame")
	}
	for i := range 100 {
		if got := <-b.frames; got[1] != byte(i) {
			t.Fatalf("frame %d is %v", i, got)
		}
	}
	if err := <-b.closed; err != io.EOF {
		t.Errorf("the peer's link ended with %v, want %v", err, io.EOF)
	}
	if err := <-a.closed; err != nil {
		t.Errorf("the closed link ended with %v, want nil", err)
	}
}

func TestDialerRedials(t *testing.T) {
	l, accepts := listen(t)
	_, dials := dialer(t, l.Addr().String(), true)
	<-dials
	(<-accepts).link.Close()
	first := <-dials // the second link
	first.link.Send([]byte{1, 42})
	if got := <-(<-accepts).frames; got[1] != 42 {
		t.Errorf("the second link carried %v", got)
	}
}

// A peer that sends zero-length and random frames ends nothing but, at most,
// its own link.
func TestHostileBytes(t *testing.T) {
	l, accepts := listen(t)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte{0, 0, 0, 0, 2, 0, 'h', 'i'})
	r := <-accepts
	for _, want := range []string{"", "", "hi"} {
		if got := string(<-r.frames); got != want {
			t.Errorf("frame %q, want %q", got, want)
		}
	}
	conn.Write([]byte{255, 255, 'x'})
	conn.Close()
	if err := <-r.closed; err == nil || !strings.Contains(err.Error(), "inside a frame of 65535 bytes") {
		t.Errorf("the link ended with %v, want an end inside a frame", err)
	}
}

// A peer that does not read stops neither Send nor Close.
func TestPeerThatDoesNotRead(t *testing.T) {
	l, accepts := listen(t)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := <-accepts
	frame := make([]byte, transport.MaxFrame)
	for r.link.Send(frame) { // data: until the queue is full
	}
	frame[0] = 1
	if !r.link.Send(frame) {
		t.Error("a control frame was refused while only data was queued")
	}
	r.link.Close()
	if err := <-r.closed; err != nil {
		t.Errorf("the link ended with %v", err)
	}
}

func TestListenerErrors(t *testing.T) {
	l, _ := listen(t)
	second := NewListener(l.Addr().String(), ignore)
	if err := second.Start(nil); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("listening on a port in use: %v", err)
	}
	second.Close()
	if err := NewDialer("no port", true, transport.System, nil, ignore).Start(nil); err == nil {
		t.Error("an address without a port was taken")
	}
}

// A dialer that cannot connect says so, with the address.
func TestDialFailureIsReported(t *testing.T) {
	l, _ := listen(t)
	addr := l.Addr().String()
	l.Close()
	warnings := make(chan error, 10)
	d := NewDialer(addr, true, transport.System, rand.New(rand.NewPCG(1, 2)), func(err error) { warnings <- err })
	if err := d.Start(func(transport.Link) transport.Receiver { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-warnings; !strings.Contains(err.Error(), addr) {
		t.Errorf("warning %v does not name %s", err, addr)
	}
	d.Close()
}
