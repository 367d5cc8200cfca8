package work

import (
	"strings"
	"time"
)

// giveUpLost breaks off what waits on a node to which there has been no route
// for some time: the connections would notice only when they idle out. Those that
// are begun again fail at once, for as long as there is no route.
func (f *follower) giveUpLost(now time.Time, p *plan) {
	if f.lostSince.IsZero() {
		return
	}
	if at := f.lostSince.Add(lostLimit); now.Before(at) {
		p.wakeAt(at)
		return
	}
	f.isAway(f.lostSince, "there is no route to it")
	f.lostSince = time.Time{}
	f.beginAnew()
}

// shownDetail is the detail of the unit with what it waits for.
func (f *follower) shownDetail() string {
	switch {
	case f.state.Terminal():
		return f.detail
	case f.trouble != "":
		return f.detail + "; " + f.trouble
	case f.extra.AwaySince.IsZero():
		return f.detail
	}
	text := awayText(f.extra.RemoteNode)
	if f.away != "" {
		text += ": " + f.away
	}
	text += f.extra.AwaySince.Format(" (since 2006-01-02 15:04:05Z)")
	if !f.extra.RemoteStarted {
		return "N" + text[1:]
	}
	return f.detail + "; " + text
}

func awayText(node string) string { return "node " + node + " cannot be reached" }

// ownDetail takes from the detail of a former run what that waited for.
func ownDetail(e RemoteExtra, s Status) string {
	switch {
	case s.State.Terminal(), e.AwaySince.IsZero():
		return s.Detail
	case !e.RemoteStarted:
		return detailStarting
	}
	own, _, _ := strings.Cut(s.Detail, "; "+awayText(e.RemoteNode))
	return own
}

// reachable: there is a reason not to wait any longer, also after exchanges
// that are under way and may be about to fail for the old reason.
func (f *follower) reachable() {
	f.retry = backoff{}
	f.again = f.underway
}

// rejoined: there is a route to the remote node after there was none. It may
// have restarted, and knows nothing then of the connections that exchanges wait
// on; those would notice only when they idle out. Not so exSubmit, which must
// not be sent again, unless it has a key.
func (f *follower) rejoined(now time.Time) {
	f.reachable()
	f.lostSince = time.Time{}
	f.beginAnew()
	if f.extra.RemoteStarted {
		f.ask = now
	}
}

// beginAnew breaks off what is under way and can be begun again. exFollow begins
// anew when the session ends that it shares with other units.
func (f *follower) beginAnew() {
	for x := range exchanges {
		f.anew[x] = f.underway[x] && x != exFollow && (x != exSubmit || f.extra.keyed())
	}
}

// lost: there is no route to the remote node any more.
func (f *follower) lost(now time.Time) {
	if f.lostSince.IsZero() {
		f.lostSince = now
	}
}

// unreached is how an exchange ends that could not reach the remote node.
type unreached struct{ error }

// Unwrap makes the reason known.
func (e *unreached) Unwrap() error { return e.error }

// isAway puts on record that the remote node cannot be reached.
func (f *follower) isAway(since time.Time, why string) {
	if f.extra.AwaySince.IsZero() {
		f.extra.AwaySince = since.UTC().Truncate(time.Second)
	}
	f.away = why
}
