//go:build linux

package daemon_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Either node is restarted while the stdin of a unit is on its way: the unit gets
// all of it, and runs once.
func TestRestartMidStdin(t *testing.T) {
	stdin := strings.Repeat("0123456789abcdef", 4<<20)
	want := fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(stdin)))
	for _, restarts := range []string{"a", "b"} {
		t.Run(restarts, func(t *testing.T) {
			dir := t.TempDir()
			ran := filepath.Join(dir, "ran")
			port := freePort(t)
			args := map[string][]string{
				"a": {"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1"},
				"b": {"--tcp-peer", fmt.Sprint("address=127.0.0.1:", port),
					"--work-command", "worktype=sum", "command=sh", fmt.Sprintf("params=-c 'echo ran >>%s; exec sha256sum'", ran)},
			}
			nodes := map[string]*node{"a": mustStart(t, dir, "a", args["a"]...), "b": mustStart(t, dir, "b", args["b"]...)}
			nodes["a"].log.wait("Routes computed: 1 nodes", 1)
			sub, err := nodes["a"].client(t).Submit(map[string]string{"node": "b", "worktype": "sum"})
			if err != nil {
				t.Fatal(err)
			}
			answer := make(chan error, 1)
			go func() {
				_, err := sub.Finish(strings.NewReader(stdin))
				answer <- err
			}()
			nodes["b"].log.wait("Waiting for Input Data", 1)
			nodes[restarts].Close()
			nodes[restarts] = mustStart(t, dir, restarts, args[restarts]...)
			<-answer // an error if its node was closed before it answered

			results, err := nodes["a"].client(t).Results(sub.UnitID, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(results); err != nil || string(got) != want {
				t.Errorf("output %q (%v), want %q", got, err, want)
			}
			if got, want := nodes["a"].state(t, sub.UnitID), "Succeeded: exit status 0"; got != want {
				t.Errorf("state %q, want %q", got, want)
			}
			if got, err := os.ReadFile(ran); err != nil || string(got) != "ran\n" {
				t.Errorf("the command left %q (%v)", got, err)
			}
			answered, err := nodes["a"].client(t).Do("work status " + sub.UnitID)
			if err != nil || !strings.Contains(string(answered), `"SubmitKeyed":true`) {
				t.Errorf("it was not submitted with a key: %s (%v)", answered, err)
			}
		})
	}
}

// A deployed node cannot be given the rest of a stdin. It must not take what it
// has for the whole: the unit fails, and its command does not run.
func TestRestartMidStdinToDeployedNode(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	port := freePort(t)
	args := []string{"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1"}
	a := mustStart(t, dir, "a", args...)
	b := startPeer(t, program, dir, "b", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port),
		"--work-command", "worktype=sum", "command=sh", fmt.Sprintf("params=-c 'echo ran >>%s; exec sha256sum'", ran))
	a.log.wait("Routes computed: 1 nodes", 1)
	sub, err := a.client(t).Submit(map[string]string{"node": "b", "worktype": "sum"})
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := sub.Finish(strings.NewReader(strings.Repeat("0123456789abcdef", 4<<20)))
		answer <- err
	}()
	for asking := b.client(t); ; { // it says nothing by itself
		if list, err := asking.Do("work list"); err != nil {
			t.Fatal(err)
		} else if string(list) != "{}" {
			break
		}
	}
	a.Close()
	a = mustStart(t, dir, "a", args...)
	<-answer

	results, err := a.client(t).Results(sub.UnitID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(results); err != nil || len(got) != 0 {
		t.Errorf("output %q (%v), want none", got, err)
	}
	if got := a.state(t, sub.UnitID); !strings.HasPrefix(got, "Failed: ") {
		t.Errorf("state %q, want Failed", got)
	}
	if got, err := os.ReadFile(ran); err == nil {
		t.Errorf("the command ran: %q", got)
	}
}
