package check

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// diary notes what a Watcher is told.
type diary struct {
	episodes []Episode
	calm     []string
}

func (d *diary) Ended(e Episode) { d.episodes = append(d.episodes, e) }
func (d *diary) Calm(now time.Duration, calm bool) {
	d.calm = append(d.calm, fmt.Sprintf("%v %v", now, calm))
}

func watched(t *testing.T) (*twoNodes, *diary) {
	d := &diary{}
	m := &twoNodes{recorder: recorder{T: t}}
	m.Convergence = NewConvergence(2, 0, func(i int, look func(State)) { look(m.states[i]) }, m.recorder.report)
	m.Watch(d)
	m.Redrawn(0, CauseStart, linked(true), testBound)
	return m, d
}

func (d *diary) want(t *testing.T, want ...Episode) {
	t.Helper()
	if !slices.Equal(d.episodes, want) {
		t.Errorf("episodes are %+v, want %+v", d.episodes, want)
	}
}

func TestEpisodesEndWithTheNextDisturbance(t *testing.T) {
	t.Parallel()
	m, d := watched(t)
	m.pass(500 * time.Millisecond)
	m.link()
	m.Touched(700*time.Millisecond, 0)
	m.Touched(700*time.Millisecond, 1)
	m.pass(5 * time.Second)
	m.Redrawn(5*time.Second, CauseLinkLoss, linked(false), testBound)
	m.pass(8 * time.Second)
	m.Redrawn(8*time.Second, CauseHeal, linked(true), testBound)
	m.pass(10 * time.Second)
	m.End(20 * time.Second)
	d.want(t,
		Episode{CauseStart, 0, 5 * time.Second, 700 * time.Millisecond, 700 * time.Millisecond, 1},
		Episode{CauseLinkLoss, 5 * time.Second, 8 * time.Second, Never, Never, 0},
		Episode{CauseHeal, 8 * time.Second, 20 * time.Second, 0, 0, 1})
	if want := []string{"1.7s true", "5s false", "9s true"}; !slices.Equal(d.calm, want) {
		t.Errorf("calm was told as %q, want %q", d.calm, want)
	}
}

// Routes that are right do not wait for a record of a node that has gone.
func TestRoutesAreRightBeforeDatabases(t *testing.T) {
	t.Parallel()
	m, d := watched(t)
	m.link()
	m.pass(5 * time.Second)
	m.Redrawn(5*time.Second, CauseNodeLoss, linked(false), 3*time.Minute)
	for i := range m.states {
		m.states[i].routes = nil
		m.Touched(6*time.Second, i)
	}
	m.pass(10 * time.Second)
	m.part()
	m.Touched(66*time.Second, 0)
	m.Touched(66*time.Second, 1)
	m.pass(70 * time.Second)
	m.End(80 * time.Second)
	if e := d.episodes[1]; e.Routed != time.Second || e.Converged != 61*time.Second {
		t.Errorf("the episode is %+v, want routes right after 1s and all after 61s", e)
	}
}

// A link that breaks because its wire has gone does not begin an episode, unless
// the mesh was right again before.
func TestWhatFollowsBelongsToItsEpisode(t *testing.T) {
	t.Parallel()
	m, d := watched(t)
	m.Disturbed(0, CauseOther) // at the same time
	m.Disturbed(2*time.Second, CauseOther)
	m.link()
	m.Touched(3*time.Second, 0)
	m.Touched(3*time.Second, 1)
	m.pass(5 * time.Second)
	m.Disturbed(6*time.Second, CauseOther)
	m.Disturbed(6*time.Second, CauseLinkLoss)
	m.pass(8 * time.Second)
	m.End(9 * time.Second)
	d.want(t,
		Episode{CauseStart, 0, 6 * time.Second, 3 * time.Second, 3 * time.Second, 1},
		Episode{CauseLinkLoss, 6 * time.Second, 9 * time.Second, Never, Never, 0})
}
