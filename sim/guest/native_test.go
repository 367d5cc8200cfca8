package guest

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// native runs a scenario in a bubble, where time is virtual, but the goroutines are
// those of the machine: for the race detector. It returns the event log.
func native(t *testing.T, text string) (log []eventlog.Event) {
	t.Helper()
	f, err := scenario.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Resolve(1)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := Run(bytes.NewReader(s.Encode("")), &out); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(out.Bytes()) {
			e, err := eventlog.Parse(line)
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			log = append(log, e)
		}
	})
	return log
}

func count(log []eventlog.Event, kind eventlog.Kind) (n int) {
	for _, e := range log {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// The nodes of production, with their real concurrency, and all that a run of the
// full engine has: units, streams, crashes and outages. Nothing of a run is left
// when it returns, or the bubble would say so.
func TestNative(t *testing.T) {
	for name, faults := range map[string]string{
		"calm": "",
		"faults": `
timeline:
  - {at: 9.5s, do: crash, node: c, for: 3s}
  - {at: 10s, do: crash, node: a, for: 2s}
  - {at: 14s, do: down, link: [a, b], for: 5s}
  - {at: 20s, do: split, nodes: [c], for: 4s}
  - {at: 26s, do: pause, node: b, for: 2s}
`,
		"among deployed ones": `
timeline:
  - {at: 20s, do: crash, node: d, for: 3s}
`,
		"impostors": `
timeline:
  - {at: 1s, do: forge, node: b, every: 300ms, for: 5s}
  - {at: 2s, do: duplicate, node: b, via: a, for: 4s}
  - {at: 20s, do: slow, node: b, by: 10ms, for: 5s}
`,
	} {
		t.Run(name, func(t *testing.T) {
			log := native(t, `
for: 40s
nodes: [a, b, c, {id: d, kind: deployed}]
links: [{from: a, to: b, delay: 5ms, jitter: 3ms}, {from: b, to: c, delay: 10ms}, {from: a, to: c, backend: udp, cost: 5, delay: 20ms}, {from: d, to: b, cost: 9}, {from: c, to: d, backend: udp, cost: 9}]
workload:
  units:
    - {from: a, to: c, at: 9s, stdin: 20000, stdout: 50000, duration: 2s, output: drip}
    - {from: c, to: a, at: 9s, exit: 3}
    - {from: b, to: c, at: 13s, stdin: 1000, stdout: 2000, duration: 9s, children: 2}
    - {from: c, to: b, at: 13s, duration: 60s, children: 1, ignore_sigint: true, cancel_at: 15s}
  streams: [{from: a, to: c, at: 8s, send: 100000, receive: 50000}, {from: c, to: b, at: 12s, send: 10, idle: 5s, by: connect}]
`+faults)
			released, ran, leaks := count(log, eventlog.Released), count(log, eventlog.Ran), count(log, eventlog.Leak)
			if released != 4 || ran != 4 || leaks != 0 || count(log, eventlog.End) != 1 {
				t.Errorf("%d units released, %d started, %d leaks, %d ends, want 4, 4, 0 and 1", released, ran, leaks, count(log, eventlog.End))
			}
		})
	}
}

// A machine that is started again has its power, whatever had taken that.
func TestRestartWithoutPower(t *testing.T) {
	log := native(t, `
for: 10s
nodes: [a, b]
links: [{from: a, to: b, delay: 5ms}]
timeline:
  - {at: 1s, do: wipe, node: b, for: 20s}
  - {at: 2s, do: power-cut, node: b, for: 20s}
  - {at: 3s, do: restart, node: b}
`)
	if n := count(log, eventlog.Reached); n != 2 {
		t.Errorf("%d of 2 nodes reach the other", n)
	}
}

// A run that is given up ends, with all that was in it, although what it is given up for
// would leave no time to pass.
func TestGivenUp(t *testing.T) {
	log := native(t, `
for: 40s
nodes: [{id: A, kind: deployed}, {id: B, kind: deployed}, {id: C, kind: deployed}, {id: D, kind: deployed}, e]
links: [{from: A, to: B}, {from: B, to: C}, {from: C, to: A}, {from: A, to: D}, {from: B, to: D}, {from: C, to: D}, {from: D, to: e, delay: 5ms}]
workload:
  services: [{node: B, name: svc, at: 20s, for: 1s}]
  units: [{from: e, to: A, at: 9s, stdout: 500000, duration: 80s}, {from: A, to: e, at: 30s}]
  pings: [{from: e, to: A, at: 8s, every: 1s, count: 30}]
  streams: [{from: e, to: A, at: 8s, send: 1000, idle: 20s}, {from: e, to: A, at: 30s}]
timeline: [{at: 25s, do: restart, node: B}]
`)
	if n, last := count(log, eventlog.GivenUp), log[len(log)-1]; n != 1 || last.Kind != eventlog.End || last.At > int64(90*time.Second) {
		t.Errorf("the run was given up %d times, and has the last event %+v, want once, and an end within a minute or so", n, last)
	}
	if n := count(log, eventlog.Leak); n != 0 {
		t.Errorf("%d leaks, want none", n)
	}
}
