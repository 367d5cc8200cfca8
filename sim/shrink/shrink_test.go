package shrink

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim/scenario"
)

// ring is a ring of n nodes on which a lot happens: 200 actions, lossy links,
// and a busy workload.
func ring(n int) *scenario.Scenario {
	s := &scenario.Scenario{Seed: 1, For: 5 * time.Minute, Expect: scenario.Expect{LostPings: 3, ConvergedWithin: time.Minute, Converges: true}}
	id := func(i int) string { return fmt.Sprintf("n%02d", i%n) }
	for i := range n {
		node := scenario.Node{ID: id(i), Clock: scenario.Clock{Offset: time.Hour}}
		if i%2 == 0 {
			node.Firewall = []scenario.Rule{{Action: "drop", ToNode: "x"}, {Action: "reject", ToNode: id(i + 1)}}
		} else {
			node.Kind = scenario.KindDeployed
		}
		s.Nodes = append(s.Nodes, node)
		l := scenario.Link{From: id(i), To: id(i + 1), Backend: scenario.UDP, Cost: float64(1 + i)}
		l.Forward = scenario.Wire{Delay: 7300 * time.Microsecond, Jitter: time.Millisecond, Shape: scenario.Normal, Loss: 0.1}
		l.Back = scenario.Wire{Delay: time.Millisecond, Reorder: 0.1}
		s.Links = append(s.Links, l)
		ping := scenario.Ping{From: id(i), To: id(i + 2), At: time.Second, Every: 100 * time.Millisecond, Count: 100}
		s.Pings = append(s.Pings, ping)
		s.Datagrams = append(s.Datagrams, scenario.Datagram{Ping: ping, Size: 100, Hops: 3})
		s.Services = append(s.Services, scenario.Service{Node: id(i), Name: "web", At: time.Second, For: time.Minute})
	}
	for i := range 200 {
		a := scenario.Action{At: time.Duration(i)*time.Second + 123*time.Millisecond, For: 3217 * time.Millisecond}
		switch i % 3 {
		case 0:
			a.Do, a.Link, a.OneWay = scenario.Down, [2]string{id(i), id(i + 1)}, true
		case 1:
			a.Do, a.Node = scenario.Pause, id(i)
		case 2:
			a.Do, a.Nodes = scenario.Split, []string{id(i), id(i + 1)}
		}
		s.Timeline = append(s.Timeline, a)
	}
	return s
}

// shrunk checks what must be true of every result, and returns it.
func shrunk(t *testing.T, s *scenario.Scenario, fails func(*scenario.Scenario) bool) *scenario.Scenario {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if !fails(s) {
		t.Fatal("the scenario to shrink does not fail")
	}
	before := string(s.Encode(""))
	got, runs := Scenario(s, fails, Options{})
	if string(s.Encode("")) != before {
		t.Error("the scenario that was given has been changed")
	}
	if err := got.Check(); err != nil || !fails(got) {
		t.Errorf("the result is not one that fails (%v):\n%s", err, got.Encode(""))
	}
	if runs >= DefaultRuns {
		t.Errorf("%d runs were not enough", runs)
	}
	again, _ := Scenario(s, fails, Options{})
	if string(again.Encode("")) != string(got.Encode("")) {
		t.Errorf("the same scenario was shrunk in two ways:\n%s\n%s", got.Encode(""), again.Encode(""))
	}
	return got
}

func TestUnitsAndStreams(t *testing.T) {
	t.Parallel()
	s := ring(6)
	for i := range 5 {
		s.Units = append(s.Units, scenario.Unit{From: "n00", To: fmt.Sprintf("n%02d", i+1), At: time.Second, Stdin: 900, Stdout: 80000, Duration: time.Minute, Exit: 3,
			CancelAt: time.Minute, ReleaseAt: time.Hour, Children: 2, IgnoreSIGINT: true, Signed: true, TLS: scenario.BothTLS, Output: scenario.Drip})
		s.Streams = append(s.Streams, scenario.Stream{From: "n00", To: "n02", Send: 70000, Receive: 3, Idle: time.Second})
	}
	got := shrunk(t, s, func(s *scenario.Scenario) bool {
		return slices.ContainsFunc(s.Units, func(u scenario.Unit) bool { return u.To == "n03" && u.Stdout >= 1000 })
	})
	want := scenario.Unit{From: "n00", To: "n03", Stdout: 1000, Output: scenario.Steady}
	if len(got.Nodes) != 2 || len(got.Streams) != 0 || len(got.Units) != 1 || got.Units[0] != want {
		t.Errorf("what is left:\n%s", got.Encode(""))
	}
}

