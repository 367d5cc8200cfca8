package check

import (
	"math"
	"time"

	"receptor/mesh/wire"
)

// settled is how long nothing must have changed anywhere before all changed
// nodes are looked at: looking costs time, and while updates are on their way
// most databases are wrong anyway.
const settled = time.Second

// never is later than any run.
const never = time.Duration(math.MaxInt64)

// Convergence finds out when databases and routes have become right, and
// reports those that are wrong although the mesh has been quiet for the bound,
// and an expectation that was missed.
//
// It is told of what disturbs the mesh, which begins an episode, and of nodes
// whose beliefs change; it looks at a node only when that may have changed the
// answer. An episode has converged when every node is right, and did so at the
// last change before that.
type Convergence struct {
	paths  *Paths
	bound  time.Duration
	limit  time.Duration // expected; 0: none
	state  func(node int, look func(State))
	report Report

	began   time.Duration // of the episode
	changed time.Duration // last change of a belief, or of the truth
	dirty   []bool
	wrong   []*finding
	unclear int // nodes that are dirty or wrong
	// misrouted counts the nodes of wrong with a wrong route.
	misrouted int

	settleAt  time.Duration // look at dirty nodes then
	boundAt   time.Duration // the mesh has been quiet for the bound then
	converged bool
	judged    bool // the expectation, in this episode

	episode Episode // under way
	watcher Watcher // may be nil
}

// NewConvergence returns the checker of the mesh whose nodes believe what state
// lets it look at. Everything must be right within limit of each disturbance, unless
// that is 0. It waits for the first Disturbed.
func NewConvergence(nodes int, limit time.Duration, state func(node int, look func(State)), report Report) *Convergence {
	return &Convergence{
		limit: limit, state: state, report: report, settleAt: never, boundAt: never,
		dirty: make([]bool, nodes), wrong: make([]*finding, nodes),
	}
}

// Redrawn tells that the true graph is another one now: the wires of a link
// have gone, or come back. bound holds from now on.
func (c *Convergence) Redrawn(now time.Duration, cause Cause, paths *Paths, bound time.Duration) {
	c.conclude(now)
	c.paths, c.bound = paths, bound
	c.changed, c.settleAt = now, now+settled
	for i := range c.dirty {
		c.soil(now, i)
	}
	c.begin(now, cause)
}

// Disturbed tells that something has happened that the mesh needs time for.
func (c *Convergence) Disturbed(now time.Duration, cause Cause) {
	c.conclude(now)
	c.begin(now, cause)
}

func (c *Convergence) begin(now time.Duration, cause Cause) {
	c.beginEpisode(now, cause)
	c.began, c.judged = now, false
	c.boundAt = now + c.bound
}

// conclude judges the expectation of an episode that ends late enough.
func (c *Convergence) conclude(now time.Duration) {
	if c.limit > 0 && c.paths != nil && now-c.began > c.limit && !c.judged {
		c.judge(now)
		c.expect(now)
	}
}

// Touched tells that a node's database or routes may have changed.
func (c *Convergence) Touched(now time.Duration, node int) {
	c.soil(now, node)
	c.changed, c.settleAt = now, now+settled
}

func (c *Convergence) soil(now time.Duration, node int) {
	c.setConverged(now, false)
	if !c.dirty[node] {
		c.dirty[node] = true
		if c.wrong[node] == nil {
			c.unclear++
		}
	}
}

// Due returns when Look wants to be called next. A look at the changed nodes is
// left out when one at all nodes comes soon after.
func (c *Convergence) Due() time.Duration {
	if c.boundAt-c.settleAt < settled {
		return c.boundAt
	}
	return c.settleAt
}

// Look judges the nodes. It is to be called before anything happens after Due,
// and at the end of a run.
func (c *Convergence) Look(now time.Duration) {
	if now >= c.boundAt {
		// The rare look that trusts no report of changes.
		for i := range c.dirty {
			c.soil(now, i)
		}
		c.boundAt = never
	}
	c.settleAt = never
	wrong := c.judge(now)
	if c.Quiet() {
		for _, i := range wrong {
			c.report(now, c.paths.g.ids[i], c.wrong[i].rule, "%s (the mesh has been quiet for %v, the bound is %v)",
				c.wrong[i].text, now-c.began, c.bound)
		}
	}
	c.expect(now)
}

// Release ends the expectation: what disturbs the mesh from now on may take any
// time.
func (c *Convergence) Release() { c.limit = 0 }

// Quiet reports whether the mesh has been undisturbed for the bound.
func (c *Convergence) Quiet() bool { return c.boundAt == never }

// QuietSince returns when the mesh had been undisturbed for the bound; it is of
// use only if it is quiet.
func (c *Convergence) QuietSince() time.Duration { return c.began + c.bound }

// Undisturbed returns a question for later: has the mesh, which is quiet now, been
// so all the time? It may have been disturbed, and be quiet again.
func (c *Convergence) Undisturbed() func() bool {
	since := c.QuietSince()
	return func() bool { return c.Quiet() && c.QuietSince() == since }
}

// Certain reports whether what one node sends another now must arrive, and be answered
// within a time, unless something happens in between or links lose frames: the mesh is
// quiet and right, and the other within reach.
func (c *Convergence) Certain(from, to int, answered time.Duration) bool {
	return c.converged && c.Quiet() && c.paths.Reachable(from, to) && c.paths.MaxHops(from, to) <= wire.MaxHops &&
		2*c.paths.Crossing() < answered
}

// Bound returns how long everything may take to become right after the last
// disturbance.
func (c *Convergence) Bound() time.Duration { return c.bound }

// Converged reports whether everything was right when it was last looked at,
// and since when.
func (c *Convergence) Converged() (at time.Duration, ok bool) { return c.changed, c.converged }

// judge looks at the dirty nodes and returns those of them that are wrong.
func (c *Convergence) judge(now time.Duration) (wrong []int) {
	for i, dirty := range c.dirty {
		if !dirty {
			continue
		}
		c.dirty[i] = false
		if c.wrong[i].misrouted() {
			c.misrouted--
		}
		c.wrong[i] = nil
		if !c.paths.g.left[i] {
			c.state(i, func(s State) { c.wrong[i] = c.paths.judge(i, s) })
		}
		if c.wrong[i].misrouted() {
			c.misrouted++
		}
		if c.wrong[i] == nil {
			c.unclear--
		} else {
			wrong = append(wrong, i)
		}
	}
	c.setConverged(now, c.unclear == 0)
	c.noteProgress()
	return wrong
}

// expect judges the expectation once per episode: when the mesh has converged,
// or when the time for it is over.
func (c *Convergence) expect(now time.Duration) {
	switch {
	case c.limit == 0 || c.judged:
	case c.converged:
		c.judged = true
		if took := c.changed - c.began; took > c.limit {
			c.report(now, "", RuleConverged, "the mesh took %v to converge after %v, expected were %v at most", took, c.began, c.limit)
		}
	case now-c.began > c.limit:
		c.judged = true
		for i, f := range c.wrong {
			if f != nil {
				c.report(now, c.paths.g.ids[i], RuleConverged, "%v after %v the mesh has not converged, expected were %v at most: %s",
					now-c.began, c.began, c.limit, f.text)
				return
			}
		}
	}
}
