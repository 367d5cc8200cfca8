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
	p := &program{Cmd: exec.Command(os.Args[0], args...), t: t}
	p.Env = append(append(os.Environ(), asProgram+"=1"), env...)
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
