package work

import (
	"fmt"
	"time"
)

// Times of the exchanges with a remote node.
const (
	// Tries after a failure wait from retryFirst, growing by half up to
	// retryLast (PROTOCOL section 5).
	retryFirst = time.Second
	retryLast  = time.Minute
	// While results stream in, the status is asked from askFirst, growing by
	// half up to askLast: a deployed node never ends the results of a cancelled
	// unit, and a dead connection may look like a quiet one.
	askFirst = time.Second
	askLast  = 10 * time.Second
	// lostLimit is how long there may be no route to the remote node before the
	// connections to it are given up.
	lostLimit = 5 * time.Second
	// unconfirmedLimit is how long a remote node may say that a unit waits for
	// input which it was sent: its session may take that long to notice that
	// the connection broke.
	unconfirmedLimit = time.Minute
	// maxStalls is how often a complete unit's results may end, or bring
	// nothing, before the rest counts as lost.
	maxStalls = 5
)

// exchange is a kind of conversation with the remote node. At most one of each
// kind is under way.
type exchange int

const (
	exSubmit  exchange = iota // submit the unit, with its stdin
	exFollow                  // be told of its state and output as they come
	exResults                 // of a node that cannot do that: receive its output from the first missing byte on
	exStatus                  // and ask for its state
	exCancel                  // cancel it there
	exRelease                 // release it there
	exchanges
)

// backoff is the pause before a failed exchange is tried again.
type backoff struct {
	pause time.Duration
	until time.Time
}

// fail makes the pause begin, unless it has: exchanges that fail together, for
// one reason, count as one.
func (b *backoff) fail(now time.Time) {
	if now.Before(b.until) {
		return
	}
	b.pause = grow(b.pause, retryFirst, retryLast)
	b.until = now.Add(b.pause)
}

// grow returns the pause after one of d.
func grow(d, first, last time.Duration) time.Duration {
	if d == 0 {
		return first
	}
	return min(d+d/2, last)
}

// follower decides what is done about a unit on another node. It is a value
// without I/O or clock: events come in with the time at which they happened,
// and next says what follows from them.
//
//	           the remote node cannot be reached
//	          +------+
//	          v      |  accepted                 all output here
//	(new) --> submit +----------> follow --------------------> terminal
//	            |    |              ^  |  gone there               |
//	            |    | answer lost  |  +-------------------------> |
//	            |    +--> confirm --+                              |
//	            |            | never got its input                 |
//	            +------------+-----------------------------------> |
//	              refused, expired, cancelled, outcome unknown     |
//	                                                               v
//	                       (release, from any) --> released there --> gone
//
// Once a submission may have arrived it is sent again only to a node that knows
// it by its key, and for as long as that has not said that the unit is started.
// With any other node, it confirms by asking for the status, or if the remote ID
// is unknown too the unit fails.
type follower struct {
	extra  RemoteExtra
	state  State
	detail string
	have   [streams]int64 // bytes of output that are here

	// What the remote node said last, if told.
	told         bool
	remote       State
	remoteDetail string
	remoteSize   [streams]int64

	underway [exchanges]bool
	anew     [exchanges]bool // to be broken off, and begun again if still wanted
	again    [exchanges]bool // what fails is begun again without a pause
	retry    backoff

	ask         time.Time     // when the status is due
	askPause    time.Duration // the pause after that
	unconfirmed time.Time     // when it first was told that the unit has no input yet

	held   bool      // exResults waits for the answer to exStatus
	stale  bool      // the answer that exStatus will bring is older than that
	heard  time.Time // when output came last, or exResults began
	early  int       // how often it ended, with nothing, while the unit ran
	stalls int       // how often it brought nothing although the unit has ended

	trouble   string    // why output cannot be stored here
	away      string    // why the remote node cannot be reached
	lostSince time.Time // since when there is no route to it, zero if there is

	pushes        bool // the remote node knows exFollow
	dismissed     bool // the remote node does not know keys of submissions any more
	canceledThere bool // the remote node has carried out the cancel
	// abandoned: the unit is terminal here, but the remote node may still hold
	// it and is to cancel it.
	abandoned bool
	released  bool
	// forgotten: the unit is gone here. patience is how long after the release
	// was asked for that comes, zero for never.
	forgotten bool
	patience  time.Duration
}

