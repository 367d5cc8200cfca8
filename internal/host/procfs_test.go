//go:build linux

package host

import (
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A signal is for a process, not for whatever has its ID by now.
func TestSignalOfReusedID(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, ended, err := readProcess(cmd.Process.Pid)
	if err != nil || ended || p.pid != cmd.Process.Pid || p.parent != unix.Getpid() || p.start == 0 {
		t.Fatalf("process %+v, ended %v, %v", p, ended, err)
	}
	former := p
	former.start--
	if err := former.signal(unix.SIGKILL); err != unix.ESRCH {
		t.Errorf("a signal for one that had its ID before: %v", err)
	}
	if err := p.signal(unix.SIGTERM); err != nil {
		t.Errorf("a signal for it: %v", err)
	}
	if _ = cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGTERM {
		t.Errorf("it ended by %v", cmd.ProcessState)
	}
	if err := p.signal(unix.SIGKILL); err != unix.ESRCH {
		t.Errorf("a signal for one that has ended: %v", err)
	}
}
