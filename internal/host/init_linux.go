package host

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// IsInit reports whether this process is the first one of a container: orphans
// of all others become its children, and stay zombies until it waits for them.
func IsInit() bool { return os.Getpid() == 1 }

// InitMain is the main function of such a process. It runs this program again
// as a child, passes signals on to it, and waits for whatever else becomes its
// own. So the child, who needs to know how its own children end, need not share
// them with anybody. InitMain returns the exit code of the child; it is 128 and
// the signal if one has ended it.
func InitMain() int {
	program, err := os.Executable()
	if err != nil {
		fmt.Fprintf(os.Stderr, "receptor: find this program's file, to run it under an init: %v\n", err)
		return exitNoChild
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	child, err := os.StartProcess(program, os.Args, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		// A terminal's Ctrl-C goes to the child alone: with one that is passed on
		// as well it would be the second, which does not wait.
		Sys: &syscall.SysProcAttr{Setpgid: true, Foreground: isTerminal(0), Ctty: 0},
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "receptor: run this program under an init: %v\n", err)
		return exitNoChild
	}
	go func() {
		for s := range signals {
			_ = unix.Kill(child.Pid, s.(syscall.Signal)) // if it has ended, so will this
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			fmt.Fprintf(os.Stderr, "receptor: wait for children: %v\n", err)
			return exitNoChild
		case pid != child.Pid:
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}

// exitNoChild is the exit code when there is no child to have one.
const exitNoChild = 1

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
