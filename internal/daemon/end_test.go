//go:build linux

package daemon_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// When a node ends, its peer learns at once, over every kind of link, that its
// services are withdrawn and that the link has ended; its socket is gone; and what
// a unit of work runs goes on, so that the node has its result when it is back.
func TestEnd(t *testing.T) {
	for _, kind := range linksOfAllKinds(t) {
		t.Run(kind.name, func(t *testing.T) {
			dir := t.TempDir()
			sh := []string{"--work-command", "worktype=sh", "command=sh", "allowruntimeparams=true"}
			peer := mustStart(t, dir, "d", kind.dial...)
			n := mustStart(t, dir, "c", append(kind.listen, sh...)...)
			peer.log.wait("Service control of node c: withdrawn=false", 1)
			gate := filepath.Join(dir, "gate")
			if err := syscall.Mkfifo(gate, 0o600); err != nil {
				t.Fatal(err)
			}
			unit := n.submit(t, map[string]string{"node": "localhost", "worktype": "sh", "params": "-c 'read x <" + gate + "; echo $x'"}, "")
			open, err := os.OpenFile(gate, os.O_WRONLY, 0) // once the command reads
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()

			n.Close()
			peer.log.wait("Service control of node c: withdrawn=true", 1)
			peer.log.wait("Connection with c ", 1)
			if log := peer.log.String(); strings.Contains(log, "nothing arrived") || strings.Contains(log, "nothing has arrived") {
				t.Error("the peer has learned of the end by silence")
			}
			if _, err := os.Lstat(n.socket); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the control socket is there: %v", err)
			}
			if _, err := open.WriteString("on\n"); err != nil {
				t.Fatal(err)
			}
			n = mustStart(t, dir, "c", append(kind.listen, sh...)...)
			results, err := n.client(t).Results(unit, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(results); err != nil || string(got) != "on\n" {
				t.Errorf("output of the unit: %q (%v)", got, err)
			}
		})
	}
}
