package work

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"receptor/control"
)

// remote is a unit that another node runs. Each exchange with that node has a
// goroutine while it lasts; all of them report to the follower under mu, which
// says what comes next.
type remote struct {
	*unit
	// target is the extra data at first. Its node, work type, parameters, TLS
	// client and SignWork never change, so they may be read without mu.
	target RemoteExtra
	// hides: its parameters cannot be shown as they are.
	hides bool
	f     follower
	// stops breaks off the exchanges that are under way.
	stops [exchanges]context.CancelCauseFunc
	sinks [streams]sink
	// lasting is what the disk has of follower.lasting. lags: what is shown is more
	// than what the disk has.
	lasting []byte
	lags    bool
	// pulling is the exFollow that is under way.
	pulling *pull
	// peer is kept from one question for the status to the next. It belongs to
	// exStatus while that is under way.
	peer *control.Client
	// mark is that of stdin, once it is known.
	mark *stdinMark
	// trouble is the latest RemoteProblem, unless an exchange has ended well since.
	trouble string
	alarm   alarm
}

func newRemote(u *unit, f follower) *remote {
	r := &remote{unit: u, target: f.extra, f: f}
	for s := range streams {
		r.sinks[s].synced = f.have[s]
	}
	r.hides = r.target.hides()
	r.f.patience = u.m.patience
	r.lasting = mustJSON(r.f.lasting())
	r.alarm = alarm{unit: r, index: -1}
	r.announce()
	return r
}

// announce publishes what the follower knows and no status says. It requires mu.
func (r *remote) announce() {
	e := r.f.extra
	told := r.f.told || e.RemoteStarted && !r.f.pushes
	if s := r.load(); s.started != e.RemoteStarted || s.told != told || s.stderrApart != e.StderrApart {
		r.publish(func(v *snapshot) { v.started, v.told, v.stderrApart = e.RemoteStarted, told, e.StderrApart })
	}
}

// newRemoteStatus is the status of a remote unit that waits for its stdin.
func newRemoteStatus(e RemoteExtra) Status {
	return Status{State: Pending, Detail: detailWaiting, WorkType: remoteType, ExtraData: mustJSON(e)}
}

// restoreRemote makes a remote unit of what is on disk. Only output that a
// status accounts for was synced: the rest is fetched again.
func restoreRemote(u *unit) (*remote, error) {
	s := u.load().status
	var e *RemoteExtra
	err := json.Unmarshal(s.ExtraData, &e)
	if err == nil && (e == nil || e.RemoteNode == "") {
		err = errors.New("no RemoteNode")
	}
	if err != nil {
		return nil, &badStatus{fmt.Errorf("the ExtraData of a remote unit are unusable: %w", err)}
	}
	if u.lacksOutput(s, *e) {
		if s, err = u.reopen(s); err != nil {
			return nil, err
		}
	}
	r := newRemote(u, newFollower(*e, s))
	if e.RemoteUnitID != "" {
		if err := r.takeName(e.RemoteUnitID); err != nil {
			return nil, &badStatus{err}
		}
	}
	return r, nil
}

func (r *remote) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s := r.load().status; {
	case s.State.Terminal() && !r.f.extra.LocalReleased:
		return
	case waitsForInput(s, r.f.extra) && r.of.Key != "":
		return // its client comes back with the rest of it
	case waitsForInput(s, r.f.extra):
		// Its client never heard that all input had arrived.
		r.f.finish(Failed, detailAtRestart)
	}
	if !r.f.forgotten {
		if err := r.openOutput(); err != nil {
			r.m.emit(UnitProblem{Unit: r.id, Err: err})
		}
	}
	r.act()
}

// waitsForInput tells of a unit whose stdin is not all here.
func waitsForInput(s Status, e RemoteExtra) bool {
	return !s.State.Terminal() && (s.Detail == detailWaiting || s.Detail == detailCreated) &&
		!e.SubmitSent && e.RemoteUnitID == ""
}

func (r *remote) needsInput() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return waitsForInput(r.load().status, r.f.extra)
}

func (r *remote) inputComplete(ctx context.Context) (pending bool, err error) {
	seen, err := r.startFollowing()
	if err != nil {
		return false, err
	}
	s, err := r.await(ctx, func(s *snapshot) bool {
		return s.released || s.started || s.status.State.Terminal() || s.setbacks > seen
	})
	switch {
	case err != nil: // the node stops
	case s.released:
		return false, unknownUnit(r.id)
	case s.started: // the disk has more than that its stdin is complete
		return false, nil
	case s.status.State.Terminal():
		return false, errors.New(s.status.Detail)
	}
	return true, r.keepInput()
}

// keepInput puts on record that all stdin is here, so that the unit will be
// submitted after a crash, too.
func (r *remote) keepInput() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f.extra.SubmitSent { // it was on record before that
		return nil
	}
	r.flush()
	if err := r.unsaved; err != nil && !r.closed { // its client must not be told that it is safe
		r.f.finish(Failed, fmt.Sprintf("Error starting worker: %v", err))
		r.act()
		return err
	}
	return nil
}

