//go:build linux

package daemon_test

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"receptor/internal/daemon"
)

// What goes by is logged at every level, and what it says at none.
func TestTraceItem(t *testing.T) {
	dir := t.TempDir()
	kind := linksOfAllKinds(t)[0]
	a := mustStart(t, dir, "a", append(kind.listen, "--trace")...)
	b := mustStart(t, dir, "b", append(kind.dial, cat...)...)
	a.log.wait("Routes computed: 1 nodes", 1)
	b.runCat(t, "b", nil)
	if _, err := b.client(t).Do("ping a"); err != nil {
		t.Fatal(err)
	}
	a.log.wait(" --- Sending data length 0 from a:ping to b:", 1)
	lines := regexp.MustCompile(`(?m)^TRACE \d{4}/\d\d/\d\d \d\d:\d\d:\d\d (--- Received data length 0 from b:\w{8} to a:ping|--- Sending data length 0 from a:ping to b:\w{8})$`)
	if got := len(lines.FindAllString(a.log.String(), -1)); got != 2 {
		t.Errorf("%d lines of a ping, want 2", got)
	}
	if strings.Contains(b.log.String(), "TRACE") {
		t.Error("the other node traces, too")
	}
}

// Input of units is logged as far as was asked for, and no further.
func TestPayloadTrace(t *testing.T) {
	const text = "password\n"
	for level, want := range []string{
		"", "PACKET TRACING ENABLED: Reading from unix socket\n", "PACKET TRACING ENABLED: Reading from unix socket 9 bytes\n",
		`PACKET TRACING ENABLED: Reading from unix socket 9 bytes with a payload of: "password\n"` + "\n",
	} {
		n, err := startTraced(t, t.TempDir(), "a", "", daemon.Tracing{Payload: level}, append([]string{"--local-only"}, cat...)...)
		if err != nil {
			t.Fatal(err)
		}
		n.closeAfter(t, "a")
		unit := n.submit(t, map[string]string{"node": "localhost", "worktype": "cat"}, text)
		if results, err := n.client(t).Results(unit, 0); err != nil {
			t.Error(err)
		} else if _, err := io.ReadAll(results); err != nil { // it has ended, and its directory can be removed
			t.Error(err)
		}
		log := n.log.String()
		if want == "" && strings.Contains(log, "PACKET TRACING") || !strings.Contains(log, want) {
			t.Errorf("level %d: no %q in the log", level, want)
		}
		if strings.Contains(log, "password") != (level == daemon.MaxPayloadTrace) {
			t.Errorf("level %d: the payload is in the log, or should be", level)
		}
	}
}

// Files of QUIC are opened for both ends of a stream.
func TestQLog(t *testing.T) {
	opened := make(chan string, 10)
	n, err := startTraced(t, t.TempDir(), "a", "", daemon.Tracing{QLog: func(name string) io.WriteCloser {
		opened <- name
		return nil
	}}, "--local-only")
	if err != nil {
		t.Fatal(err)
	}
	n.closeAfter(t, "a")
	if _, err := n.client(t).Connect("a", "control", ""); err != nil {
		t.Fatal(err)
	}
	first, second := <-opened, <-opened
	if strings.Contains(first, "server") {
		first, second = second, first
	}
	if !strings.HasSuffix(first, "_client.qlog") || strings.Replace(first, "client", "server", 1) != second {
		t.Errorf("files %s and %s, want one of each end", first, second)
	}
}
