package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"receptor/control"
)

// asProgram in the environment makes the program of the tests receptorctl itself.
const asProgram = "RECEPTORCTL_OF_TESTS"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A terminal that is closed while the payload is sent must not have the unit run with
// a part of it, whether the hang-up comes once or again and again.
func TestHangUpDuringPayload(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("the tests run under nohup, so a hang-up ends nothing")
	}
	started := make(chan *os.Process, 1)
	hangUp := func() {
		p := <-started
		p.Signal(syscall.SIGHUP)
		started <- p
	}
	w := &worker{}
	answers := w.answers()
	answers["work submit"] = control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		io.WriteString(s, "Work unit created with ID X1. Send stdin data and EOF.\n")
		if _, err := io.ReadFull(s, make([]byte, len("half"))); err != nil {
			return nil, err
		}
		hangUp()
		_, err := io.Copy(io.Discard, s)
		return nil, err
	})
	cancel := answers["work cancel"].(control.Handler)
	answers["work cancel"] = control.Handler(func(ctx context.Context, req *control.Request, s control.Session) (any, error) {
		hangUp()
		return cancel(ctx, req, s)
	})
	n := newFakeNode(t, answers)
	cmd := exec.Command(os.Args[0], "--socket", n.socket, "work", "submit", "cat", "-p", "-")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started <- cmd.Process
	io.WriteString(stdin, "half")
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || stderr.String() != "ERROR: interrupted; unit X1 was cancelled\n" {
		t.Errorf("it ends with %v: %s", err, &stderr)
	}
	if !w.canceled {
		t.Error("the unit was not cancelled")
	}
}
