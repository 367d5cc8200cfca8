package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"receptor/transport"
	"receptor/transport/transporttest"
)

// testStreams is a proxy between TCP sockets: what connects to front is
// connected to back.
type testStreams struct {
	*Streams
	t        *testing.T
	addr     string
	back     net.Listener
	problems chan error
}

func newTestStreams(t *testing.T, max int) *testStreams {
	t.Helper()
	s := &testStreams{t: t, back: listenTCP(t), problems: make(chan error, 10)}
	front := listenTCP(t)
	s.addr = front.Addr().String()
	dial := func(ctx context.Context) (io.ReadWriteCloser, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.back.Addr().String())
	}
	s.Streams = NewStreams(front, dial, Options{
		Clock: transporttest.NewClock(), Problem: func(err error) { s.problems <- err }, MaxConnections: max,
	})
	s.serve()
	return s
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve serves until the test ends.
func (s *testStreams) serve() {
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve()
	}()
	s.t.Cleanup(func() {
		s.Close()
		<-served
	})
}

// dial connects to the front.
func (s *testStreams) dial() *net.TCPConn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// accept returns what the proxy has connected to the back.
func (s *testStreams) accept() *net.TCPConn {
	s.t.Helper()
	c, err := s.back.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func (s *testStreams) want(c net.Conn, text string) {
	s.t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		s.t.Errorf("read %q (%v), want %q", got, err, text)
	}
}

// wantBroken wants a connection to end in an error, not in an end of data.
func (s *testStreams) wantBroken(c net.Conn) {
	s.t.Helper()
	if n, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		s.t.Errorf("read %d bytes and %v, want that the connection is broken off", n, err)
	}
}

// wantRefused wants a new connection to be broken off.
func (s *testStreams) wantRefused() {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	switch {
	case errors.Is(err, syscall.ECONNRESET): // before it was noticed to be there
	case err != nil:
		s.t.Fatal(err)
	default:
		defer c.Close()
		s.wantBroken(c)
	}
}

// welcome reports whether a new connection gets through to a target that speaks.
func (s *testStreams) welcome() bool {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return false
	}
	defer c.Close()
	n, _ := c.Read(make([]byte, 1))
	return n == 1
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func TestEachDirectionEndsByItself(t *testing.T) {
	s := newTestStreams(t, 0)
	client := s.dial()
	target := s.accept()
	say(t, client, "question")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(target); err != nil || string(got) != "question" {
		t.Errorf("the target got %q (%v)", got, err)
	}
	say(t, target, "answer")
	target.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
		t.Errorf("the client got %q (%v)", got, err)
	}
}

// Who gets a part must not take it for the whole.
func TestBreakIsPassedOn(t *testing.T) {
	s := newTestStreams(t, 0)
	for _, breaks := range []func(client, target *net.TCPConn) (broken, other *net.TCPConn){
		func(client, target *net.TCPConn) (broken, other *net.TCPConn) { return client, target },
		func(client, target *net.TCPConn) (broken, other *net.TCPConn) { return target, client },
	} {
		broken, other := breaks(s.dial(), s.accept())
		say(t, broken, "a part")
		s.want(other, "a part")
		if err := broken.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		broken.Close()
		s.wantBroken(other)
	}
}

func TestCloseBreaksOff(t *testing.T) {
	s := newTestStreams(t, 0)
	client := s.dial()
	target := s.accept()
	say(t, client, "x")
	s.want(target, "x")
	s.Close()
	s.wantBroken(client)
	s.wantBroken(target)
	if c, err := net.Dial("tcp", s.addr); err == nil {
		c.Close()
		t.Error("a proxy that is closed takes connections")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := newTestStreams(t, 1)
	first := s.dial()
	target := s.accept()
	for range 2 {
		s.wantRefused()
	}
	if err := <-s.problems; !strings.Contains(err.Error(), "there are 1 connections already") {
		t.Errorf("problem %v", err)
	}
	first.Close()
	if _, err := target.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read: %v", err)
	}
	target.Close()
	go func() {
		if c, err := s.back.Accept(); err == nil {
			defer c.Close()
			_, _ = io.WriteString(c, "x")
		}
	}()
	tries := 0
	for ; !s.welcome(); tries++ { // the first may take a moment to leave
		if tries == 10000 {
			t.Fatal("there is no room although the first has left")
		}
	}
	select {
	case err := <-s.problems:
		t.Errorf("the second that was refused is reported, too: %v", err)
	default:
	}
}

func TestTargetOfStreamsThatCannotBeReached(t *testing.T) {
	s := newTestStreams(t, 0)
	s.back.Close()
	s.wantRefused()
	if err := <-s.problems; !strings.Contains(err.Error(), "connection from 127.0.0.1:") || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("problem %v", err)
	}
}

// flaky is a listener that fails once.
type flaky struct {
	net.Listener
	failed bool
}

var errNoFiles = errors.New("too many open files")

func (f *flaky) Accept() (net.Conn, error) {
	if !f.failed {
		f.failed = true
		return nil, errNoFiles
	}
	return f.Listener.Accept()
}

// alarm is a clock that tells of each timer that is set.
type alarm struct {
	*transporttest.Clock
	set chan struct{}
}

func (a alarm) AfterFunc(d time.Duration, f func()) transport.Timer {
	defer func() { a.set <- struct{}{} }()
	return a.Clock.AfterFunc(d, f)
}

// A proxy outlives an accept that fails, and does not spin.
func TestAcceptThatFails(t *testing.T) {
	clock := alarm{transporttest.NewClock(), make(chan struct{}, 100)}
	front, back := listenTCP(t), listenTCP(t)
	s := &testStreams{t: t, addr: front.Addr().String(), back: back}
	failed := make(chan error)
	dial := func(context.Context) (io.ReadWriteCloser, error) { return net.Dial("tcp", back.Addr().String()) }
	s.Streams = NewStreams(&flaky{Listener: front}, dial, Options{Clock: clock, Problem: func(err error) { failed <- err }})
	s.serve()
	if err := <-failed; !errors.Is(err, errNoFiles) {
		t.Errorf("problem %v", err)
	}
	<-clock.set
	clock.Advance(retryPause)
	say(t, s.dial(), "x")
	s.want(s.accept(), "x")
}
