//go:build linux

package daemon_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// The parameters of a work type that limit its units reach them.
func TestLimitsOfWorkTypes(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	sh := []string{"--work-command", "worktype=sh", "command=sh", "params=-c", "allowruntimeparams=true"}
	one := mustStart(t, dir, "one", append(append(sh, "maxparallel=1", "maxoutput=1K", "stderr=separate"),
		"--tcp-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1")...)
	two := mustStart(t, dir, "two", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port))
	two.log.wait("Routes computed: 1 nodes", 1)
	on := func(n *node, script string) string {
		return n.submit(t, map[string]string{"node": "one", "worktype": "sh", "params": "'" + script + "'"}, "")
	}

	first := on(one, "echo err >&2; echo out; sleep 1000")
	second := on(two, "echo err >&2; yes")
	one.log.wait("Pending: Queued", 1)
	want := "Pending: Queued: number 1 of 1 that wait; 1 of this work type may run at once"
	answer, err := one.client(t).Do("work list")
	if err != nil || !strings.Contains(string(answer), strings.TrimPrefix(want, "Pending: ")) {
		t.Errorf("units %s (%v), want one that is %q", answer, err, want)
	}
	read := func(n *node, what string, open func() (io.Reader, error)) string {
		t.Helper()
		r, err := open()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return string(b)
	}
	stderr, err := one.client(t).Stderr(first, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("err\n")) // before the command is ended: it may just have begun
	if _, err := io.ReadFull(stderr, got); err != nil || string(got) != "err\n" {
		t.Errorf("stderr of the first is %q, %v", got, err)
	}
	if _, err := one.client(t).Do("work cancel " + first); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(stderr); err != nil || len(rest) != 0 {
		t.Errorf("then the stderr of the first is %q, %v", rest, err)
	}
	out := read(two, "results", func() (io.Reader, error) { return two.client(t).Results(second, 0) })
	err2 := read(two, "stderr", func() (io.Reader, error) { return two.client(t).Stderr(second, 0) })
	if err2 != "err\n" || len(out) != 1024 {
		t.Errorf("of the second, over the mesh: stderr is %q, and there are %d bytes of output", err2, len(out))
	}
	one.Close()
	if got := read(two, "stderr", func() (io.Reader, error) { return two.client(t).Stderr(second, 0) }); got != "err\n" {
		t.Errorf("without its node, stderr of the second is %q", got)
	}
	if got, want := two.state(t, second), "Failed: Output exceeds 1024 bytes, the maxoutput of the work type"; got != want {
		t.Errorf("the second is %q, want %q", got, want)
	}
}

// A disk that is full up to the limit takes no units, and those that are there
// go on.
func TestMinFreeSpace(t *testing.T) {
	dir := t.TempDir()
	one := mustStart(t, dir, "one", append(cat, "--local-only")...)
	unit := one.submit(t, map[string]string{"node": "one", "worktype": "cat"}, "text")
	one.Close()
	one = mustStart(t, dir, "one", append([]string{"minfreespace=8000000T"}, append(cat, "--local-only")...)...)
	for _, node := range []string{"one", "two"} {
		_, err := one.client(t).Submit(map[string]string{"node": node, "worktype": "cat"})
		if err == nil || !strings.HasPrefix(err.Error(), "no space for another unit: its disk has ") || !strings.HasSuffix(err.Error(), "and this node keeps 8000000 TiB free (minfreespace)") {
			t.Errorf("work on %s: %v", node, err)
		}
	}
	if _, err := one.client(t).Do("work release " + unit); err != nil {
		t.Errorf("release: %v", err)
	}
	if got := strings.Count(one.log.String(), "Units of work: no space for more of them"); got != 1 {
		t.Errorf("the log says %d times that there is no space, want 1", got)
	}
	if answer, err := one.client(t).Do("status"); err != nil || !strings.Contains(string(answer), `"Problems":["units of work: no space for another unit: `) {
		t.Errorf("status: %s, %v", answer, err)
	}
}
