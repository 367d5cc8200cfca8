package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"receptor/transport"
)

const echoed = `{"args":["a"],"fields":null}` + "\n"

func TestScripts(t *testing.T) {
	unknown9 := strings.Repeat("ERROR: Unknown command\nERROR: malformed JSON command: unexpected EOF\n", 9)
	for _, tt := range []struct{ name, send, want string }{
		{"nothing", "", ""},
		{"empty lines", "\n\r\n \n", ""},
		{"one command", "echo a\n", echoed},
		{"several commands", "echo a\nfoo\necho a\n", echoed + "ERROR: Unknown command\n" + echoed},
		{"upper case", "ECHO a\n", echoed},
		{"carriage returns", "ec\rho a\r\n", echoed},
		{"last line without newline", "echo a", echoed},
		{"JSON form", `{"command":"echo","n":18446744073709551615}` + "\n", `{"args":null,"fields":{"command":"echo","n":18446744073709551615}}` + "\n"},
		{"JSON in upper case", `{"command":"ECHO"}`, `{"args":null,"fields":{"command":"ECHO"}}` + "\n"},
		{"unknown JSON command", `{"command":"foo"}` + "\n", "ERROR: Unknown command\n"},
		{"empty JSON command", `{"command":""}` + "\n", "ERROR: Unknown command\n"},
		{"malformed JSON", "{\"comm\necho a\n", "ERROR: malformed JSON command: unexpected EOF\n" + echoed},
		{"JSON without command", "{}\necho a\n", "ERROR: JSON did not contain a command\n" + echoed},
		{"JSON command no string", `{"command":{}}` + "\n", "ERROR: command must be a string\n"},
		{"garbage", "\x00\xff\x16\x03\x01\n\x7f{\n", "ERROR: Unknown command\nERROR: Unknown command\n"},
		{"garbage without end", strings.Repeat("GET /\n{\n", 200), unknown9 + "ERROR: Unknown command\n" + "ERROR: malformed JSON command: unexpected EOF; the last 20 lines were no commands, and the session ends\n"},
		{"garbage between commands", strings.Repeat(strings.Repeat("foo\n", 19)+"echo a\n", 3), strings.Repeat(strings.Repeat("ERROR: Unknown command\n", 19)+echoed, 3)},
		{"an error is one line", "fail\necho a\n", "ERROR: first line second line\n" + echoed},
		{"raw answer ends the session", "raw\necho a\n", "raw bytes"},
		{"input of a command", "count\necho a\necho a\n", "14\n"},
		{"longest line", "echo " + strings.Repeat("x", MaxLine-5) + "\n", `{"args":["` + strings.Repeat("x", MaxLine-5) + `"],"fields":null}` + "\n"},
		{"too long a line", strings.Repeat("x", MaxLine+1) + "\necho a\n", "ERROR: a command line may have 1048576 bytes, this one is longer\n"},
		{"too long a line without end", strings.Repeat("x", 3*MaxLine), "ERROR: a command line may have 1048576 bytes, this one is longer\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := newNode(t, Options{}).talk(tt.send); got != tt.want {
				t.Errorf("got %.200q, want %.200q", got, tt.want)
			}
		})
	}
}

// What a handler has begun to read must never be taken for commands, not even
// when the handler gives up half-way.
func TestInputOfFailedCommandIsNoCommand(t *testing.T) {
	n := newNode(t, Options{})
	n.Handle("peek", func(_ context.Context, _ *Request, s Session) (any, error) {
		if _, err := s.Read(make([]byte, 1)); err != nil {
			return nil, err
		}
		return nil, errors.New("disk full")
	})
	if got, want := n.talk("peek\nxecho a\necho a\n"), "ERROR: disk full\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnswersComeWhileTheConnectionStaysOpen(t *testing.T) {
	c := newNode(t, Options{}).client()
	for range 3 {
		answer, err := c.Do("echo a")
		if err != nil || string(answer)+"\n" != echoed {
			t.Fatalf("got %s, %v", answer, err)
		}
	}
}

