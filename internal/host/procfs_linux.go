package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unitVariable marks the processes of a unit in their environment: its value
// is the unit's directory.
const unitVariable = "RECEPTOR_UNIT_DIR"

// process is a running process.
type process struct{ pid, parent, group int }

// processes lists what runs on the machine. Processes that end meanwhile may
// be missing.
func processes() ([]process, error) {
	pids, err := pids()
	if err != nil {
		return nil, err
	}
	var list []process
	for _, pid := range pids {
		// "PID (NAME) STATE PARENT GROUP …", and a name may hold anything.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		end := bytes.LastIndexByte(stat, ')')
		if err != nil || end < 0 {
			continue
		}
		p := process{pid: pid}
		var state string
		if _, err := fmt.Sscan(string(stat[end+1:]), &state, &p.parent, &p.group); err == nil {
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

// killMarked kills every process of the unit in dir. Those may start others
// while it looks, so it looks until it finds none.
func killMarked(dir string) error {
	const passes = 20
	for range passes {
		found, err := marked(dir)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		for _, pid := range found {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill process %d of the unit in %s: %w", pid, dir, err)
			}
		}
	}
	return fmt.Errorf("processes of the unit in %s go on after SIGKILL", dir)
}

// marked returns the processes of the unit in dir.
func marked(dir string) ([]int, error) {
	pids, err := pids()
	if err != nil {
		return nil, err
	}
	mark := unitVariable + "=" + dir
	var found []int
	for _, pid := range pids {
		// That of other users' processes, or of one that ends, cannot be read.
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && pid != os.Getpid() && contains(environ, mark) {
			found = append(found, pid)
		}
	}
	return found, nil
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
