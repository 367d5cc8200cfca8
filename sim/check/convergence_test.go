package check

import (
	"testing"
	"time"
)

// twoNodes lets a test decide what the nodes of a line a - b believe.
type twoNodes struct {
	recorder
	*Convergence
	states [2]beliefs
	looked [2]int // how often each was looked at
}

const testBound = 30 * time.Second

func newTwoNodes(t *testing.T, limit time.Duration) *twoNodes {
	m := &twoNodes{recorder: recorder{T: t}}
	m.Convergence = NewConvergence(2, limit, func(i int, look func(State)) { m.looked[i]++; look(m.states[i]) }, m.recorder.report)
	m.link()
	m.Redrawn(0, CauseStart, linked(true), testBound)
	return m
}

func linked(yes bool) *Paths {
	g := NewGraph([]string{"a", "b"})
	if yes {
		g.Link(0, 1, 1, 0)
	}
	return NewPaths(g)
}

// link and part make both nodes believe that they are linked, or alone.
func (m *twoNodes) link() {
	known := map[string]map[string]float64{"a": {"b": 1}, "b": {"a": 1}}
	m.states = [2]beliefs{
		{known: known, routes: map[string]string{"b": "b"}}, {known: known, routes: map[string]string{"a": "a"}},
	}
}

func (m *twoNodes) part() { m.states = [2]beliefs{} }

// pass lets time pass to now, with a look whenever one is due.
func (m *twoNodes) pass(now time.Duration) {
	for m.Due() <= now {
		m.Look(m.Due())
	}
}

func (m *twoNodes) wantConverged(want time.Duration) {
	m.Helper()
	if at, ok := m.Converged(); !ok || at != want {
		m.Errorf("converged is %v at %v, want %v", ok, at, want)
	}
}

func TestConvergedAtTheLastChange(t *testing.T) {
	t.Parallel()
	m := newTwoNodes(t, 0)
	m.part()
	m.pass(2 * time.Second)
	if _, ok := m.Converged(); ok {
		t.Fatal("converged while both nodes know nothing")
	}
	m.link()
	m.Touched(3*time.Second, 0)
	m.Touched(3500*time.Millisecond, 1)
	m.pass(10 * time.Second)
	m.wantConverged(3500 * time.Millisecond)
	m.pass(time.Minute)
	m.wantConverged(3500 * time.Millisecond)
	if !m.Quiet() {
		t.Error("not quiet a minute after the start")
	}
	m.want()
}

// A node that no change was reported of is not looked at again and again, but
// once the bound is over everybody is.
func TestOnlyChangedNodesAreLookedAt(t *testing.T) {
	t.Parallel()
	m := newTwoNodes(t, 0)
	m.pass(2 * time.Second)
	for i := range 5 {
		m.Touched(time.Duration(3+2*i)*time.Second, 1)
		m.pass(time.Duration(5+2*i) * time.Second)
	}
	if want := [2]int{1, 6}; m.looked != want {
		t.Errorf("nodes were looked at %v times, want %v", m.looked, want)
	}
	m.part() // nobody says so
	m.pass(time.Minute)
	m.want("30.000000s a: database: ", "30.000000s b: database: ")
}

func TestWrongAfterTheBoundIsAViolation(t *testing.T) {
	t.Parallel()
	m := newTwoNodes(t, 0)
	m.states[1].routes = nil
	m.pass(testBound - 1)
	m.want()
	m.pass(testBound)
	m.want("30.000000s b: route: it has no route to a")
	m.states[0].routes = nil
	m.Touched(40*time.Second, 0)
	m.pass(time.Minute)
	m.want("41.000000s a: route: it has no route to b")
}

func TestDisturbanceRestartsTheBound(t *testing.T) {
	t.Parallel()
	m := newTwoNodes(t, 0)
	m.states[1].routes = nil
	m.pass(20 * time.Second)
	m.Disturbed(20*time.Second, CauseOther)
	m.pass(49 * time.Second)
	m.want()
	if m.Quiet() {
		t.Error("quiet before the bound has passed again")
	}
	m.pass(50 * time.Second)
	m.want("50.000000s b: route")
}

func TestRedrawnGraphIsTheNewTruth(t *testing.T) {
	t.Parallel()
	m := newTwoNodes(t, 0)
	m.pass(40 * time.Second)
	m.Redrawn(40*time.Second, CauseLinkLoss, linked(false), testBound)
	m.pass(42 * time.Second)
	if _, ok := m.Converged(); ok {
		t.Error("converged although the nodes still believe in the link")
	}
	m.part()
	m.Touched(45*time.Second, 0)
	m.Touched(45*time.Second, 1)
	m.pass(2 * time.Minute)
	m.wantConverged(45 * time.Second)
	m.want()
}

func TestExpectedConvergence(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	t.Run("met", func(t *testing.T) {
		m := newTwoNodes(t, limit)
		m.Touched(limit, 0)
		m.pass(time.Minute)
		m.want()
	})
	t.Run("late", func(t *testing.T) {
		m := newTwoNodes(t, limit)
		m.Touched(limit+1, 0)
		m.pass(time.Minute)
		m.want("mesh: converged: the mesh took 5.000000001s")
	})
	t.Run("never", func(t *testing.T) {
		m := newTwoNodes(t, limit)
		m.part()
		m.Touched(6*time.Second, 0)
		m.pass(20 * time.Second)
		m.want("7.000000s a: converged: 7s after 0s the mesh has not converged")
	})
	t.Run("ended by a disturbance", func(t *testing.T) {
		m := newTwoNodes(t, limit)
		m.part()
		m.pass(6 * time.Second)
		m.want() // nothing has happened since the limit
		m.Disturbed(7*time.Second, CauseOther)
		m.want("7.000000s a: converged")
	})
	t.Run("a disturbance begins anew", func(t *testing.T) {
		m := newTwoNodes(t, limit)
		m.pass(3 * time.Second)
		m.Disturbed(10*time.Second, CauseOther)
		m.Touched(14*time.Second, 1)
		m.pass(time.Minute)
		m.want()
	})
	t.Run("at the end of a run", func(t *testing.T) {
		m := newTwoNodes(t, limit)
		m.part()
		m.pass(3 * time.Second)
		m.Look(6 * time.Second)
		m.want("6.000000s a: converged")
	})
}
