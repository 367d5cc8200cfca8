package daemon_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"receptor/internal/daemon"
)

// All that two nodes have to do with each other's units, they do over one
// connection, so there is one handshake for any number of units.
func TestOneHandshakeForAllUnits(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	mustStart(t, dir, "b", "--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1",
		"--work-command", "worktype=cat", "command=cat")
	var dialed atomic.Int32
	a, err := startTraced(t, dir, "a", "", daemon.Tracing{QLog: func(name string) io.WriteCloser {
		if strings.HasSuffix(name, "_client.qlog") {
			dialed.Add(1)
		}
		return nil
	}}, "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))
	if err != nil {
		t.Fatal(err)
	}
	a.closeAfter(t, "a")
	a.log.wait("Routes computed: 1 nodes", 1)
	a.until(t, "status", `"WorkType":"cat"`) // news of a node have what leads to it made anew
	const units = 12
	var running sync.WaitGroup
	for i := range units {
		unit := a.submit(t, map[string]string{"node": "b", "worktype": "cat"}, fmt.Sprint(i))
		client, another := a.client(t), a.client(t)
		running.Go(func() {
			results, err := client.Results(unit, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.ReadAll(results); err != nil || string(got) != fmt.Sprint(i) {
				t.Errorf("results %q, %v; want %d", got, err, i)
			}
			if _, err := another.Do("work release " + unit); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if n := dialed.Load(); n != 1 {
		t.Errorf("%d handshakes for %d units, want one", n, units)
	}
}
