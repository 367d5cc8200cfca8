package fault

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/sim/check"
	"receptor/sim/scenario"
)

// mesh notes what is done to it.
type mesh struct {
	now  time.Duration
	due  []call
	told []string
}

type call struct {
	at time.Duration
	f  func()
}

func (m *mesh) say(format string, args ...any) {
	m.told = append(m.told, fmt.Sprintf("%v ", m.now)+fmt.Sprintf(format, args...))
}

func (m *mesh) After(d time.Duration, f func()) { m.due = append(m.due, call{m.now + d, f}) }
func (m *mesh) Do(a scenario.Action)            { m.say("%s %s", a.Do, a.Node) }
func (m *mesh) Revive(node string)              { m.say("revive %s", node) }
func (m *mesh) Begins(scenario.Action)          {}
func (m *mesh) Ends(scenario.Action)            {}
func (m *mesh) Changed(check.Cause)             {}

func (m *mesh) Inflict(a scenario.Action) (end func()) {
	m.say("%s%s", a.Do, a.Node)
	return func() { m.say("no %s%s", a.Do, a.Node) }
}

func (m *mesh) advance(to time.Duration) {
	for len(m.due) > 0 {
		slices.SortStableFunc(m.due, func(a, b call) int { return cmp.Compare(a.at, b.at) })
		if m.due[0].at > to {
			break
		}
		next := m.due[0]
		m.due = m.due[1:]
		m.now = next.at
		next.f()
	}
	m.now = to
}

func TestWhatBeginsEnds(t *testing.T) {
	link := [2]string{"a", "b"}
	for name, c := range map[string]struct {
		timeline []scenario.Action
		want     string
	}{
		"by itself":  {[]scenario.Action{{Do: scenario.Down, Link: link, For: 2 * time.Second}}, "0s down, 2s no down"},
		"by another": {[]scenario.Action{{Do: scenario.Down, Link: link}, {At: time.Second, Do: scenario.Up, Link: [2]string{"b", "a"}}}, "0s down, 1s no down"},
		"by another, once": {[]scenario.Action{{Do: scenario.Clog, Link: link, For: 2 * time.Second}, {At: time.Second, Do: scenario.Unclog, Link: link}},
			"0s clog, 1s no clog"},
		"in turns": {[]scenario.Action{{Do: scenario.Flap, Link: link, Every: time.Second, For: 1200 * time.Millisecond}},
			"0s down, 500ms no down, 1s down, 1.2s no down"},
		"by a restart": {[]scenario.Action{{Do: scenario.Crash, Node: "x", For: 2 * time.Second}, {At: time.Second, Do: scenario.Restart, Node: "x"}},
			"0s crashx, 1s restart x"},
		"never, once settled": {[]scenario.Action{{Do: scenario.Pause, Node: "y", For: 2 * time.Second}, {Do: scenario.Pause, Node: "x"},
			{At: time.Second, Do: scenario.Settle, Nodes: []string{"x"}}, {At: 2 * time.Second, Do: scenario.Down, Link: link}},
			"0s pausey, 0s pausex, 1s no pausex, 1s revive x"},
	} {
		m := new(mesh)
		f := New(m)
		for _, a := range c.timeline {
			m.advance(a.At)
			f.Act(a)
		}
		m.advance(time.Minute)
		if got := strings.Join(m.told, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestKeptDown(t *testing.T) {
	f := New(new(mesh))
	f.Act(scenario.Action{Do: scenario.Wipe, Node: "x"})
	if !f.KeptDown("x") || f.KeptDown("y") || !f.Any(scenario.Wipe) || f.Any(scenario.Crash) {
		t.Error("after x was wiped: want it alone kept down")
	}
	f.Act(scenario.Action{Do: scenario.Restart, Node: "x"})
	if f.KeptDown("x") || f.Any(scenario.Wipe) {
		t.Error("after x was restarted: want nothing kept down")
	}
}
