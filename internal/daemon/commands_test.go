//go:build linux

package daemon_test

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommandService(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	if err := syscall.Mkfifo(gone, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProxied(t, nil, []string{
		"--command-service", "service=once", `command=sh -c 'seq 5000; stty size'`,
		"--command-service", "service=cat", "command=cat",
		"--command-service", "service=waits", "command=sh -c 'trap \"echo hung up > " + gone + "; exit\" HUP; echo ready; while :; do sleep 1000 & wait; done'",
		"--command-service", "service=talks", "command=sh -c 'trap \"echo hung up > " + gone + "; exit\" HUP; while :; do echo x; sleep 0.02; done'",
		"--command-service", "service=none", "command=/no/such/program",
	})
	stream := func(t *testing.T, service string) io.ReadWriteCloser {
		t.Helper()
		s, err := p.near.client(t).Connect("far", service, "")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("all output arrives", func(t *testing.T) {
		got, err := io.ReadAll(stream(t, "once"))
		if text := string(got); err != nil || strings.Count(text, "\n") != 5001 || !strings.HasSuffix(text, "\r\n5000\r\n24 80\r\n") {
			t.Errorf("%d bytes that end with %q (%v)", len(got), got[max(0, len(got)-20):], err)
		}
	})
	t.Run("half-close", func(t *testing.T) {
		s := stream(t, "cat")
		if _, err := io.WriteString(s, "hello\n"); err != nil {
			t.Fatal(err)
		}
		if err := s.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		// The terminal echoes, unless the command was not there yet; the other is the command's.
		if got, err := io.ReadAll(s); err != nil || !strings.HasSuffix(string(got), "hello\r\nhello\r\n") {
			t.Errorf("got %q (%v)", got, err)
		}
	})
	t.Run("a command that cannot start", func(t *testing.T) {
		if got, err := io.ReadAll(stream(t, "none")); err != nil || len(got) > 0 {
			t.Errorf("got %q (%v)", got, err)
		}
		p.far.log.wait("/no/such/program: no such file or directory", 1)
	})
	hungUp := func(t *testing.T, cause func()) {
		t.Helper()
		told := make(chan string)
		go func() {
			text, err := os.ReadFile(gone)
			told <- string(text)
			if err != nil {
				t.Error(err)
			}
		}()
		cause()
		// More than once if the terminal goes between its signal and ours.
		if got := <-told; !strings.HasPrefix(got, "hung up\n") {
			t.Errorf("the command says %q", got)
		}
	}
	t.Run("a client that is gone", func(t *testing.T) {
		s := stream(t, "talks")
		if _, err := io.ReadFull(s, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		hungUp(t, func() { s.Close() })
		// Long before it would be for the end of input alone.
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("it took %v", d)
		}
	})
	t.Run("a node that stops hangs up", func(t *testing.T) {
		s := stream(t, "waits")
		if text, err := bufio.NewReader(s).ReadString('\n'); err != nil || text != "ready\r\n" {
			t.Fatalf("got %q (%v)", text, err)
		}
		hungUp(t, p.far.Close)
	})
}