func TestIsLocal(t *testing.T) {
	n := newNode(t, Options{})
	if got := n.talk("local\n"); got != "true\n" {
		t.Errorf("Unix socket: got %q", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go n.Serve(l)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	setDeadline(t, conn)
	c, _, err := NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := c.Do("local"); err != nil || string(answer) != "false" {
		t.Errorf("TCP: got %s, %v", answer, err)
	}
}

func TestSessionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNode(t, Options{MaxSessions: 1})
		first := n.client()
		if got, want := n.talk("echo a\necho a\n"), "ERROR: too many control sessions: this node serves 1 at a time\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if _, err := first.Do("echo a"); err != nil {
			t.Errorf("the session within the limit: %v", err)
		}
		first.Close()
		synctest.Wait()
		if got := n.talk("echo a\n"); got != echoed {
			t.Errorf("once there is room: got %q", got)
		}
	})
}

// At the limit the session that has waited longest for a command gives way, unless
// it has hardly waited, or has a command.
func TestIdleSessionGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNode(t, Options{MaxSessions: 3})
		unblock := make(chan struct{})
		n.Handle("block", func(context.Context, *Request, Session) (any, error) {
			<-unblock
			return "done", nil
		})
		busy, idle, used := n.client(), n.client(), n.client()
		answer := make(chan error, 1)
		go func() {
			_, err := busy.Do("block")
			answer <- err
		}()
		time.Sleep(minIdle - 1)
		if _, err := used.Do("echo a"); err != nil {
			t.Fatal(err)
		}
		if got := n.talk("echo a\n"); !strings.HasPrefix(got, "ERROR: too many") {
			t.Errorf("while all others were used lately: got %q", got)
		}
		time.Sleep(time.Nanosecond)
		last := n.client()
		if _, err := last.Do("echo a"); err != nil {
			t.Errorf("the new one: %v", err)
		}
		if _, err := idle.Do("echo a"); err == nil {
			t.Error("the one that has waited longest is still served")
		}
		if _, err := used.Do("echo a"); err != nil {
			t.Errorf("the one that was used lately: %v", err)
		}
		close(unblock)
		if err := <-answer; err != nil {
			t.Errorf("the one with a command: %v", err)
		}
	})
}

// Half a command line is none: it does not keep a session.
func TestHalfLineGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNode(t, Options{MaxSessions: 1})
		slow := n.dial()
		go io.Copy(io.Discard, slow)
		for range 2 * int(minIdle/time.Second) {
			if _, err := io.WriteString(slow, "e"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if got := n.talk("echo a\n"); got != echoed {
			t.Errorf("got %q", got)
		}
	})
}

// Refused clients that say nothing must not pile up.
func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNode(t, Options{MaxSessions: 1})
		n.client()
		for range maxRefusals {
			n.client()
		}
		if got, err := io.ReadAll(n.dial()); len(got) > 0 {
			t.Errorf("one refusal too many: read %q, %v", got, err)
		}
		time.Sleep(refuseTime)
		synctest.Wait()
		n.client()
	})
}

func TestServerHangsUpOnClientThatDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNode(t, Options{})
		conn := n.dial()
		c, _, err := NewClient(conn)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.send([]byte("raw")); err != nil {
			t.Fatal(err)
		}
		if out, err := io.ReadAll(c.in); err != nil || string(out) != "raw bytes" {
			t.Fatalf("got %q, %v", out, err)
		}
		time.Sleep(lingerTime - time.Second)
		if _, err := io.WriteString(conn, "more"); err != nil {
			t.Fatalf("hung up within the time to linger: %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := io.WriteString(conn, "more"); err == nil {
			t.Fatal("the server does not hang up")
		}
	})
}

