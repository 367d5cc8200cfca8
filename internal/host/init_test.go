//go:build linux

package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asInit, in the environment, makes this program the first process of a PID
// namespace, and what runs under that.
const asInit = "RECEPTOR_TEST_INIT"

// runAsInit runs one of the two, and returns its exit code.
func runAsInit() int {
	if IsInit() {
		return InitMain()
	}
	if err := underInit(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 9
}

// underInit is what runs in the place of a daemon.
func underInit() error {
	if os.Getppid() != 1 {
		return fmt.Errorf("the parent is process %d, want 1", os.Getppid())
	}
	// The ends of its own children are its own to see.
	for code := range 5 {
		var exit *exec.ExitError
		if err := exec.Command("sh", "-c", fmt.Sprint("exit ", code+1)).Run(); !errors.As(err, &exit) || exit.ExitCode() != code+1 {
			return fmt.Errorf("a child ended with %v, want exit status %d", err, code+1)
		}
	}
	if err := orphan(); err != nil {
		return err
	}
	// What the first process is sent arrives.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if err := syscall.Kill(1, syscall.SIGTERM); err != nil {
		return err
	}
	<-signals
	return nil
}

// orphan makes an orphan, has it end, and sees that nothing is left of it.
func orphan() error {
	stdin, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("sh", "-c", "cat <&3 >/dev/null 2>&1 & echo $!")
	cmd.ExtraFiles = []*os.File{stdin}
	out, err := cmd.Output()
	stdin.Close()
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return err
	}
	if err := unix.Kill(pid, 0); err != nil {
		return fmt.Errorf("the orphan should go on: %w", err)
	}
	hold.Close()
	// A zombie can be sent signals, too.
	for deadline := time.Now().Add(10 * time.Second); unix.Kill(pid, 0) == nil; {
		if time.Now().After(deadline) {
			return errors.New("the orphan has ended, but nobody waits for it")
		}
		awaitEnd(pid, 10*time.Millisecond)
	}
	return nil
}

func TestInit(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asInit+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, io.Discard
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL):
		t.Skipf("no PID namespace can be made here: %v", err)
	case !errors.As(err, &exit):
		t.Fatal(err)
	case exit.ExitCode() != 9:
		t.Errorf("%v, want exit status 9; it says:\n%s", err, &out)
	}
}
