package check

import "time"

// Cause is what an episode began with.
type Cause string

// Causes, in the order in which reports list them.
const (
	CauseStart    Cause = "start"
	CauseLinkLoss Cause = "link loss"
	CauseNodeLoss Cause = "node loss"
	CauseHeal     Cause = "heal"
	CauseOther    Cause = "other"
)

// Causes returns all of them, in order.
func Causes() []Cause {
	return []Cause{CauseStart, CauseLinkLoss, CauseNodeLoss, CauseHeal, CauseOther}
}

// Episode is the time from one disturbance to the next, or to the end of the
// run. A disturbance of CauseOther, such as a link that broke because its wire
// had gone, is part of the episode that it falls into unless that has converged.
type Episode struct {
	Cause        Cause
	Began, Ended time.Duration
	// Routed is how long it took from Began until every next hop was right, and
	// Converged until every database was right too; Never if that was not seen.
	// A mesh is looked at when nothing has changed in it for a second.
	Routed, Converged time.Duration
	// Longest is how many links the longest route has, once Routed: the most on
	// any least-cost path.
	Longest int
}

// Never is the time of what did not happen in an episode.
const Never time.Duration = -1

// Watcher is told what Convergence finds out. It must not call back.
type Watcher interface {
	// Ended takes an episode that is over.
	Ended(Episode)
	// Calm tells that everything is right from now on, as far as is known, or no
	// longer.
	Calm(now time.Duration, calm bool)
}

// Watch sets who is told; to be called before anything else.
func (c *Convergence) Watch(w Watcher) { c.watcher = w }

// End ends the last episode, with the run.
func (c *Convergence) End(now time.Duration) { c.endEpisode(now) }

// beginEpisode ends the episode before, unless this disturbance is part of it.
func (c *Convergence) beginEpisode(now time.Duration, cause Cause) {
	e := &c.episode
	switch {
	case e.Cause != "" && cause == CauseOther && e.Converged == Never:
		return
	case e.Cause != "" && e.Began == now && e.Cause != CauseOther:
		return // several at once: the first names them all
	}
	c.endEpisode(now)
	c.episode = Episode{Cause: cause, Began: now, Routed: Never, Converged: Never}
}

func (c *Convergence) endEpisode(now time.Duration) {
	e := c.episode
	if c.watcher == nil || e.Cause == "" || e.Began == now {
		return
	}
	e.Ended = now
	c.watcher.Ended(e)
}

// noteProgress is called when no node is dirty.
func (c *Convergence) noteProgress() {
	e := &c.episode
	took := max(0, c.changed-e.Began)
	if c.misrouted == 0 && e.Routed == Never {
		e.Routed, e.Longest = took, c.paths.longest
	}
	if c.converged && e.Converged == Never {
		e.Converged = took
	}
}

// setConverged tells the watcher when the answer changes.
func (c *Convergence) setConverged(now time.Duration, yes bool) {
	if c.converged != yes && c.watcher != nil {
		c.watcher.Calm(now, yes)
	}
	c.converged = yes
}