func TestFindsTheGuiltyActions(t *testing.T) {
	t.Parallel()
	guilty := func(s *scenario.Scenario) bool {
		down, paused := false, false
		for _, a := range s.Timeline {
			down = down || a.Do == scenario.Down && a.Link == [2]string{"n06", "n07"} && a.For > 2*time.Second
			paused = paused || a.Do == scenario.Pause && a.Node == "n01"
		}
		return down && paused
	}
	got := shrunk(t, ring(10), guilty)
	const want = `seed: 1
for: 1s
nodes: [n01, n06, n07]
links:
  - {from: n06, to: n07, cost: 1}
timeline:
  - {at: 0s, do: pause, node: n01}
  - {at: 0s, do: down, link: [n06, n07], for: 2.1s}
`
	if text := string(got.Encode("")); text != want {
		t.Errorf("shrunk to\n%s\nwant\n%s", text, want)
	}
}

// A way round is made shorter, not only thinned out.
func TestKeepsACycle(t *testing.T) {
	t.Parallel()
	cycle := func(s *scenario.Scenario) bool {
		links := make(map[string]int)
		for _, l := range s.Links {
			links[l.From]++
			links[l.To]++
		}
		return len(s.Links) >= len(s.Nodes) && len(s.Links) > 0 && !slices.ContainsFunc(s.Nodes, func(n scenario.Node) bool { return links[n.ID] < 2 })
	}
	got := shrunk(t, ring(12), cycle)
	if len(got.Nodes) != 3 || len(got.Links) != 3 || len(got.Timeline)+len(got.Pings)+len(got.Datagrams)+len(got.Services) > 0 {
		t.Errorf("shrunk to\n%s", got.Encode(""))
	}
}

// Numbers go as near to their plainest value as the failure lets them, and to
// one that can be read.
func TestLowersNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fails func(*scenario.Scenario) bool
		want  []string
	}{
		{func(s *scenario.Scenario) bool { return s.For > 90*time.Second }, []string{"for: 1m3", "nodes: [n"}},
		{func(s *scenario.Scenario) bool { return len(s.Pings) > 0 && s.Pings[0].Count >= 17 }, []string{"count: 17}", "every: 1s"}},
		{func(s *scenario.Scenario) bool { return len(s.Datagrams) > 0 && s.Datagrams[0].Size > 20 }, []string{"size: 21", "hops: 30"}},
		{func(s *scenario.Scenario) bool { return len(s.Links) > 0 && s.Links[0].Forward.Loss > 0.02 }, []string{"loss: {forward: 0.0", "cost: 1,"}},
		{func(s *scenario.Scenario) bool { return len(s.Links) > 0 && s.Links[0].Back.Reorder > 0 }, []string{"backend: udp", "reorder: {"}},
		{func(s *scenario.Scenario) bool { return s.Nodes[0].Clock.Offset > time.Minute }, []string{"offset: 1m1s", "nodes: [{id: n00, clock"}},
		{func(s *scenario.Scenario) bool {
			return slices.ContainsFunc(s.Nodes, func(n scenario.Node) bool {
				return slices.ContainsFunc(n.Firewall, func(r scenario.Rule) bool { return r.Action == "reject" })
			})
		}, []string{"reject"}},
		{func(s *scenario.Scenario) bool { return s.Expect.ConvergedWithin > 0 }, []string{"converged_within: 1m0s"}},
		{func(s *scenario.Scenario) bool { return len(s.Services) > 0 && s.Services[0].For > 0 }, []string{"for: 1ms}"}},
	} {
		text := string(shrunk(t, ring(5), c.fails).Encode(""))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("there is no %q in\n%s", want, text)
			}
		}
	}
}

func TestRunsAreBounded(t *testing.T) {
	t.Parallel()
	ran, told := 0, 0
	fails := func(*scenario.Scenario) bool { ran++; return ran%2 == 1 }
	got, runs := Scenario(ring(10), fails, Options{Runs: 37, Progress: func(runs int, best *scenario.Scenario) {
		if told++; runs != told || best == nil {
			t.Errorf("progress tells of run %d, it is run %d", runs, told)
		}
	}})
	if runs != 37 || ran != 37 || told != 37 || len(got.Nodes) == 10 {
		t.Errorf("%d runs, %d calls, %d reports, %d nodes left; want 37 of each, and fewer than 10 nodes", runs, ran, told, len(got.Nodes))
	}
}

// What is known not to fail is not run again.
func TestNothingIsRunTwice(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	fails := func(s *scenario.Scenario) bool {
		text := string(s.Encode(""))
		if seen[text] {
			t.Errorf("run twice:\n%s", text)
		}
		seen[text] = true
		return len(s.Links) >= 3
	}
	Scenario(ring(6), fails, Options{})
}
