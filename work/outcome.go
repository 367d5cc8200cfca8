package work

import (
	"errors"
	"fmt"
	"time"
)

// errStopped is how an exchange ends that was broken off from here.
var errStopped = errors.New("broken off")

// refusal is an answer of the remote node that is an error.
type refusal struct {
	node, text string
	// unknown: there is no such unit there.
	unknown bool
	// again: it has the unit, but did not get all input, or believe the signature now, and
	// the unit is to be submitted again.
	again bool
}

func (e *refusal) Error() string { return fmt.Sprintf("error from node %s: %s", e.node, e.text) }

// errGoesOn is how a release ends that the remote node is still about: not all
// processes of the unit have ended.
var errGoesOn = errors.New("the release is still pending there")

// submission is how far an exSubmit has come when it ended.
type submission struct {
	// sent: the command may have reached the remote node.
	sent bool
	// again: so may have the one of an earlier submission.
	again bool
	// inputSent: all of stdin, and its end.
	inputSent bool
	// broken: the session broke in the course of it.
	broken bool
	// err is nil when the remote node has started the unit, or will by itself.
	err error
}

// errNoKeys is how a submission ends that was sent before to a node that knew
// keys of submissions, but does not any more: it has been replaced by an older
// program.
var errNoKeys = errors.New("the node does not know keys of submissions any more")

// otherUnit is how a submission ends for which the node has made another unit
// than it had: it has lost that one.
type otherUnit struct{ id string }

func (e *otherUnit) Error() string {
	return "the node has lost the unit, and made unit " + e.id + " of the same submission"
}

// named: the remote node has created the unit. keyed: it will know it again by
// the key of its submission.
func (f *follower) named(id string, keyed bool) {
	f.extra.RemoteUnitID = id
	f.extra.SubmitKeyed = keyed
	f.reached()
}

// reached: the remote node has answered.
func (f *follower) reached() {
	if f.trouble == "" {
		f.retry = backoff{}
	}
	f.extra.AwaySince, f.away = time.Time{}, ""
}

// submitted: exSubmit has ended.
func (f *follower) submitted(now time.Time, o submission) {
	f.underway[exSubmit] = false
	node := f.extra.RemoteNode
	var refused *refusal
	var other *otherUnit
	var taken *takenName
	switch {
	case o.err == nil:
		f.extra.RemoteStarted = true
		f.reached()
		f.ask = now
	case errors.As(o.err, &refused) && !refused.again:
		if !o.again && f.extra.RemoteUnitID == "" {
			// The node has nothing of the unit, and need not release it.
			f.extra.SubmitSent, f.extra.SubmitKeyed = false, false
		}
		f.finish(Failed, refused.Error())
	case errors.Is(o.err, errNoKeys):
		f.extra.SubmitKeyed, f.dismissed = false, true // next says what this means
	case errors.As(o.err, &other):
		f.extra.RemoteUnitID = other.id // which is to go, too
		f.abandon(detailGone)
	case errors.As(o.err, &taken):
		f.finish(Failed, f.unknownDetail(taken.Error()))
	case !o.sent && !f.extra.keyed() && errors.Is(o.err, ErrTLS):
		f.finish(Failed, fmt.Sprintf("TLS error connecting to node %s: %v", node, o.err))
	case !o.sent && !o.again:
		f.extra.SubmitSent, f.extra.SubmitKeyed = false, false
		f.failed(now, exSubmit, o.err)
	case f.extra.keyed():
		f.failed(now, exSubmit, o.err)
	case f.extra.RemoteUnitID == "" && f.extra.LocalCancelled:
		// nextCancel says what this means
	case f.extra.RemoteUnitID == "":
		f.finish(Failed, fmt.Sprintf("the connection to node %s broke before it named the unit, "+
			"and it is unknown whether it was started there: %v", node, o.err))
	case o.inputSent:
		f.ask = now
		f.failed(now, exSubmit, o.err)
	case f.extra.LocalCancelled:
		f.abandon(detailLocally)
	case f.expired(now):
		f.abandon(f.expiredDetail())
	default:
		f.abandon(fmt.Sprintf("the connection to node %s broke before it had all input: %v", node, o.err))
	}
}

// opened: the remote node has begun to send the output.
func (f *follower) opened() {
	f.reached()
}

// received: n more bytes of output are here.
func (f *follower) received(now time.Time, s stream, n int64) {
	f.have[s] += n
	f.heard = now
	f.stalls, f.early = 0, 0
}

// delivers: the remote node has output of the unit. It has told before what the unit
// is in, unless that has ended.
func (f *follower) delivers() {
	if f.state == Pending {
		f.state, f.detail = Running, detailRest
	}
}

// pushed: the remote node tells of the unit's state in the course of exFollow.
func (f *follower) pushed(now time.Time, s followState) {
	f.reached()
	told := Status{State: s.State, Detail: s.Detail, StdoutSize: s.Size}
	if s.ErrSize != nil {
		told.StderrSize, f.extra.StderrApart = *s.ErrSize, true
	}
	f.tell(now, told)
}

// followEnded: exFollow has ended; err is nil when all output is here.
func (f *follower) followEnded(now time.Time, err error) {
	f.underway[exFollow] = false
	var refused *refusal
	var damaged *damage
	switch {
	case err == nil, errors.Is(err, errStopped):
	case errors.As(err, &refused) && refused.unknown:
		f.finish(Failed, detailGone)
	case errors.As(err, &damaged):
		f.finish(Failed, damaged.Error())
	default:
		f.failed(now, exFollow, err)
	}
}

// stored: this node could store output.
func (f *follower) stored() {
	if f.trouble != "" {
		f.trouble, f.retry = "", backoff{}
	}
}

