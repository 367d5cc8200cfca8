//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"receptor/internal/config"
	"receptor/internal/daemon"
	"receptor/transport/transporttest"
)

// asProgram makes this test program run as receptor.
const asProgram = "RECEPTOR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" || len(os.Args) > 1 && os.Args[1] == "supervise" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a receptor that runs, and its log so far.
type program struct {
	*exec.Cmd
	t   *testing.T
	out *bufio.Scanner
	log strings.Builder
}

func startProgram(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	return startCommand(t, append([]string{asProgram + "=1"}, env...), exec.Command(os.Args[0], args...))
}

func startCommand(t *testing.T, env []string, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{Cmd: cmd, t: t}
	p.Env = append(os.Environ(), env...)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Process.Kill()
		p.Wait()
	})
	return p
}

// wait returns when the log has a line with the text.
func (p *program) wait(text string) {
	p.t.Helper()
	for p.out.Scan() {
		fmt.Fprintln(&p.log, p.out.Text())
		if strings.Contains(p.out.Text(), text) {
			return
		}
	}
	p.t.Fatalf("the log ended without %q:\n%s", text, &p.log)
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ended wants the program to end with a code.
func (p *program) ended(code int) {
	p.t.Helper()
	for p.out.Scan() {
		fmt.Fprintln(&p.log, p.out.Text())
	}
	_ = p.Wait() // the code says more
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d (%v), want %d, log:\n%s", got, p.ProcessState, code, &p.log)
	}
}

// nodeFile writes a configuration of a node with a control socket.
func nodeFile(t *testing.T, dir, more string) (file, socket string) {
	t.Helper()
	file, socket = filepath.Join(dir, "r.yml"), filepath.Join(dir, "r.sock")
	text := fmt.Sprintf("- node: {id: a, datadir: %s}\n- control-service: {filename: %s}\n%s", filepath.Join(dir, "data"), socket, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, socket
}

func TestSignals(t *testing.T) {
	dir := t.TempDir()
	file, socket := nodeFile(t, dir, "- local-only\n")
	p := startProgram(t, nil, "-c", file)
	p.wait("Initialization complete")
	nodeFile(t, dir, "- tcp-listener: {port: 0, bindaddr: 127.0.0.1}\n")
	p.signal(syscall.SIGHUP)
	p.wait("Configuration reloaded: 0 backends as before, 0 stopped, 1 started")
	nodeFile(t, dir, "- tcp-listener: x\n")
	p.signal(syscall.SIGHUP)
	p.wait("Reload not successful: " + file + ":3: tcp-listener: port is")
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.signal(syscall.SIGTERM)
	p.ended(0)
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is there after the end: %v", err)
	}
}

// A start that has to wait for something can be stopped.
func TestSignalWhileStarting(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	file, _ := nodeFile(t, dir, fmt.Sprintf("- local-only\n- tls-server: {name: s, cert: %s, key: none}\n", pipe))
	p := startProgram(t, nil, "-c", file)
	cert, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the node to read it
	if err != nil {
		t.Fatal(err)
	}
	defer cert.Close()
	p.signal(syscall.SIGTERM)
	p.wait("while starting")
	p.ended(0)
}

// A service manager hears of every step, and that the node is alive.
func TestServiceManagerIsTold(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// wait skips signs of life, unless it waits for one.
	wait := func(want ...string) {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got := string(buf[:n])
			if got == "WATCHDOG=1" && want[0] != got {
				continue
			}
			for _, part := range want {
				if !strings.Contains(got, part) {
					t.Fatalf("told %q, want %q", got, want)
				}
			}
			return
		}
	}
	file, _ := nodeFile(t, dir, "- local-only\n")
	p := startProgram(t, []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=100000"}, "-c", file)
	wait("READY=1", "STATUS=Running")
	wait("WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	wait("RELOADING=1", "MONOTONIC_USEC=")
	wait("READY=1", "STATUS=Running")
	nodeFile(t, dir, "- local-onyl\n")
	p.signal(syscall.SIGHUP)
	wait("RELOADING=1")
	wait("READY=1", "reload not successful", "local-onyl")
	wait("WATCHDOG=1")
	p.signal(syscall.SIGTERM)
	wait("STOPPING=1")
	p.ended(0)
}

// A node whose end takes long is not waited for any longer after a second signal,
// or when the time is up.
func TestEndIsBounded(t *testing.T) {
	for _, test := range []struct {
		name  string
		hurry func(*transporttest.Clock, chan<- os.Signal)
		want  string
	}{
		{"second signal", func(_ *transporttest.Clock, stop chan<- os.Signal) { stop <- syscall.SIGTERM }, "WARNING"},
		{"time is up", func(clock *transporttest.Clock, _ chan<- os.Signal) { clock.Advance(stopTime) }, "ERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := transporttest.NewClock()
			var log strings.Builder
			exits := make(chan int, 1)
			s := &server{log: daemon.NewLog(&log, clock, config.Debug), clock: clock, exit: func(code int) { exits <- code }}
			stop := make(chan os.Signal, 1)
			s.end(stop, func() {
				test.hurry(clock, stop)
				if code := <-exits; code != exitFailed {
					t.Errorf("exit code %d, want %d", code, exitFailed)
				}
			})
			if !strings.HasPrefix(log.String(), test.want) {
				t.Errorf("log %q, want %s", &log, test.want)
			}
		})
	}
	s := &server{clock: transporttest.NewClock(), exit: func(int) { t.Error("a node that has ended is not waited for") }}
	s.end(nil, func() {})
	s.clock.(*transporttest.Clock).Advance(stopTime)
}

func TestDataDirOfOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, nil, "--node", "id=a", "datadir="+dir, "--local-only")
	p.wait("Initialization complete")
	if log := p.log.String(); !strings.Contains(log, "node: datadir "+dir+" is not safe: anybody may change "+dir+", and") {
		t.Errorf("no warning of a directory that anybody may change:\n%s", log)
	}
}

func TestDataDirInMemory(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "receptor-test-")
	if err != nil {
		t.Skipf("no directory in memory: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := startProgram(t, nil, "--node", "id=a", "datadir="+dir, "--local-only")
	p.wait("WARNING")
	p.wait("Initialization complete")
	if log := p.log.String(); !strings.Contains(log, "command line: node: datadir "+dir+" is on a file system in memory") {
		t.Errorf("log %q", log)
	}
}
