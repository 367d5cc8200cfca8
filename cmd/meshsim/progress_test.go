package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// slow runs one command line on a machine where each look at the clock takes a
// second.
func slow(ctx context.Context, terminal bool, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	now := time.Duration(0)
	a := app{
		stdout: &out, stderr: &errs, terminal: func(io.Writer) bool { return terminal },
		wall: func() time.Duration { now += time.Second; return now },
	}
	code = a.main(ctx, args)
	return code, out.String(), errs.String()
}

func TestLongRunsTellHowFarTheyAre(t *testing.T) {
	t.Parallel()
	path := write(t, small)
	code, _, stderr := slow(t.Context(), true, "run", path, "--for", "24h")
	if code != exitOK || !strings.HasPrefix(stderr, "\r\x1b[K") || !strings.HasSuffix(stderr, "\r\x1b[K") || !strings.Contains(stderr, "s of 24h0m0s of virtual time, ") {
		t.Errorf("on a terminal: exit code %d, %q", code, stderr)
	}
	code, _, stderr = slow(t.Context(), false, "run", path, "--for", "24h")
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if code != exitOK || !strings.HasPrefix(lines[0], "meshsim: ") || !strings.HasSuffix(lines[0], "s of 24h0m0s of virtual time, 10s") {
		t.Errorf("elsewhere: exit code %d, %q", code, stderr)
	}
	code, _, stderr = slow(t.Context(), false, "run", path, "--seeds", "0:11")
	if want := "meshsim: 10 of 11 runs, 10s\n"; code != exitOK || stderr != want {
		t.Errorf("many seeds: exit code %d, %q, want %q", code, stderr, want)
	}
	if code, _, stderr = slow(t.Context(), false, "run", path); code != exitOK || stderr != "" {
		t.Errorf("a short run: exit code %d, %q", code, stderr)
	}
}

func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, flags := range [][]string{{"--for", "87600h"}, {"--seeds", "0:1000"}} {
		code, stdout, stderr := slow(ctx, false, append([]string{"run", write(t, small)}, flags...)...)
		if code != exitBadInput || stdout != "" || stderr != "meshsim: the run was interrupted\n" {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", flags, code, stdout, stderr)
		}
	}
}