// notBegun: an exchange that was to begin could not, for want of a place for what
// it brings.
func (f *follower) notBegun(now time.Time, x exchange, err error) {
	f.underway[x] = false
	f.failed(now, x, err)
}

// unstored: of the output, only so much is safe here.
func (f *follower) unstored(now time.Time, safe [streams]int64, err error) {
	f.have = safe
	f.trouble = err.Error()
	for _, x := range []exchange{exResults, exFollow} {
		f.anew[x] = f.underway[x]
	}
	f.retry.fail(now)
}

// resultsEnded: exResults has ended; err is nil when the remote node ended it.
func (f *follower) resultsEnded(now time.Time, err error) {
	f.underway[exResults] = false
	var refused *refusal
	switch {
	case err == nil:
		// A lost connection may look the same: only the status can tell.
		f.held = true
		f.ask = now
		f.stale = f.underway[exStatus]
	case errors.Is(err, errStopped):
	case errors.As(err, &refused) && refused.unknown:
		f.finish(Failed, detailGone)
	default:
		f.failed(now, exResults, err)
	}
}

// statusEnded: exStatus has ended, with an answer or an error.
func (f *follower) statusEnded(now time.Time, s Status, err error) {
	f.underway[exStatus] = false
	var refused *refusal
	switch {
	case err == nil:
		f.askPause = grow(f.askPause, askFirst, askLast)
		f.ask = now.Add(f.askPause)
		f.reached()
		if s.StderrSize > 0 {
			// It comes with exFollow alone, so this node knows that, even if its
			// advertisement is still on its way.
			f.pushes = true
		}
		f.tell(now, s)
	case errors.Is(err, errStopped):
	case errors.As(err, &refused) && refused.unknown:
		f.finish(Failed, detailGone)
	default:
		f.failed(now, exStatus, err)
	}
}

// tell takes in what the remote node says about the unit.
func (f *follower) tell(now time.Time, s Status) {
	f.told, f.remote, f.remoteDetail = true, s.State, s.Detail
	f.remoteSize = [streams]int64{s.StdoutSize, s.StderrSize}
	if !f.extra.RemoteStarted && !f.confirm(now, s) {
		return
	}
	switch {
	case !s.State.Terminal() && f.state.canBecome(s.State):
		f.state, f.detail = s.State, s.Detail
	case s.State.Terminal() && !f.complete():
		f.delivers()
	}
	behind := s.StdoutSize > f.have[outStream]
	stale := f.stale
	f.stale = false
	switch {
	case stale && !s.State.Terminal():
		f.ask = now
	case f.held && !s.State.Terminal():
		f.held = false
		if f.early++; f.early > 1 {
			f.retry.fail(now)
		}
	case f.held:
		// It has ended, and so had the results: what is missing comes now.
		f.held = false
		f.stalls++
	case f.underway[exResults] && behind && now.Sub(f.heard) >= askLast:
		f.anew[exResults] = true
		if s.State.Terminal() {
			f.stalls++
		}
	}
}

// confirm decides about a unit whose submission got no answer, and reports
// whether the remote node has started it.
func (f *follower) confirm(now time.Time, s Status) bool {
	waits := s.State == Pending && (s.Detail == detailWaiting || s.Detail == detailCreated)
	switch {
	case !waits:
		f.extra.RemoteStarted = true
	case f.unconfirmed.IsZero():
		f.unconfirmed = now
	case now.Sub(f.unconfirmed) > unconfirmedLimit:
		f.abandon(fmt.Sprintf("node %s never had all input of the unit", f.extra.RemoteNode))
	}
	return f.extra.RemoteStarted
}

// ordered: exCancel or exRelease has ended. id is the name of the unit there, if
// the remote node has one.
func (f *follower) ordered(now time.Time, x exchange, id string, err error) {
	f.underway[x] = false
	var refused *refusal
	isRefusal := errors.As(err, &refused)
	switch {
	case errors.Is(err, errStopped):
	case errors.Is(err, errGoesOn):
		f.reached()
		f.retry.fail(now)
	case err != nil && !isRefusal:
		f.failed(now, x, err)
	case x == exRelease && (err == nil || refused.unknown):
		f.released = true
	case x == exRelease && f.forgotten:
		f.retry.fail(now) // nobody is left who could order it again
	case x == exRelease: // one that is refused is off
		f.extra.LocalReleased, f.extra.ReleasedAt = false, time.Time{}
	case err == nil && id == "":
		f.canceledThere, f.abandoned = true, false
		f.finish(Failed, detailLocally)
	case err == nil:
		f.extra.RemoteUnitID = id
		f.canceledThere, f.abandoned = true, false
		f.reached()
		f.ask = now
	case refused.unknown:
		f.canceledThere, f.abandoned = true, false
		f.finish(Failed, detailGone)
	case f.extra.RemoteUnitID == "":
		// It does not know keys of submissions any more.
		f.canceledThere, f.abandoned = true, false
		f.finish(Failed, f.unknownDetail(detailLocally))
	default:
		f.abandoned = false
		f.extra.LocalCancelled = false // one that is refused is off
	}
}

// failed: the remote node was not reached, or the connection broke.
func (f *follower) failed(now time.Time, x exchange, err error) {
	if errors.Is(err, errStopped) {
		return
	}
	var away *unreached
	var here *unstored
	switch {
	case errors.As(err, &here):
		f.trouble = err.Error()
	case errors.As(err, &away), x == exSubmit, f.retry.pause > 0:
		f.isAway(now, err.Error())
	} // else it may have been just the connection
	if f.again[x] {
		f.again[x] = false
		return
	}
	f.retry.fail(now)
}
