package full

import (
	"os"
	"testing"
)

// A deployed node is between two of ours, and another at the end: units and streams of
// ours pass through, also when a way round is to be found and when it has crashed.
func TestDeployedNodes(t *testing.T) {
	const file = `
for: 80s
nodes: [a, {id: B, kind: deployed}, c, {id: D, kind: deployed}]
links:
  - {from: a, to: B, delay: 5ms}
  - {from: B, to: c, delay: 5ms}
  - {from: c, to: D, delay: 5ms, backend: udp}
  - {from: D, to: a, delay: 5ms, cost: 9}
workload:
  pings: [{from: a, to: D, at: 8s, every: 1s, count: 3}, {from: D, to: B, at: 8s, every: 1s, count: 3}]
  datagrams: [{from: B, to: D, at: 8s, every: 1s, count: 3}, {from: a, to: B, at: 8s, every: 1s, count: 3}]
  units: [{from: a, to: c, at: 8s, stdin: 2000, stdout: 3000, duration: 2s}, {from: c, to: a, at: 29s, stdin: 2000, stdout: 3000, duration: 4s}]
  streams: [{from: a, to: c, at: 8s, send: 20000, receive: 20000}]
timeline: [{at: 15s, do: down, link: [B, c], for: 10s}, {at: 30s, do: crash, node: B, for: 5s}]
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Pings != (Pings{6, 6}) || r.Datagrams != (Datagrams{6, 6}) || r.Streams != (Streams{1, 1}) || r.Units.Released != 2 {
		t.Errorf("pings %+v, datagrams %+v, streams %+v, units %+v, violations %v, want all done; log:\n%.20000s",
			r.Pings, r.Datagrams, r.Streams, r.Units, r.Violations, trace)
	}
	if again, _ := play(t, file, 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

// A deployed node runs units of ours: it is submitted to without a key, and asked for
// the status and the results.
func TestUnitsOnDeployedNodes(t *testing.T) {
	const file = `
for: 40s
nodes: [a, {id: B, kind: deployed}]
links: [{from: a, to: B, delay: 5ms}]
workload:
  units:
    - {from: a, to: B, at: 8s, stdin: 2000, stdout: 300000, duration: 4s}
    - {from: a, to: B, at: 8s, stdin: 200000, stdout: 3000, duration: 4s, exit: 3, output: burst}
    - {from: a, to: B, at: 8s}
    - {from: a, to: B, at: 8s, stdout: 9000, duration: 60s, cancel_at: 15s, ignore_sigint: true}
    - {from: a, to: B, at: 8s, stdout: 9000, duration: 60s, output: drip, release_at: 15s}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units != (Units{Submitted: 5, Succeeded: 2, Ended: 4, Released: 5}) {
		t.Errorf("units %+v, violations %v, want all done; log:\n%.20000s", r.Units, r.Violations, trace)
	}
}

// The example that ships does what it says, twice the same.
func TestWorkDeployed(t *testing.T) {
	file, err := os.ReadFile("../../topologies/full/work-deployed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r, trace := play(t, string(file), 1)
	if len(r.Violations) > 0 || r.Units.Submitted != 7 || r.Units.Released != 7 {
		t.Errorf("units %+v, violations %v, want 7 submitted and released; log:\n%.20000s", r.Units, r.Violations, trace)
	}
	if again, _ := play(t, string(file), 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

// Streams begin and end at deployed nodes.
func TestStreamsOfDeployedNodes(t *testing.T) {
	const file = `
for: 60s
nodes: [a, {id: B, kind: deployed}, {id: C, kind: deployed}]
links: [{from: a, to: B, delay: 5ms}, {from: B, to: C, delay: 5ms, backend: udp}]
workload:
  streams:
    - {from: a, to: B, at: 8s, send: 300000, receive: 200000}
    - {from: a, to: C, at: 8s, send: 20000, receive: 3000, half_close: true, by: connect}
    - {from: B, to: a, at: 8s, send: 20000, receive: 300000, idle: 20s}
    - {from: C, to: a, at: 8s, send: 100000, receive: 20000, write_first: true}
    - {from: C, to: B, at: 8s, send: 20000, receive: 20000, half_close: true}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{5, 5}) {
		t.Errorf("streams %+v, violations %v, want all done; log:\n%.20000s", r.Streams, r.Violations, trace)
	}
}

// A deployed node has units run by ours, and by another deployed one.
func TestUnitsOfDeployedNodes(t *testing.T) {
	const file = `
for: 80s
nodes: [a, {id: B, kind: deployed}, {id: C, kind: deployed}]
links: [{from: a, to: B, delay: 5ms}, {from: B, to: C, delay: 5ms}]
workload:
  units:
    - {from: B, to: a, at: 8s, stdin: 2000, stdout: 300000, duration: 4s}
    - {from: C, to: a, at: 8s, stdin: 100000, stdout: 3000, duration: 4s, exit: 3, output: drip}
    - {from: B, to: a, at: 8s, stdout: 9000, duration: 60s, cancel_at: 15s, release_at: 25s}
    - {from: C, to: B, at: 8s, stdin: 3000, stdout: 9000, duration: 2s}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units.Submitted != 4 || r.Units.Succeeded != 2 || r.Units.Released != 4 {
		t.Errorf("units %+v, violations %v, want all done; log:\n%.20000s", r.Units, r.Violations, trace)
	}
}
