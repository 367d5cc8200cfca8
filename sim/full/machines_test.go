package full

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"receptor/sim/eventlog"
)

const pair = `
for: 60s
nodes: [a, b]
links: [{from: a, to: b, delay: 5ms}]
workload:
  units: [{from: a, to: b, at: 9s, stdin: 20000, stdout: 50000, duration: 2s}, {from: b, to: a, at: 9s, exit: 3}]
timeline:
`

// Whatever a machine goes through, units on it come to the end that they may have. After
// a power cut that includes processes that look like those of units, but for the boot.
func TestMachinesFail(t *testing.T) {
	for n, faults := range []string{
		"{at: 10s, do: power-cut, node: a, for: 2s}",
		"{at: 10s, do: power-cut, node: b, for: 2s, loss: torn}",
		"{at: 9s, do: power-cut, node: b, for: 2s, loss: reordered, when: {op: sync, file: status, count: 2}}",
		"{at: 8s, do: disk-full, node: a, for: 20s}",
		"{at: 8s, do: disk-full, node: b, for: 20s}",
		"{at: 8s, do: disk-slow, node: b, for: 20s, by: 100ms}",
		"{at: 8s, do: disk-errors, node: a, for: 20s, probability: 0.3}",
		"{at: 8s, do: disk-errors, node: b, for: 20s, probability: 0.3}",
		"{at: 8s, do: disk-lies, node: b, for: 20s}, {at: 10s, do: power-cut, node: b, for: 2s}",
		"{at: 10s, do: wipe, node: b, for: 2s}",
	} {
		r, trace := play(t, pair+"  - "+strings.ReplaceAll(faults, "}, {", "}\n  - {")+"\n", uint64(n))
		if len(r.Violations) > 0 {
			t.Errorf("%s: units %+v, violations %v; log:\n%s", faults, r.Units, r.Violations, last(trace))
		}
	}
}

func last(trace string) string { return trace[max(0, len(trace)-10000):] }

// The instant is the one that was asked for, and nothing that the dead daemon was
// about to do is done.
func TestCrashAtAnInstant(t *testing.T) {
	const when = "  - {at: 1s, do: crash, node: b, for: 2s, when: {op: sync, file: status, count: 3}}\n"
	r, trace := play(t, pair+when, 1)
	if len(r.Violations) > 0 {
		t.Errorf("violations %v; log:\n%s", r.Violations, last(trace))
	}
	syncs := 0
	for line := range strings.Lines(trace) {
		e, err := eventlog.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Kind == eventlog.Disk && e.Node == "b" && strings.HasPrefix(e.Text, "sync ") && strings.HasSuffix(strings.TrimSuffix(e.Text, ".tmp"), "/status"):
			syncs++
		case e.Kind == eventlog.Died:
			if syncs != 2 {
				t.Errorf("it died after %d syncs of a status, want 2", syncs)
			}
			return
		}
	}
	t.Error("nothing has died")
}

func TestPowerCutsDiffer(t *testing.T) {
	hashes := make(map[string]bool)
	for _, loss := range []string{"all", "torn", "reordered"} {
		r, _ := play(t, pair+fmt.Sprintf("  - {at: 1s, do: power-cut, node: b, for: 2s, loss: %s, when: {op: sync, file: stdin}}\n", loss), 1)
		hashes[r.TraceHash] = true
	}
	if len(hashes) != 3 {
		t.Errorf("%d traces of 3 losses", len(hashes))
	}
}

// Who is connected to a machine that loses its power hears nothing: what it sends then
// is in vain, or answered by a reset once the machine is back.
func TestPowerCutIsSilent(t *testing.T) {
	const cut = "  - {at: 12s, do: power-cut, node: a, for: %s}\n"
	for _, c := range []struct {
		during, reason string
		from, to       time.Duration // between which b takes note
	}{
		{"1s", "connection reset by peer", 13 * time.Second, 14 * time.Second},
		{"30s", "the wire has carried nothing", 15 * time.Second, 30 * time.Second},
	} {
		r, trace := play(t, pair+fmt.Sprintf(cut, c.during), 1)
		if len(r.Violations) > 0 {
			t.Errorf("violations %v; log:\n%s", r.Violations, last(trace))
		}
		at := time.Duration(0)
		for line := range strings.Lines(trace) {
			e, err := eventlog.Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if e.Node == "b" && strings.Contains(e.Text, "Connection with a lost") && strings.Contains(e.Text, c.reason) {
				at = time.Duration(e.At)
				break
			}
		}
		if at < c.from || at > c.to {
			t.Errorf("after a power cut of %s from 12 s on, b takes note at %v that %s, want from %v to %v", c.during, at, c.reason, c.from, c.to)
		}
	}
}
