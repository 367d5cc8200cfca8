package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"receptor/control"
)

// A unit waits for its node, which comes up in the end: that is told once for
// each reason, and not among the results.
func TestPendingUnit(t *testing.T) {
	looks := new(atomic.Int32)
	running := make(chan struct{})
	n := newFakeNode(t, map[string]any{
		"work results": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
			io.WriteString(s, "Streaming results for work unit X1\n")
			<-running
			_, err := io.WriteString(s, "output\n")
			return nil, err
		}),
		"work status": control.Handler(func(context.Context, *control.Request, control.Session) (any, error) {
			st := unitState{Detail: "no route to b"}
			switch look := looks.Add(1); {
			case look == 3:
				st.Detail = "connecting to b"
			case look == 4:
				st.State = 1
				close(running)
			case look > 4:
				st.State, st.StdoutSize = 2, 7
			}
			return st, nil
		}),
	})
	var stdout, stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }, patience: time.Millisecond}
	code := a.run(t.Context(), []string{"--socket", n.socket, "work", "results", "X1"})
	outcome{code, stdout.String(), stderr.String()}.want(t, 0, "output\n", "unit X1 is pending: no route to b\nunit X1 is pending: connecting to b\n")
	if got := strings.Count(stderr.String(), "\n"); got != 2 || looks.Load() != 5 {
		t.Errorf("%d lines on stderr, want 2; %d looks at the unit, want 5", got, looks.Load())
	}
}

// fullFile is a file on a full disk that also offers the shorter way to copy.
type fullFile struct{ full }

func (fullFile) ReadFrom(io.Reader) (int64, error) {
	return 0, fmt.Errorf("splice: %w", syscall.EINVAL)
}

func TestResultsToFullDisk(t *testing.T) {
	n := newFakeNode(t, (&worker{results: "output\n", state: succeeded}).answers())
	var stderr strings.Builder
	code := run(t.Context(), []string{"work", "results", "X1"}, strings.NewReader(""), fullFile{}, &stderr, func(string) string { return n.socket })
	if want := "ERROR: print the results of unit X1, after 0 bytes: no space left on device\n"; code != 1 || stderr.String() != want {
		t.Errorf("exit code %d, stderr %q; want 1, %q", code, stderr.String(), want)
	}
}
