package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"receptor/control"
	"receptor/internal/host"
)

// terminals returns the two ends of a terminal.
func terminals(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, tty, err := host.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keyboard.Close() // which wakes who reads the other
		tty.Close()
	})
	return keyboard, tty
}

func settings(t *testing.T, tty *os.File) unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

// However a raw connection ends, the terminal is as it was before, and until
// then every key goes to the service.
func TestConnectRaw(t *testing.T) {
	const keys = "\x03\x04\x1a\x1c\r\x1d."
	for _, test := range []struct {
		name   string
		end    func(cancel context.CancelFunc, s control.Session) // of the connection, once the keys have come
		code   int
		stderr string
	}{
		{"the service ends", func(context.CancelFunc, control.Session) {}, exitOK, "Connection to service shell of b closed.\n"},
		{"interrupted", func(cancel context.CancelFunc, _ control.Session) { cancel() }, exitInterrupted, "ERROR: interrupted\n"},
		{"SIGHUP", func(context.CancelFunc, control.Session) { raise(t, syscall.SIGHUP) }, exitInterrupted, "ERROR: interrupted\n"},
		{"SIGQUIT", func(context.CancelFunc, control.Session) { raise(t, syscall.SIGQUIT) }, exitInterrupted, "ERROR: interrupted\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "SIGHUP" && signal.Ignored(syscall.SIGHUP) {
				t.Skip("the tests run under nohup, so a hang-up ends nothing")
			}
			keyboard, tty := terminals(t)
			before := settings(t, tty)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			typed := make(chan string, 1)
			n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
				if _, err := io.WriteString(s, "Connecting\nready\n"); err != nil {
					return nil, err
				}
				got := make([]byte, len(keys))
				_, err := io.ReadFull(s, got)
				typed <- string(got)
				test.end(cancel, s)
				if test.code == exitInterrupted {
					_, _ = io.Copy(io.Discard, s) // until the tool hangs up
				}
				return nil, err
			})})
			ended := make(chan outcome)
			go func() {
				var stderr strings.Builder
				code := run(ctx, []string{"--socket", n.socket, "connect", "--raw", "b", "shell"}, tty, tty, &stderr, func(string) string { return "" })
				ended <- outcome{code: code, stderr: stderr.String()}
			}()
			if text, err := bufio.NewReader(keyboard).ReadString('\n'); err != nil || text != "ready\n" {
				t.Fatalf("the screen shows %q (%v), want what the service has sent, unchanged", text, err)
			}
			if _, err := io.WriteString(keyboard, keys); err != nil {
				t.Fatal(err)
			}
			if got := <-typed; got != keys {
				t.Errorf("the service got %q, want %q", got, keys)
			}
			(<-ended).want(t, test.code, "", test.stderr)
			if after := settings(t, tty); after != before {
				t.Errorf("the terminal is now %+v, was %+v", after, before)
			}
		})
	}
}

func raise(t *testing.T, s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Error(err)
	}
}

// Without --raw, and if the service cannot be reached, the terminal is left alone.
func TestConnectLeavesTheTerminalAlone(t *testing.T) {
	keyboard, tty := terminals(t)
	before := settings(t, tty)
	n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, req *control.Request, s control.Session) (any, error) {
		if req.Fields["service"] == "gone" {
			return nil, io.ErrUnexpectedEOF
		}
		if !term.IsTerminal(int(tty.Fd())) || settings(t, tty) != before {
			t.Error("the terminal has been changed")
		}
		_, err := io.WriteString(s, "Connecting\n")
		line, _ := bufio.NewReader(s).ReadString('\n')
		if line != "by lines\n" {
			t.Errorf("the service got %q", line)
		}
		return nil, err
	})})
	if _, err := io.WriteString(keyboard, "by liness\x7f\r"); err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) outcome {
		return runTool(context.Background(), tty, nil, append([]string{"--socket", n.socket, "connect"}, args...)...)
	}
	tool("b", "shell").want(t, exitOK, "", "")
	tool("--raw", "b", "gone").want(t, exitFailed, "", "ERROR: unexpected EOF\n")
	if after := settings(t, tty); after != before {
		t.Errorf("the terminal is now %+v, was %+v", after, before)
	}
}