// startFollowing has a new unit submitted. It returns the number of setbacks
// before.
func (r *remote) startFollowing() (setbacks int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.load()
	switch {
	case r.closed:
		return 0, r.closedError()
	case s.status.State.Terminal() && !s.started:
		return 0, fmt.Errorf("work unit %s was not started: %s", r.id, s.status.Detail)
	case !waitsForInput(s.status, r.f.extra):
		return s.setbacks, r.unsaved // another session of the same submission was first
	}
	if err := r.openOutput(); err != nil {
		return 0, err
	}
	r.f.detail = detailStarting
	r.act()
	return s.setbacks, nil
}

func (r *remote) fail(detail string) {
	r.step(func(time.Time) { r.f.finish(Failed, detail) })
}

// step lets something happen to the follower and carries out what follows.
func (r *remote) step(happen func(now time.Time)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	happen(r.m.clock.Now())
	r.act()
}

func (r *remote) wake() { r.step(func(time.Time) {}) }

// nodeReachable tells that the remote node has been away and is back. Sessions
// from before are worth nothing, also the one that is kept for questions.
func (r *remote) nodeReachable() {
	r.step(func(now time.Time) {
		r.f.rejoined(now)
		if r.peer != nil {
			r.peer.Close()
			r.peer = nil
		}
	})
}

// act asks the follower what to do and does it. It requires mu.
func (r *remote) act() {
	r.f.pushes = r.m.pushes(r.target.RemoteNode, r.f.pushes)
	if r.f.complete() {
		r.syncOutput() // or else it is not
	}
	p := r.f.next(r.m.clock.Now())
	for _, x := range p.stop {
		if stop := r.stops[x]; stop != nil {
			stop(errStopped)
		}
	}
	// What the remote node is told follows from what is on disk.
	r.record()
	r.announce()
	for _, x := range p.start {
		if err := r.readyFor(x); err != nil {
			r.f.notBegun(r.m.clock.Now(), x, err)
			p.wakeAt(r.f.retry.until)
			continue
		}
		r.begin(x)
	}
	if p.remove {
		if !r.gone() {
			r.f.retry.fail(r.m.clock.Now())
			r.m.expect(r, r.target.RemoteNode, r.f.retry.until)
		}
		return
	}
	if p.forget {
		r.forget()
	}
	switch {
	case r.unsaved != nil:
		p.wakeAt(r.m.clock.Now().Add(retryPause))
	case p.idle:
		r.rest()
		return
	}
	r.m.expect(r, r.target.RemoteNode, p.wake)
}

// record shows the status if it has changed, and writes it if a crash would lose
// what has, or the disk did not take it before. It requires mu.
func (r *remote) record() {
	old, s := r.load().status, r.status()
	if r.unsaved == nil && s.State == old.State && s.Detail == old.Detail && bytes.Equal(s.ExtraData, old.ExtraData) {
		return
	}
	ends := s.State.Terminal() && !old.State.Terminal()
	if ends || r.unsaved != nil || !bytes.Equal(r.lasting, mustJSON(r.f.lasting())) {
		r.write(s)
		return
	}
	r.lags = true
	r.publish(func(v *snapshot) { v.adopt(s) })
}

// status is what the follower makes of the status. It requires mu.
func (r *remote) status() Status {
	s := r.load().status
	s.State, s.Detail, s.ExtraData = r.f.state, r.f.shownDetail(), mustJSON(r.f.extra)
	return s
}

// write writes a status. It requires mu.
func (r *remote) write(s Status) {
	if !r.load().status.State.Terminal() {
		r.syncOutput()
		s.StdoutSize, s.StderrSize = r.sinks[outStream].synced, r.sinks[errStream].synced
	}
	if _ = r.save(s); r.unsaved == nil { // or else it is done again
		r.lasting, r.lags = mustJSON(r.f.lasting()), false
	}
}

// flush has the disk catch up with what is shown. It requires mu.
func (r *remote) flush() {
	if (r.lags || r.unsaved != nil) && !r.closed {
		r.write(r.status())
	}
}

func (r *remote) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	if !r.closed {
		r.saveProgress()
	}
	r.closed = true
	r.rest()
}

// rest lets go of all that a unit holds which has nothing to do. It requires mu.
func (r *remote) rest() {
	r.m.unexpect(r, r.target.RemoteNode)
	r.closeOutput()
	if r.peer != nil {
		r.peer.Close()
		r.peer = nil
	}
}

// gone removes the unit, and reports whether it could. It requires mu.
func (r *remote) gone() bool {
	remove := r.remove
	if r.f.forgotten {
		remove = r.settle
	}
	if err := remove(); err != nil {
		r.setBack(err)
		return false
	}
	for _, stop := range r.stops {
		if stop != nil {
			stop(errStopped)
		}
	}
	r.rest()
	r.giveName(r.f.extra.RemoteUnitID)
	return true
}

// setBack tells those who wait that something went wrong. It requires mu.
func (r *remote) setBack(err error) {
	r.publish(func(v *snapshot) {
		v.setbacks++
		v.setback = err
	})
}

func (r *remote) signed() bool { return r.target.SignWork }

func (r *remote) shownDetail(s Status) string { return s.Detail }

// read implements runner: output is stored here as it comes.
func (r *remote) read() (done func(), err error) { return func() {}, nil }

func (r *remote) shown(s Status) any {
	if !r.hides {
		return s.ExtraData // there may be thousands
	}
	var e RemoteExtra
	if err := json.Unmarshal(s.ExtraData, &e); err != nil {
		return nil // restoreRemote has seen to that
	}
	return e.redacted()
}
