package proxy

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"receptor/transport/transporttest"
)

// front is a socket that a test speaks to.
type front struct {
	net.PacketConn
	in     chan string
	closed chan struct{}
}

func (f *front) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case text := <-f.in:
		return copy(p, text), &net.UDPAddr{Port: 1000 + int(text[0])}, nil
	case <-f.closed:
		return 0, nil, net.ErrClosed
	}
}

func (f *front) Close() error {
	close(f.closed)
	return nil
}

// back is a session's socket to the target.
type back struct {
	written chan string
	closed  chan struct{}
}

func (b *back) Read([]byte) (int, error) {
	<-b.closed
	return 0, net.ErrClosed
}

func (b *back) Write(p []byte) (int, error) {
	b.written <- string(p)
	return len(p), nil
}

func (b *back) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// A session lasts while anything is passed on in it, and ends when it has been
// idle; the next datagram from that address begins another.
func TestIdleSessionsEnd(t *testing.T) {
	clock := transporttest.NewClock()
	opened := make(chan *back, 10)
	f := &front{in: make(chan string), closed: make(chan struct{})}
	d := NewDatagrams(f, func() (io.ReadWriteCloser, error) {
		b := &back{written: make(chan string, 10), closed: make(chan struct{})}
		opened <- b
		return b, nil
	}, Options{Clock: clock, Problem: func(err error) { t.Errorf("problem: %v", err) }})
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.Serve()
	}()
	send := func(text string, b *back) *back {
		t.Helper()
		f.in <- text
		if b == nil {
			b = <-opened
		}
		if got := <-b.written; got != text {
			t.Fatalf("the target got %q, want %q", got, text)
		}
		return b
	}
	idle, busy := send("a1", nil), send("b1", nil)
	for range 3 {
		clock.Advance(SessionIdle / 2)
		send("b2", busy)
	}
	<-idle.closed // it was swept
	select {
	case <-busy.closed:
		t.Error("a session that is in use has ended")
	default:
	}
	if again := send("a2", nil); again == idle {
		t.Error("a session that has ended is used")
	}
	d.Close()
	<-served
	<-busy.closed
}

func TestSessionsAreBounded(t *testing.T) {
	clock := transporttest.NewClock()
	problems := 0
	d := NewDatagrams(&front{in: make(chan string), closed: make(chan struct{})}, func() (io.ReadWriteCloser, error) {
		return &back{written: make(chan string, 1), closed: make(chan struct{})}, nil
	}, Options{Clock: clock, Problem: func(error) { problems++ }})
	for i := range MaxSessions + 5 {
		s := d.session(&net.UDPAddr{Port: i + 1})
		if (s != nil) != (i < MaxSessions) {
			t.Fatalf("session %d: %v", i, s)
		}
	}
	if problems != 1 {
		t.Errorf("%d problems were reported, want one", problems)
	}
	d.Close()
}

func TestTargetThatCannotBeReached(t *testing.T) {
	clock := transporttest.NewClock()
	var problem error
	d := NewDatagrams(&front{in: make(chan string), closed: make(chan struct{})}, func() (io.ReadWriteCloser, error) {
		return nil, io.ErrUnexpectedEOF
	}, Options{Clock: clock, Problem: func(err error) { problem = err }})
	if s := d.session(&net.UDPAddr{Port: 1}); s != nil || !errors.Is(problem, io.ErrUnexpectedEOF) {
		t.Errorf("session %v, problem %v", s, problem)
	}
	d.Close()
	if d.session(&net.UDPAddr{Port: 1}) != nil {
		t.Error("a closed proxy begins sessions")
	}
	clock.Advance(time.Hour)
}
