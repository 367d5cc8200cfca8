package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// resolved reads a file and draws what it leaves open.
func resolved(t *testing.T, text string, seed uint64) *Scenario {
	t.Helper()
	f, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Resolve(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const everyAction = `
for: 100s
nodes: [{id: a, clock: {offset: -3s, drift: 0.01}}, {id: b, firewall: [{action: Accept, fromnode: a, tonode: /b|c/,
  fromservice: x, toservice: y}, {action: drop}]}, c]
links:
  - {from: a, to: b, backend: udp, delay: 5ms, jitter: 1ms, distribution: normal, loss: 0.1, burst: 4,
     duplicate: 0.2, reorder: 0.3, corrupt: {forward: 0, back: 0.5}, bandwidth: 1.5Mbit, queue: 64kB}
  - {from: b, to: c, tls: true, bandwidth: {forward: 0bit, back: 10kbit}, queue: {forward: 0, back: 1MB}}
workload:
  services: [{node: a, name: web, at: 1s, for: 5s}, {node: b, name: db}]
timeline:
  - {at: 1s, do: down, link: [a, b], for: 3s}
  - {at: 1s, do: down, link: [b, a], one_way: true}
  - {at: 2s, do: up, link: [a, b]}
  - {at: 3s, do: flap, link: [a, b], for: 3s, every: 100ms}
  - {at: 4s, do: clog, link: [a, b], one_way: true, for: 1s}
  - {at: 5s, do: unclog, link: [a, b]}
  - {at: 6s, do: split, nodes: [a, b], for: 1s}
  - {at: 7s, do: heal}
  - {at: 8s, do: pause, node: a, for: 1s}
  - {at: 9s, do: slow, node: a, for: 1s, by: 10ms}
  - {at: 10s, do: resume, node: a}
  - {at: 11s, do: crash, node: a, for: 1s, epoch: old}
  - {at: 12s, do: restart, node: a, epoch: old}
  - {at: 13s, do: wipe, node: a, for: 1s}
  - {at: 13s, do: power-cut, node: a, for: 1s, loss: reordered, when: {op: rename, file: status, count: 2}}
  - {at: 13s, do: disk-full, node: a, for: 1s}
  - {at: 13s, do: disk-slow, node: a, for: 1s, by: 10ms}
  - {at: 13s, do: disk-errors, node: a, for: 1s, probability: 0.5}
  - {at: 13s, do: disk-lies, node: a, for: 1s}
  - {at: 14s, do: duplicate, node: a, via: c, for: 1s}
  - {at: 15s, do: clock, node: a, offset: 1h, drift: -0.1}
  - {at: 15s, do: renew, node: a, certificate: {from: -1h, until: 90s}}
  - {at: 16s, do: forge, node: a, for: 1s, every: 10ms}
  - {at: 17s, do: settle, nodes: [b, c]}
expect: {converges: true}
`

func TestEveryActionComesBackFromItsFile(t *testing.T) {
	t.Parallel()
	s := resolved(t, everyAction, 3)
	again := resolved(t, string(s.Encode("")), 3)
	if got, want := string(again.Encode("")), string(s.Encode("")); got != want {
		t.Errorf("read again it is\n%s\nwant\n%s", got, want)
	}
	seen := map[Do]bool{}
	for _, a := range s.Timeline {
		seen[a.Do] = true
	}
	for _, do := range dos() {
		if !seen[do] {
			t.Errorf("the test has no %s", do)
		}
	}
	w := s.Links[0].Forward
	want := Wire{Delay: 5 * time.Millisecond, Jitter: time.Millisecond, Shape: Normal, Loss: 0.1, Burst: 4,
		Duplicate: 0.2, Reorder: 0.3, Bandwidth: 1.5e6, Queue: 64e3}
	if w != want {
		t.Errorf("the wire is %+v, want %+v", w, want)
	}
	if c := (Clock{Offset: -3 * time.Second, Drift: 0.01}); s.Nodes[0].Clock != c || !s.Expect.Converges {
		t.Errorf("clock %+v, want %+v; converges %v", s.Nodes[0].Clock, c, s.Expect.Converges)
	}
}

func TestBadActionsAreExplained(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{
		`{at: 1s, do: down}`:                                               "down needs link",
		`{at: 1s, do: down, link: [a, b], node: a}`:                        "down takes no node",
		`{at: 1s, do: flap, link: [a, b], for: 1s}`:                        "flap needs every",
		`{at: 1s, do: flap, link: [a, b], every: 1s}`:                      "flap needs for",
		`{at: 1s, do: up, link: [a, b], for: 1s}`:                          "up takes no for",
		`{at: 1s, do: pauze, node: a}`:                                     `"pauze" is unknown (did you mean "pause"?)`,
		`{at: 1s, do: pause, node: x}`:                                     `action pause: there is no node "x"`,
		`{at: 1s, do: split, nodes: [a, x]}`:                               `action split: there is no node "x"`,
		`{at: 1s, do: duplicate, node: a, via: x}`:                         `action duplicate: via: there is no node "x"`,
		`{at: 1s, do: clock, node: a, drift: 2}`:                           `"2" is not a drift`,
		`{at: 1s, do: clock, node: a, offset: 1}`:                          `"1" is not a duration`,
		`{at: 1s, do: crash, node: a, epoch: newer}`:                       `"newer" is unknown`,
		`{at: 1s, do: down, link: [a, b], one_way: yes}`:                   `"yes" is neither true nor false`,
		`{at: 1s, do: forge, node: a, for: 9999h, every: 1ms}`:             "turns",
		`{at: 1s, do: renew}`:                                              "renew needs node",
		`{at: 1s, do: renew, node: a, for: 1s}`:                            "renew takes no for",
		`{at: 1s, do: renew, node: a, certificate: {from: 2s, until: 1s}}`: "it is valid until 1s, which is not later than from 2s",
		`{at: 1s, do: renew, node: a}`:                                     "no link, stream or unit has tls",
		`{at: 1s, do: down, link: [a, b], for: 0s}`:                        "0 can never be reached",
	} {
		_, err := Parse("f.yaml", []byte("nodes: [a, b]\nlinks: [{from: a, to: b}]\ntimeline:\n  - "+action+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f.yaml:4: ") {
			t.Errorf("%s: got %v, want %q on line 4", action, err, want)
		}
	}
}

func TestBadWiresAreExplained(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]string{
		`duplicate: 0.1`:               "neither duplicates nor reorders",
		`backend: udp, duplicate: 1.5`: `"1.5" is not a probability`,
		`burst: 0.5`:                   `"0.5" is not the mean length`,
		`bandwidth: 10`:                `"10" is not a bandwidth`,
		`bandwidth: 10bit`:             `"10bit" is not a bandwidth`,
		`queue: much`:                  `"much" is not a size`,
		`distribution: gauss`:          `"gauss" is unknown`,
		`burst: 2, loss: 0.7`:          "loss 0.7 is more than bursts of 2 frames can lose",
		`burst: 4, loss: 0.801`:        "so want 0.8 or less",
		`corrupt: 0.5, loss: 0.5`:      "leave nothing that arrives",
	} {
		_, err := Parse("f.yaml", []byte("nodes: [a, b]\nlinks:\n  - {from: a, to: b, "+wire+"}\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f.yaml:3: ") {
			t.Errorf("%s: got %v, want %q on line 3", wire, err, want)
		}
	}
}

// Whatever is drawn is a sound scenario, ends by itself, and is the same again
// for the same seed; all kinds come up, and seeds differ.
func TestDrawnFaults(t *testing.T) {
	t.Parallel()
	const text = "for: 200s\ngenerate: {kind: ring, nodes: 6}\nfaults: {from: 10s, until: 100s, rate: 0.05..0.5, duration: 10ms..30s, kinds: [%s]}\n"
	var kinds []string
	for _, k := range FaultKinds() {
		kinds = append(kinds, string(k))
	}
	file := fmt.Sprintf(text, strings.Join(kinds, ", "))
	seen, counts := map[Do]int{}, map[int]bool{}
	for seed := range uint64(100) {
		s := resolved(t, file, seed)
		if err := s.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if a, b := string(s.Encode("")), string(resolved(t, file, seed).Encode("")); a != b {
			t.Fatalf("seed %d drew two timelines", seed)
		}
		for _, a := range s.Timeline {
			seen[a.Do]++
			if a.At < 10*time.Second || a.At+a.For > 101*time.Second || actions[a.Do].lasts && a.For == 0 {
				t.Errorf("seed %d: %v is not within 10s and 100s", seed, a)
			}
		}
		counts[len(s.Timeline)] = true
	}
	for _, k := range FaultKinds() {
		if seen[k] == 0 {
			t.Errorf("%s was never drawn", k)
		}
	}
	if len(counts) < 20 {
		t.Errorf("100 seeds drew only %d different numbers of faults", len(counts))
	}
	if s := resolved(t, "nodes: [a]\nfaults: {kinds: [down, split, duplicate]}\n", 1); len(s.Timeline) != 0 {
		t.Errorf("a lone node has no links, yet drew %v", s.Timeline)
	}
	for _, k := range append(DiskKinds(), Forge) {
		if slices.Contains(DefaultFaults().Kinds, k) {
			t.Errorf("%s is drawn without having been asked for", k)
		}
	}
}

func TestServiceIsOfferedOnceAtATime(t *testing.T) {
	t.Parallel()
	for services, overlap := range map[string]bool{
		"{node: a, name: web}, {node: b, name: web}":                                                false,
		"{node: a, name: web}, {node: a, name: db}":                                                 false,
		"{node: a, name: web, for: 5s}, {node: a, name: web, at: 5s}":                               false,
		"{node: a, name: web, at: 5s}, {node: a, name: web, at: 1s, for: 4s}":                       false,
		"{node: a, name: web}, {node: a, name: web, at: 5s}":                                        true,
		"{node: a, name: web, at: 5s}, {node: a, name: web, at: 1s, for: 5s}":                       true,
		"{node: a, name: web, at: 5s, for: 9s}, {node: a, name: web, at: 6s, for: 1s}":              true,
		"{node: a, name: web, for: 1s}, {node: a, name: web, at: 1s}, {node: a, name: web, at: 2s}": true,
	} {
		_, err := Parse("f.yaml", []byte("nodes: [a, b]\nlinks: [{from: a, to: b}]\nworkload: {services: ["+services+"]}"))
		if (err != nil) != overlap || overlap && !strings.Contains(err.Error(), "service web: a offers it at ") {
			t.Errorf("%s: error %v", services, err)
		}
	}
}
