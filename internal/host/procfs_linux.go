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
type process struct{ pid, parent, group, session int }

// processes lists what runs on the machine. Processes that end meanwhile may
// be missing.
func processes() ([]process, error) {
	pids, err := pids()
	if err != nil {
		return nil, err
	}
	var list []process
	for _, pid := range pids {
		// "PID (NAME) STATE PARENT GROUP SESSION …", and a name may hold anything.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		end := bytes.LastIndexByte(stat, ')')
		if err != nil || end < 0 {
			continue
		}
		p := process{pid: pid}
		var state string
		_, err = fmt.Sscan(string(stat[end+1:]), &state, &p.parent, &p.group, &p.session)
		if err == nil && state != "Z" && state != "X" {
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

// processStart returns when a process started, in clock ticks since the boot. It
// tells the process from a later one with the same ID.
func processStart(pid int) (uint64, error) {
	const field = 22 // of /proc/PID/stat; see processes
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("find the start of process %d: %w", pid, err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const third = 3 // is the first of these
	if len(fields) <= field-third {
		return 0, fmt.Errorf("find the start of process %d: /proc/%d/stat has %d fields", pid, pid, len(fields)+third-1)
	}
	start, err := strconv.ParseUint(fields[field-third], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("find the start of process %d: %w", pid, err)
	}
	return start, nil
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
		for _, pid := range found {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill process %d of the unit in %s: %w", pid, dir, err)
			}
		}
		for _, pid := range append(found, unsure...) {
			awaitEnd(pid, 10*time.Millisecond)
		}
	}
	return fmt.Errorf("processes of the unit in %s go on after SIGKILL", dir)
}

// ofUnit finds the processes of the unit in dir by the mark in their
// environment. One that is being replaced by another program has none for a
// moment; if it is in the supervisor's session it may be of the unit.
func ofUnit(dir string, supervisor int) (found, unsure []int, err error) {
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
			found = append(found, p.pid)
		case len(environ) == 0 && p.session == supervisor:
			unsure = append(unsure, p.pid)
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