func TestCloseEndsSessions(t *testing.T) {
	n := newNode(t, Options{})
	waiting := make(chan struct{})
	n.Handle("wait", func(ctx context.Context, _ *Request, _ Session) (any, error) {
		close(waiting)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	idle, busy := n.client(), n.client()
	go busy.Do("wait")
	<-waiting
	n.Close()
	if _, err := idle.Do("echo a"); err == nil {
		t.Error("the session survives Close")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Serve(l); err != ErrServerClosed {
		t.Errorf("Serve after Close: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve after Close left the listener open: %v", err)
	}
}

// A handler that waits for its client learns that it is the node which stops.
func TestCloseEndsInput(t *testing.T) {
	n := newNode(t, Options{})
	reading, read := make(chan struct{}), make(chan error, 1)
	n.Handle("read", func(_ context.Context, _ *Request, s Session) (any, error) {
		close(reading)
		_, err := io.ReadAll(s)
		read <- err
		return nil, err
	})
	go n.client().Do("read")
	<-reading
	n.Close()
	if err := <-read; err != errStopped {
		t.Errorf("the handler reads %v, want %v", err, errStopped)
	}
}

func TestHandleTwicePanics(t *testing.T) {
	s := New("foo", Options{Clock: transport.System})
	s.Handle("x", nil)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s.Handle("X", nil)
}

func TestAcceptErrorsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type problem struct {
			at  time.Time
			err error
		}
		var problems []problem
		s := New("foo", Options{Clock: transport.System, Problem: func(err error) {
			problems = append(problems, problem{time.Now(), err})
		}})
		l := newMemListener()
		l.fail = syscall.EMFILE
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		time.Sleep(10 * time.Second)
		s.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve after Close during a pause: %v", err)
		}

		pause := minAcceptPause
		for i, p := range problems {
			if !errors.Is(p.err, syscall.EMFILE) || !strings.Contains(p.err.Error(), "on mem") {
				t.Errorf("reported %v", p.err)
			}
			if i == 0 {
				continue
			}
			if got := p.at.Sub(problems[i-1].at); got != pause {
				t.Errorf("pause %d took %v, want %v", i, got, pause)
			}
			pause = min(2*pause, maxAcceptPause)
		}
		if len(problems) < 10 {
			t.Errorf("%d attempts in 10 s", len(problems))
		}
	})
}

func TestServeTellsThatItsListenerWasClosed(t *testing.T) {
	s := New("foo", Options{Clock: transport.System})
	defer s.Close()
	l := newMemListener()
	l.Close()
	if err := s.Serve(l); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "on mem") {
		t.Errorf("got %v", err)
	}
}

// A client that never takes the greeting (or never finishes a TLS handshake)
// must not hold its session for ever.
func TestGreetingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newBubbleNode(t, Options{MaxSessions: 1})
		n.dial()
		time.Sleep(greetTime)
		synctest.Wait()
		if got := n.talk("echo a\n"); got != echoed {
			t.Errorf("got %q", got)
		}
	})
}

// What a command reads beyond its line is told, the line itself is not.
func TestPayloadIsTold(t *testing.T) {
	var told strings.Builder
	n := newNode(t, Options{Payload: func(command string, at net.Addr, piece []byte) {
		fmt.Fprintf(&told, "%s %s %s\n", command, at.Network(), piece)
	}})
	n.Handle("take", func(_ context.Context, _ *Request, s Session) (any, error) {
		data, err := io.ReadAll(s)
		return string(data), err
	})
	if got, want := n.talk("echo a\ntake this\nhello"), echoed+"\"hello\"\n"; got != want {
		t.Errorf("answers %q, want %q", got, want)
	}
	if got, want := told.String(), "take unix hello\n"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

// Whoever opens all sessions that there are, by the mesh or TCP, does not lock out
// the owner.
func TestOwnerIsNotLockedOut(t *testing.T) {
	n := newNode(t, Options{MaxSessions: 1})
	l := newMemListener()
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	stranger, _, err := NewClient(l.dial())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if answer, err := n.client().Do("local"); err != nil || string(answer) != "true" {
		t.Errorf("the owner: %s, %v", answer, err)
	}
	second, _, err := NewClient(l.dial())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if answer, err := second.Do("local"); err == nil || !strings.HasPrefix(err.Error(), "too many control sessions") {
		t.Errorf("one more stranger: %s, %v", answer, err)
	}
	n.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
