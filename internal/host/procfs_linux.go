package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unitVariable marks the processes of a unit in their environment: its value
// is the unit's directory.
const unitVariable = "RECEPTOR_UNIT_DIR"

// process is a process that has not ended.
type process struct {
	pid, parent, group, session int
	// start is when it started, in clock ticks since the boot. It tells the process
	// from a later one with the same ID.
	start uint64
}

// readProcess returns what runs under a process ID. ended tells of a process that
// nobody has waited for yet.
func readProcess(pid int) (p process, ended bool, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false, fmt.Errorf("read process %d: %w", pid, err)
	}
	// "PID (NAME) STATE PARENT GROUP SESSION …", and a name may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const third, start = 3, 22 // fields are counted from 1; the third is the first here
	if len(fields) <= start-third {
		return p, false, fmt.Errorf("read process %d: /proc/%d/stat has %d fields", pid, pid, len(fields)+third-1)
	}
	p.pid = pid
	for i, to := range []*int{&p.parent, &p.group, &p.session} {
		*to, err = strconv.Atoi(fields[i+1])
		if err != nil {
			return p, false, fmt.Errorf("read process %d: %w", pid, err)
		}
	}
	if p.start, err = strconv.ParseUint(fields[start-third], 10, 64); err != nil {
		return p, false, fmt.Errorf("read process %d: %w", pid, err)
	}
	return p, fields[0] == "Z" || fields[0] == "X", nil
}

// signal sends a signal to the process, and to no other that has its ID by now.
// The error is unix.ESRCH if it has ended.
func (p process) signal(sig unix.Signal) error {
	pidfd, err := unix.PidfdOpen(p.pid, 0)
	if err == unix.ENOSYS {
		return unix.Kill(p.pid, sig) // before Linux 5.3 there is no better way
	}
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	// Only now is it certain which process the file is of.
	if now, _, err := readProcess(p.pid); err != nil || now.start != p.start {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(pidfd, sig, nil, 0)
}

// processes lists what runs on the machine. Processes that end meanwhile may
// be missing.
func processes() ([]process, error) {
	pids, err := pids()
	if err != nil {
		return nil, err
	}
	var list []process
	for _, pid := range pids {
		if p, ended, err := readProcess(pid); err == nil && !ended {
			list = append(list, p)
		}
	}
	return list, nil
}

func pids() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var list []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, pid)
		}
	}
	return list, nil
}

// bootID returns what tells this run of the system from any other.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("find the boot ID: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}

// descendants returns the processes below one, out of a list.
func descendants(list []process, root int) []process {
	children := make(map[int][]process)
	for _, p := range list {
		children[p.parent] = append(children[p.parent], p)
	}
	var below []process
	for queue := children[root]; len(queue) > 0; queue = queue[1:] {
		below = append(below, queue[0])
		queue = append(queue, children[queue[0].pid]...)
	}
	return below
}

// killUnit kills every process of the unit in dir, whose supervisor is gone and
// had the given process ID, and waits for their ends. They may start others
// meanwhile, so it looks until it finds none.
func killUnit(dir string, supervisor int) error {
	const passes = 100
	for range passes {
		found, unsure, err := ofUnit(dir, supervisor)
		if err != nil {
			return err
		}
		if len(found)+len(unsure) == 0 {
			return nil
		}
		for _, p := range found {
			if err := p.signal(unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill process %d of the unit in %s: %w", p.pid, dir, err)
			}
		}
		for _, p := range append(found, unsure...) {
			awaitEnd(p.pid, 10*time.Millisecond)
		}
	}
	return fmt.Errorf("processes of the unit in %s go on after SIGKILL", dir)
}

// ofUnit finds the processes of the unit in dir by the mark in their
// environment. One that is being replaced by another program has none for a
// moment; if it is in the supervisor's session it may be of the unit.
func ofUnit(dir string, supervisor int) (found, unsure []process, err error) {
	list, err := processes()
	if err != nil {
		return nil, nil, err
	}
	mark := unitVariable + "=" + dir
	for _, p := range list {
		// That of another user's process cannot be read.
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
		switch {
		case err != nil || p.pid == os.Getpid():
		case contains(environ, mark):
			found = append(found, p)
		case len(environ) == 0 && p.session == supervisor:
			unsure = append(unsure, p)
		}
	}
	return found, unsure, nil
}

// awaitEnd returns when a process has ended, or after a while.
func awaitEnd(pid int, patience time.Duration) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		if err != unix.ESRCH {
			time.Sleep(min(patience, 10*time.Millisecond)) // before Linux 5.3 one can only look again
		}
		return
	}
	defer unix.Close(pidfd)
	// Interrupted or not, whoever needs to know will look again.
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
}

// contains tells whether a list with a zero byte after each item has an item.
func contains(list []byte, item string) bool {
	for part := range bytes.SplitSeq(list, []byte{0}) {
		if string(part) == item {
			return true
		}
	}
	return false
}

// isRunnerOf tells whether a process is the supervisor that a deployed node
// has started for the unit in dir.
func isRunnerOf(pid int, dir string) bool {
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(cmdline), "\x00unitdir="+dir+"\x00")
}
