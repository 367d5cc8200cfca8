//go:build linux

package daemon_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node whose datadir cannot be used is a node of the mesh; it takes no units, and
// says why wherever somebody may look.
func TestStartWithoutDataDir(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	if err := os.WriteFile(filepath.Join(dir, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := mustStart(t, dir, "a", "--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1",
		"--work-command", "worktype=cat", "command=cat")
	b := mustStart(t, t.TempDir(), "b", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))
	b.log.wait("Routes computed: 1 nodes", 1)

	const problem, advice = "not a directory", "--node datadir=DIR"
	a.log.wait("ERROR", 1)
	if log := a.log.String(); !strings.Contains(log, problem) {
		t.Error("the log does not say why")
	} else if !strings.Contains(log, filepath.Join(dir, "data")) || !strings.Contains(log, advice) {
		t.Errorf("the log does not say what to do: %s", log)
	}
	answer, err := a.client(t).Do("status")
	if err != nil {
		t.Fatal(err)
	}
	var status struct{ Problems []string }
	if err := json.Unmarshal(answer, &status); err != nil || len(status.Problems) != 1 || !strings.Contains(status.Problems[0], problem) || !strings.Contains(status.Problems[0], advice) {
		t.Errorf("status: %v, problems %q", err, status.Problems)
	}
	if _, err := a.client(t).Submit(map[string]string{"node": "localhost", "worktype": "cat"}); err == nil || !strings.Contains(err.Error(), problem) {
		t.Errorf("submission: %v", err)
	}
	answer, err = b.client(t).Do("status")
	if err != nil || strings.Contains(string(answer), "Problems") {
		t.Errorf("another node: %s, %v", answer, err)
	}
}

// Two nodes do not have one directory: the second takes no units.
func TestDataDirOfAnother(t *testing.T) {
	dir := t.TempDir()
	first := mustStart(t, dir, "a", "--local-only", "--work-command", "worktype=cat", "command=cat")
	if err := os.Rename(first.socket, first.socket+".first"); err != nil { // which would keep the second from starting
		t.Fatal(err)
	}
	if err := os.Remove(first.socket + ".lock"); err != nil {
		t.Fatal(err)
	}
	second := mustStart(t, dir, "a", "--local-only", "--work-command", "worktype=cat", "command=cat")
	_, err := second.client(t).Submit(map[string]string{"node": "localhost", "worktype": "cat"})
	if want := "another process uses " + filepath.Join(dir, "data", "a"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a submission to the second: %v", err)
	}
}
