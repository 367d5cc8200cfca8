//go:build linux

package daemon_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A deployed node is killed, and one of ours started in its place, on what it has
// left on disk: its units go on, and end as they would have.
func TestTakeOverFromDeployedNode(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	port := freePort(t)
	waits := []string{"--work-command", "worktype=waits", "command=sh",
		fmt.Sprintf("params=-c 'cat; echo before; while ! test -e %s; do sleep 0.1; done; echo after'", gate)}
	b := mustStart(t, dir, "b", slices.Concat([]string{"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1"}, cat, waits)...)
	args := slices.Concat([]string{"--tcp-peer", fmt.Sprint("address=127.0.0.1:", port)}, cat, waits)
	theirs := startPeer(t, program, dir, "a", args...)
	b.log.wait("Routes computed: 1 nodes", 1)

	submit := func(node, workType string) string {
		return theirs.submit(t, map[string]string{"node": node, "worktype": workType}, "in\n")
	}
	finished, finishedThere := submit("a", "cat"), submit("b", "cat")
	running, runningThere := submit("a", "waits"), submit("b", "waits")
	released := submit("b", "cat")
	awaits := submit("nobody", "cat")
	half, err := theirs.client(t).Submit(map[string]string{"node": "a", "worktype": "cat"})
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{finished, finishedThere, released} {
		theirs.until(t, "work status "+unit, `"StateName":"Succeeded"`)
	}
	for _, unit := range []string{running, runningThere} {
		theirs.until(t, "work status "+unit, `"StdoutSize":10`)
	}
	theirs.kill()

	ours := mustStart(t, dir, "a", args...)
	open(t, gate)
	for unit, want := range map[string]string{
		finished: "in\n", finishedThere: "in\n", running: "in\nbefore\nafter\n", runningThere: "in\nbefore\nafter\n",
	} {
		ours.until(t, "work status "+unit, `"StateName":"Succeeded","Detail":"exit status 0"`)
		results, err := ours.client(t).Results(unit, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(results); err != nil || string(got) != want {
			t.Errorf("results of %s: %q (%v), want %q", unit, got, err, want)
		}
	}
	if got, want := ours.state(t, half.UnitID), "Failed: Pending at restart"; got != want {
		t.Errorf("the unit with half of its stdin is %q, want %q", got, want)
	}
	ours.until(t, "work status "+awaits, "Node nobody cannot be reached")
	if answer, err := ours.client(t).Do("work cancel " + awaits); err != nil {
		t.Errorf("cancel: %s, %v", answer, err)
	}
	for _, unit := range []string{finished, finishedThere, running, runningThere, released, awaits, half.UnitID} {
		if answer, err := ours.client(t).Do("work release " + unit); err != nil || !strings.Contains(string(answer), `"released"`) {
			t.Errorf("release: %s, %v", answer, err)
		}
	}
	for _, node := range []string{"a", "b"} {
		left, err := os.ReadDir(filepath.Join(dir, "data", node))
		if err != nil || len(left) != 0 {
			t.Errorf("left of the units of %s: %v, %v", node, left, err)
		}
	}
}
