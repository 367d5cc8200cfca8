package host

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Manager is the service manager that has started this program, such as systemd:
// it is told how the program is by datagrams to a Unix socket (sd_notify(3)). A
// nil Manager is nobody, and is told nothing.
type Manager struct {
	conn     *net.UnixConn
	watchdog time.Duration
	patience time.Duration // for one datagram
}

// managerPatience is how long a manager that is busy may not take what it is
// told: the program has more to do.
const managerPatience = time.Second

// NewManager connects to the manager that the environment names: NOTIFY_SOCKET
// is the path of a socket, or an abstract name after "@"; WATCHDOG_USEC is how
// often it wants to hear that process WATCHDOG_PID, or any, is alive. It returns
// nil if there is none.
func NewManager(getenv func(string) string, pid int) (*Manager, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") {
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q: want an absolute path, or a name after @", name)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	m := &Manager{conn: conn, patience: managerPatience}
	if owner := getenv("WATCHDOG_PID"); owner == "" || owner == strconv.Itoa(pid) {
		if usec, err := strconv.ParseUint(getenv("WATCHDOG_USEC"), 10, 53); err == nil {
			m.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return m, nil
}

// Watchdog is within what time the manager wants to be told Alive, again and
// again; 0 means never.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// Ready tells that the program has started, or has done reloading, and in a few
// words how it is.
func (m *Manager) Ready(status string) error { return m.tell("READY=1", "STATUS="+status) }

// Reloading tells that the program reads its configuration again; Ready follows.
func (m *Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	return m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000), "STATUS=Reloading")
}

// Stopping tells that the program is about to end.
func (m *Manager) Stopping() error { return m.tell("STOPPING=1", "STATUS=Stopping") }

// Alive tells that the program still works.
func (m *Manager) Alive() error { return m.tell("WATCHDOG=1") }

func (m *Manager) tell(lines ...string) error {
	if m == nil {
		return nil
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\n", "; ")
	}
	if err := m.conn.SetWriteDeadline(time.Now().Add(m.patience)); err != nil {
		return fmt.Errorf("tell the service manager %s: %w", lines[0], err)
	}
	if _, err := m.conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("tell the service manager %s: %w", lines[0], err)
	}
	return nil
}
