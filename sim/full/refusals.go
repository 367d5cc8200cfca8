package full

import (
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/skew"
	"receptor/work"
)

// judgeRefusal judges the end of a unit that had to be refused, or may have been. It
// reports whether there is no more to say of it.
func (j *judge) judgeRefusal(at time.Duration, e eventlog.Event, u scenario.Unit, f *fate) bool {
	failed, canceled := e.Text == work.Failed.String(), e.Text == work.Canceled.String() && u.CancelAt > 0
	all, any := j.expires(u, at)
	switch {
	case f.runs == 0 && (failed || canceled) && (f.trust == eventlog.Never || f.trust == eventlog.Sometimes):
		return true
	case f.trust == eventlog.Never:
		j.report(at, e.Node, check.RuleUnit, "unit %d is %s and has run %d times, although its nodes did not believe each other: want it refused", e.Unit, e.Text, f.runs)
		return true
	case f.runs == 0 && failed:
		return any
	case all:
		j.report(at, e.Node, check.RuleUnit, "unit %d is %s and has run %d times, although its signatures had expired by the clock of %s: want it refused", e.Unit, e.Text, f.runs, u.To)
	}
	return all
}

// onTheWay is how long a signature may be under way where nothing is in its way.
const onTheWay = 10 * time.Second

// expires tells of a unit that is signed whether every signature that its node made
// up to some time had expired by the clock of the other node when it came there, and
// whether any may have.
func (j *judge) expires(u scenario.Unit, until time.Duration) (all, any bool) {
	if !u.Signed {
		return false, false
	}
	for _, a := range j.scenario.Timeline {
		switch {
		case a.Do == scenario.Clog, a.Do == scenario.Pause, a.Do == scenario.Slow, a.Node == u.From, a.Node == u.To:
			return false, true // it may come late, or clocks may have been set
		}
	}
	var signer, verifier scenario.Node
	for _, n := range j.scenario.Nodes {
		switch n.ID {
		case u.From:
			signer = n
		case u.To:
			verifier = n
		}
	}
	theirs, own := skew.New(0, verifier.Clock, false), skew.New(0, signer.Clock, false)
	ahead := func(now time.Duration) time.Duration { return theirs.Shows(now) - own.Shows(now) }
	good := signer.Tokens() + scenario.TokenLeeway
	first, last := ahead(u.At), ahead(until)
	return min(first, last) > good, max(first, last)+onTheWay > good
}
