package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"receptor/sim/scenario"
)

// identityStep is something that puts in doubt who is who, from some time on.
type identityStep struct {
	name string
	at   func(t time.Duration) []scenario.Action
}

var identitySteps = []identityStep{
	{"join", func(t time.Duration) []scenario.Action {
		return []scenario.Action{{At: t, Do: scenario.Duplicate, Node: "b", Via: "d", For: 15 * time.Second}}
	}},
	{"restart", func(t time.Duration) []scenario.Action {
		return []scenario.Action{{At: t, Do: scenario.Crash, Node: "b", For: 300 * time.Millisecond}}
	}},
	{"old epoch", func(t time.Duration) []scenario.Action {
		return []scenario.Action{{At: t, Do: scenario.Crash, Node: "b", For: 2 * time.Second, OldEpoch: true}}
	}},
	{"clock set back", func(t time.Duration) []scenario.Action {
		return []scenario.Action{
			{At: t, Do: scenario.SetClock, Node: "b", Clock: scenario.Clock{Offset: -time.Hour}},
			{At: t, Do: scenario.Crash, Node: "b", For: time.Second},
		}
	}},
	{"heal", func(t time.Duration) []scenario.Action {
		return []scenario.Action{{At: t, Do: scenario.Split, Nodes: []string{"a", "b"}, For: 20 * time.Second}}
	}},
	{"forge", func(t time.Duration) []scenario.Action {
		return []scenario.Action{{At: t, Do: scenario.Forge, Node: "c", For: 2 * time.Second, Every: 20 * time.Millisecond}}
	}},
}

// TestIdentityIsSettled exhausts the schedules of three steps that put in doubt
// who a node is (docs/identity.md), one soon after the other, or each when the
// nodes have long been up: all end with one truth, and no node with an ID of its
// own leaves.
func TestIdentityIsSettled(t *testing.T) {
	t.Parallel()
	for _, apart := range []time.Duration{4 * time.Second, 20 * time.Minute} {
		for _, first := range identitySteps {
			t.Run(fmt.Sprintf("%s, %v apart", first.name, apart), func(t *testing.T) {
				t.Parallel()
				for _, second := range identitySteps {
					for _, third := range identitySteps {
						settles(t, apart, first, second, third)
					}
				}
			})
		}
	}
}

// settles runs one schedule on a ring with a tail.
func settles(t *testing.T, apart time.Duration, steps ...identityStep) {
	s := &scenario.Scenario{Seed: 1, For: time.Second, Expect: scenario.Expect{LostPings: -1, Converges: true}}
	for _, id := range []string{"a", "b", "c", "d"} {
		s.Nodes = append(s.Nodes, scenario.Node{ID: id})
	}
	for _, ends := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "a"}, {"c", "d"}} {
		l := scenario.Link{From: ends[0], To: ends[1], Backend: scenario.TCP, Cost: 1}
		l.Forward.Delay, l.Back.Delay = 5*time.Millisecond, 7*time.Millisecond
		s.Links = append(s.Links, l)
	}
	var names []string
	for i, step := range steps {
		names = append(names, step.name)
		s.Timeline = append(s.Timeline, step.at(time.Duration(i+1)*apart)...)
	}
	for _, a := range s.Timeline {
		s.For = max(s.For, a.At+a.For)
	}
	r, err := Run(s, s.Seed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Violations {
		t.Errorf("%s: %v", strings.Join(names, ", "), v)
	}
	if !r.Quiet || r.ConvergedAtSeconds == nil {
		t.Errorf("%s: quiet %v, converged at %v", strings.Join(names, ", "), r.Quiet, r.ConvergedAtSeconds)
	}
}

// A clock that was ahead when the run began is set right: that is back, too.
func TestClockThatWasAheadIsSetRight(t *testing.T) {
	t.Parallel()
	s := &scenario.Scenario{
		Seed: 1, For: 10 * time.Second, Expect: scenario.Expect{LostPings: -1, Converges: true},
		Nodes: []scenario.Node{{ID: "a"}, {ID: "b", Clock: scenario.Clock{Offset: time.Hour}}},
		Links: []scenario.Link{{From: "a", To: "b", Backend: scenario.TCP, Cost: 1}},
		Timeline: []scenario.Action{
			{At: 4 * time.Second, Do: scenario.SetClock, Node: "b"},
			{At: 5 * time.Second, Do: scenario.Restart, Node: "b"},
		},
	}
	r, err := Run(s, s.Seed, Options{})
	if err != nil || len(r.Violations) > 0 || r.ConvergedAtSeconds == nil {
		t.Errorf("violations %v, converged at %v, error %v, want a mesh that converges", r.Violations, r.ConvergedAtSeconds, err)
	}
}