// plan is what is to be done now.
type plan struct {
	start, stop []exchange
	// remove the unit: it is released.
	remove bool
	// forget the unit here, and go on: its node has still to release it.
	forget bool
	// idle: nothing is left to do until there is an order.
	idle bool
	// wake is when next must be called again, zero for never.
	wake time.Time
}

func (p *plan) wakeAt(t time.Time) {
	if p.wake.IsZero() || t.Before(p.wake) {
		p.wake = t
	}
}

// newFollower returns the follower of a unit as it is on disk.
func newFollower(e RemoteExtra, s Status) follower {
	return follower{extra: e, state: s.State, detail: ownDetail(e, s), have: [streams]int64{s.StdoutSize, s.StderrSize}}
}

// lasting is the extra data without what a crash may lose, until something else
// is written or somebody waits for it: what the remote node tells again, since
// it knows the unit by its key, and the release of a unit that is complete, which
// nobody has been told of yet.
func (f *follower) lasting() RemoteExtra {
	e := f.extra
	if e.keyed() && e.RemoteUnitID != "" && e.Expiration.IsZero() {
		e.RemoteStarted = false
	}
	if f.state.Terminal() && !f.abandoned {
		e.LocalReleased, e.ReleasedAt = false, time.Time{}
	}
	return e
}

// finish makes the unit terminal, unless it is.
func (f *follower) finish(s State, detail string) {
	if !f.state.Terminal() {
		f.state, f.detail = s, detail
	}
}

// abandon ends the unit here while the remote node may still hold it.
func (f *follower) abandon(detail string) {
	f.finish(Failed, detail)
	f.abandoned = true
}

// next says what follows from all that happened so far. The caller carries it
// out, saves what has changed first, and reports how each exchange ends.
func (f *follower) next(now time.Time) plan {
	var p plan
	f.giveUpLost(now, &p)
	switch {
	case f.extra.LocalReleased:
		f.nextRelease(now, &p)
		f.breakOff(&p)
		return p
	case f.settling(now, &p):
		// an exSubmit that is being broken off decides by how far it has come
	case f.needsCancel():
		f.nextCancel(now, &p)
	case f.state.Terminal():
	case f.submits():
		f.nextSubmit(now, &p)
	default:
		f.nextFollow(now, &p)
	}
	f.breakOff(&p)
	if f.state.Terminal() && !f.abandoned {
		for _, x := range p.start {
			f.underway[x] = false
		}
		p = plan{idle: true}
		f.stopAll(&p, -1)
	}
	return p
}

// submits tells whether the unit is to be submitted, maybe again.
func (f *follower) submits() bool {
	switch {
	case f.extra.RemoteStarted:
		return false
	case f.extra.RemoteUnitID == "":
		return true
	}
	return f.extra.keyed() && !f.extra.LocalCancelled
}

// breakOff stops the exchanges that are to begin anew.
func (f *follower) breakOff(p *plan) {
	for x := range exchanges {
		if f.underway[x] && f.anew[x] {
			p.stop = append(p.stop, x)
		}
	}
}

// stopAll stops every exchange but one.
func (f *follower) stopAll(p *plan, but exchange) {
	for x := range exchanges {
		if f.underway[x] && x != but {
			p.stop = append(p.stop, x)
		}
	}
}

// begin starts an exchange unless it is under way or has to wait.
func (f *follower) begin(now time.Time, p *plan, x exchange) {
	switch {
	case f.underway[x]:
	case now.Before(f.retry.until):
		p.wakeAt(f.retry.until)
	default:
		f.underway[x], f.again[x], f.anew[x] = true, false, false
		p.start = append(p.start, x)
	}
}

func (f *follower) nextRelease(now time.Time, p *plan) {
	f.stopAll(p, exRelease)
	if f.extra.ReleasedAt.IsZero() {
		f.extra.ReleasedAt = now.UTC()
	}
	at := f.extra.ReleasedAt.Add(f.patience)
	switch {
	case f.patience == 0, f.forgotten, f.released, f.underway[exSubmit]:
	case now.Before(at):
		p.wakeAt(at)
	default:
		p.forget = true
	}
	switch {
	case f.underway[exSubmit]:
		// its end tells whether there is a unit to release
	case f.released, f.extra.RemoteUnitID == "" && !f.extra.keyed():
		p.remove = true
	default:
		f.begin(now, p, exRelease)
	}
}

