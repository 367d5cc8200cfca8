//go:build linux

package host

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// listenNotify is the socket of a service manager.
func listenNotify(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func readNotify(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 1000)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func environment(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestManagerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for _, name := range []string{path, "@receptor-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)} {
		conn := listenNotify(t, name)
		m, err := NewManager(environment(map[string]string{"NOTIFY_SOCKET": name}), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			tell func() error
			want string
		}{
			{func() error { return m.Ready("node a runs") }, `^READY=1\nSTATUS=node a runs$`},
			{m.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\nSTATUS=Reloading$`},
			{func() error { return m.Ready("two\nlines\nREADY=0") }, `^READY=1\nSTATUS=two; lines; READY=0$`},
			{m.Alive, `^WATCHDOG=1$`},
			{m.Stopping, `^STOPPING=1\nSTATUS=Stopping$`},
		} {
			if err := test.tell(); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := readNotify(t, conn); !regexp.MustCompile(test.want).MatchString(got) {
				t.Errorf("%s: told %q, want %q", name, got, test.want)
			}
		}
	}
}

// A manager that takes nothing does not keep the program from its other business.
func TestManagerThatIsStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	listenNotify(t, path)
	m, err := NewManager(environment(map[string]string{"NOTIFY_SOCKET": path}), 42)
	if err != nil {
		t.Fatal(err)
	}
	m.patience = time.Millisecond
	for err = m.Alive(); err == nil; err = m.Alive() {
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want that of a deadline", err)
	}
}

func TestManagerOfTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	listenNotify(t, path)
	for _, test := range []struct {
		env      map[string]string
		watchdog time.Duration
	}{
		{map[string]string{}, 0},
		{map[string]string{"WATCHDOG_USEC": "1000000"}, 0}, // of somebody else
		{map[string]string{"NOTIFY_SOCKET": path}, 0},
		{map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"}, time.Second},
		{map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "42"}, time.Second},
		{map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "43"}, 0},
		{map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "soon"}, 0},
		{map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "7200000000"}, 2 * time.Hour},
	} {
		m, err := NewManager(environment(test.env), 42)
		if err != nil || (m == nil) != (test.env["NOTIFY_SOCKET"] == "") || m.Watchdog() != test.watchdog {
			t.Errorf("%v: manager %v, watchdog %v (%v), want %v", test.env, m != nil, m.Watchdog(), err, test.watchdog)
		}
	}
	for _, name := range []string{"relative", "vsock:2:1234", path + "-not-there"} {
		if m, err := NewManager(environment(map[string]string{"NOTIFY_SOCKET": name}), 42); err == nil || m != nil {
			t.Errorf("%s was taken", name)
		}
	}
	var nobody *Manager
	if err := nobody.Ready("x"); err != nil {
		t.Error(err)
	}
	if err := nobody.Reloading(); err != nil {
		t.Error(err)
	}
}
