package full

import (
	"time"

	"receptor/sim/scenario"
	"receptor/sim/skew"
)

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
