//go:build linux

package daemon_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMixedMesh puts a deployed node, whose program the environment variable
// RECEPTOR_PEER names, between two of ours and at the end of the row: one -
// two (deployed) - three - four (deployed).
func TestMixedMesh(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	ports := []int{freePort(t), freePort(t), freePort(t)}
	listen := func(i int) []string {
		return []string{"--tcp-listener", fmt.Sprint("port=", ports[i]), "bindaddr=127.0.0.1"}
	}
	peer := func(i int) []string { return []string{"--tcp-peer", fmt.Sprint("address=127.0.0.1:", ports[i])} }
	cat := []string{"--work-command", "worktype=cat", "command=cat"}

	one := mustStart(t, dir, "one", append(listen(0), cat...)...)
	startPeer(t, program, dir, "two", append(listen(1), append(peer(0), cat...)...)...)
	three := mustStart(t, dir, "three", append(listen(2), append(peer(1), cat...)...)...)
	four := startPeer(t, program, dir, "four", append(peer(2), cat...)...)
	one.log.wait("Routes computed: 3 nodes", 1)
	three.log.wait("Routes computed: 3 nodes", 1)

	for _, test := range []struct {
		from *node
		to   string
	}{{one, "two"}, {one, "three"}, {one, "four"}, {three, "one"}, {four, "one"}, {four, "three"}} {
		text := "hello " + test.to + "\n"
		unit := test.from.submit(t, map[string]string{"node": test.to, "worktype": "cat"}, text)
		results, err := test.from.client(t).Results(unit, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(results); err != nil || string(got) != text {
			t.Errorf("work on %s: %q (%v), want %q", test.to, got, err, text)
		}
		if got, want := test.from.state(t, unit), "Succeeded: exit status 0"; got != want {
			t.Errorf("work on %s is %q, want %q", test.to, got, want)
		}
	}
	answer, err := one.client(t).Do("traceroute four")
	if err != nil || !strings.Contains(string(answer), `"3":{"From":"four"`) {
		t.Errorf("traceroute: %s (%v)", answer, err)
	}
}

// startPeer starts a deployed node; it has a socket as ours have.
func startPeer(t *testing.T, program, dir, id string, args ...string) *node {
	t.Helper()
	n := &node{log: newLogBuffer(), socket: filepath.Join(dir, id+".sock")}
	args = append([]string{
		"--node", "id=" + id, "datadir=" + filepath.Join(dir, "data"), "--log-level", "debug",
		"--control-service", "filename=" + n.socket,
	}, args...)
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", id, n.log)
		}
	})
	n.log.wait("Initialization complete", 1)
	return n
}