// settling breaks off a submission that is no longer wanted. It reports true
// while that is going on.
func (f *follower) settling(now time.Time, p *plan) bool {
	if !f.underway[exSubmit] {
		return false
	}
	if f.extra.LocalCancelled || f.expired(now) {
		p.stop = append(p.stop, exSubmit)
	} else if !f.extra.Expiration.IsZero() {
		p.wakeAt(f.extra.Expiration)
	}
	return true
}

// expired tells of a unit that should have started before now.
func (f *follower) expired(now time.Time) bool {
	e := f.extra
	return !e.Expiration.IsZero() && !e.RemoteStarted && !now.Before(e.Expiration)
}

func (f *follower) needsCancel() bool {
	return !f.canceledThere && (f.abandoned || f.extra.LocalCancelled && !f.state.Terminal())
}

func (f *follower) nextCancel(now time.Time, p *plan) {
	if f.extra.RemoteUnitID == "" && !f.extra.keyed() {
		f.finish(Failed, f.unknownDetail(detailLocally))
		f.abandoned = false
		return
	}
	f.begin(now, p, exCancel)
	switch {
	case f.state.Terminal():
		f.stopAll(p, exCancel)
	case f.extra.RemoteUnitID != "":
		f.nextFollow(now, p)
	}
}

// unknownDetail adds to the detail of a unit that ends here that it may have
// started there.
func (f *follower) unknownDetail(detail string) string {
	if f.extra.SubmitSent {
		detail += "; it is unknown whether node " + f.extra.RemoteNode + " has started it"
	}
	return detail
}

func (f *follower) nextSubmit(now time.Time, p *plan) {
	switch {
	case f.extra.SubmitSent && !f.extra.SubmitKeyed && f.dismissed:
		f.finish(Failed, f.unknownDetail(fmt.Sprintf("node %s does not know keys of submissions any more", f.extra.RemoteNode)))
	case f.extra.SubmitSent && !f.extra.SubmitKeyed:
		f.finish(Failed, fmt.Sprintf("this node stopped while it submitted the unit to node %s: "+
			"it is unknown whether it was started there", f.extra.RemoteNode))
	case f.expired(now) && f.extra.keyed():
		f.abandon(f.expiredDetail())
		f.begin(now, p, exCancel)
	case f.expired(now):
		f.finish(Failed, f.expiredDetail())
	default:
		f.begin(now, p, exSubmit)
		if !f.extra.Expiration.IsZero() {
			p.wakeAt(f.extra.Expiration)
		}
	}
}

func (f *follower) expiredDetail() string {
	return "Work unit expired on " + f.extra.Expiration.Format("Mon Jan 2 15:04:05")
}

// nextFollow receives the output and asks for the state.
func (f *follower) nextFollow(now time.Time, p *plan) {
	node := f.extra.RemoteNode
	switch {
	case f.complete():
		f.finish(f.remote, f.remoteDetail)
		return
	case f.stalls >= maxStalls:
		f.finish(Failed, fmt.Sprintf("node %s reports %d bytes of output but delivers only %d", node, f.remoteSize[outStream], f.have[outStream]))
		return
	case f.expired(now):
		f.abandon(f.expiredDetail())
		f.begin(now, p, exCancel)
		return
	case !f.extra.RemoteStarted && !f.extra.Expiration.IsZero():
		p.wakeAt(f.extra.Expiration)
	}
	if f.underway[exFollow] || f.pushes && f.extra.RemoteStarted && !f.held && !f.underway[exResults] && !f.underway[exStatus] {
		f.begin(now, p, exFollow)
		return
	}
	if f.extra.RemoteStarted && !f.held {
		if !f.underway[exResults] {
			f.heard = now
		}
		f.begin(now, p, exResults)
	}
	switch {
	case f.underway[exStatus]:
	case now.Before(f.ask) && f.ask.After(f.retry.until):
		p.wakeAt(f.ask)
	case now.Before(f.ask):
		p.wakeAt(f.retry.until)
	default:
		f.begin(now, p, exStatus)
	}
}

// complete tells whether the unit has ended and all its output is here, but for a
// stderr that the remote node tells of and has no way to send.
func (f *follower) complete() bool {
	return f.told && f.remote.Terminal() && f.have[outStream] >= f.remoteSize[outStream] &&
		(f.have[errStream] >= f.remoteSize[errStream] || !f.pushes)
}
