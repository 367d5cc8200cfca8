package guest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"receptor/control"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/work"
)

// unit is a unit of work of the scenario, and the client that wants it done.
type unit struct {
	scenario.Unit
	number int
	world  *world
	stdin  []byte
	id     string
	got    []byte
	end    *unitStatus                  // that was seen
	done   atomic.Bool                  // it is released
	owed   atomic.Bool                  // its node has only promised to release it
	peers  atomic.Pointer[acquaintance] // at least since it is time to submit it
}

// unitStatus is what a client is told of a unit.
type unitStatus struct {
	State      work.State
	Detail     string
	StdoutSize int64
}

// outputOf is what the simulated command writes.
func outputOf(stdin []byte, size int) []byte {
	sum := fnv.New64a()
	sum.Write(stdin)
	pattern := strconv.FormatUint(sum.Sum64(), 16) + "\n"
	return []byte(strings.Repeat(pattern, size/len(pattern)+1)[:size])
}

// play submits the unit with a key, and again after whatever went wrong, until
// the node has promised to see to it; then it reads the output, and releases the
// unit, or does so when the time for that has come.
func (u *unit) play() {
	time.Sleep(u.At)
	u.peers.Store(u.world.session(u.Unit))
	asked := false
	release := func() error {
		reached, err := u.release()
		if asked && err != nil && strings.HasPrefix(err.Error(), "unknown work unit") {
			return nil // the answer of the first time was lost
		}
		asked = asked || reached
		return err
	}
	tell := func(err error) { u.tell(eventlog.Problem, err) }
	submit := u.submit
	if u.byDeployed() {
		submit = u.submitOnce
	}
	if !u.world.insist(submit, tell) {
		return
	}
	if u.id == "" {
		u.done.Store(true) // nobody knows of it, and it must not be submitted again
		return
	}
	if u.CancelAt > 0 {
		go u.cancel()
	}
	if !u.world.insist(u.follow, tell) {
		return
	}
	u.keep()
	if !u.world.insist(release, tell) {
		return
	}
	u.world.log.log(eventlog.Event{Kind: eventlog.Released, Node: u.From, Unit: u.number, Text: u.id, Trust: u.peers.Load().trust()})
	u.done.Store(true)
}

// cancel cancels the unit when it is time, until the node has promised to see to
// it, it is released, or the run is over.
func (u *unit) cancel() {
	time.Sleep(u.until(u.CancelAt))
	for !u.done.Load() && !u.world.over.Load() {
		_, err := u.world.do(u.From, "work cancel "+u.id)
		if err == nil {
			u.tell(eventlog.Canceled, nil)
			return
		}
		u.tell(eventlog.Problem, err)
		time.Sleep(retryPause)
	}
}

// until returns how long it is to a time of the run.
func (u *unit) until(at time.Duration) time.Duration { return time.Until(u.world.log.start.Add(at)) }

// due reports whether the unit is to be released although nobody has seen its end.
func (u *unit) due() bool { return u.ReleaseAt > 0 && u.until(u.ReleaseAt) <= 0 }

// keep looks, until the unit is to be released, whether the end that was seen stays.
func (u *unit) keep() {
	for u.end != nil && u.until(u.ReleaseAt) > 0 && !u.world.over.Load() {
		time.Sleep(retryPause)
		s, err := u.status()
		switch {
		case err != nil:
			u.tell(eventlog.Problem, err)
		case s.State != u.end.State || s.StdoutSize != u.end.StdoutSize:
			u.world.log.log(eventlog.Event{Kind: eventlog.Reverted, Node: u.From, Unit: u.number, Text: s.State.String(), Problem: fmt.Sprintf(
				"it was %v with %d bytes, and is %v with %d bytes (%s)", u.end.State, u.end.StdoutSize, s.State, s.StdoutSize, s.Detail)})
			return
		}
	}
}

func (u *unit) status() (s unitStatus, err error) {
	answer, err := u.world.do(u.From, "work status "+u.id)
	if err == nil {
		err = json.Unmarshal(answer, &s)
	}
	return s, err
}

// release asks for the release. reached tells whether there was somebody to ask.
func (u *unit) release() (reached bool, err error) {
	c, err := u.world.client(u.From)
	if err != nil {
		return false, err
	}
	defer c.Close()
	answer, err := c.Do("work release " + u.id)
	u.owed.Store(bytes.Contains(answer, []byte(`"release pending"`)))
	return true, err
}

func (u *unit) tell(kind eventlog.Kind, err error) {
	u.world.log.log(eventlog.Event{Kind: kind, Node: u.From, Unit: u.number, Text: u.id, Problem: text(err)})
}

// byDeployed reports whether the unit is submitted to a deployed node, which knows nothing of
// keys.
func (u *unit) byDeployed() bool { return u.world.machines[u.From].kind == scenario.KindDeployed }

// submitOnce submits the unit, or fails, or is broken off when nobody knows whether it was
// submitted: then it has no ID.
func (u *unit) submitOnce() error {
	c, err := u.world.client(u.From)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := u.submitTo(c); err != nil {
		u.id = ""
		u.tell(eventlog.Problem, err)
	}
	return nil
}

func (u *unit) submit() error {
	c, err := u.world.client(u.From)
	if err != nil {
		return err
	}
	defer c.Close()
	return u.submitTo(c)
}

// submitTo submits the unit in a session.
func (u *unit) submitTo(c *control.Client) error {
	params, err := json.Marshal(behaviour{
		Unit: u.number, Stdout: u.Stdout, Duration: u.Duration, Exit: u.Exit, Children: u.Children, IgnoreSIGINT: u.IgnoreSIGINT, Output: u.Output,
	})
	if err != nil {
		return err
	}
	order := map[string]string{"node": u.To, "worktype": workType, "params": "'" + string(params) + "'"}
	if !u.byDeployed() {
		order["receptor_submission"] = "client/" + strconv.Itoa(u.number)
		order["receptor_stdin"] = fmt.Sprintf("%d:%x", len(u.stdin), sha256.Sum256(u.stdin))
	}
	if u.Signed {
		order["worktype"], order["signwork"] = signedType, "true"
	}
	if u.TLS.Client() {
		order["tlsclient"] = tlsItem
	}
	s, err := c.Submit(order)
	if err != nil {
		return err
	}
	if u.id != "" && s.UnitID != u.id || s.From > int64(len(u.stdin)) {
		u.world.log.log(eventlog.Event{Kind: eventlog.Renamed, Node: u.From, Unit: u.number, Text: u.id, Problem: fmt.Sprintf(
			"its submission with the same key is answered by unit %s, from byte %d of %d on", s.UnitID, s.From, len(u.stdin))})
	}
	u.id = s.UnitID
	if _, err := s.Finish(bytes.NewReader(u.stdin[min(s.From, int64(len(u.stdin))):])); err != nil {
		return err
	}
	u.tell(eventlog.Submitted, nil)
	return nil
}

// follow reads output until the unit is complete, and tells how it ended, or until
// it is to be released. Its error says why there must be more.
func (u *unit) follow() error {
	if u.due() {
		return nil
	}
	c, err := u.world.client(u.From)
	if err != nil {
		return err
	}
	defer c.Close()
	if u.ReleaseAt > 0 {
		defer time.AfterFunc(u.until(u.ReleaseAt), func() { c.Close() }).Stop()
	}
	results, err := c.Results(u.id, int64(len(u.got)))
	if err != nil {
		return err
	}
	more, err := io.ReadAll(results)
	u.got = append(u.got, more...)
	if err != nil {
		return err
	}
	status, err := u.status()
	if err != nil {
		return err
	}
	if !status.State.Terminal() || int64(len(u.got)) < status.StdoutSize {
		return fmt.Errorf("state %v, %d bytes of %d", status.State, len(u.got), status.StdoutSize)
	}
	e := eventlog.Event{Kind: eventlog.Seen, Node: u.From, Unit: u.number, Text: status.State.String(), Size: len(u.got), Detail: status.Detail, Trust: u.peers.Load().trust()}
	node := u.world.node(u.To)
	stored, _ := node.Stored(u.Unit)
	switch written := outputOf(u.stdin, u.Stdout)[:stored]; {
	case !bytes.HasPrefix(written, u.got):
		e.Flaw, e.Problem = eventlog.Altered, fmt.Sprintf("the output differs from the first %d bytes that were written (%s)", stored, status.Detail)
	case len(u.got) < stored:
		e.Flaw, e.Problem = eventlog.Cut, fmt.Sprintf("the output lacks the last of %d bytes that were written (%s)", stored, status.Detail)
	}
	u.world.log.log(e)
	u.end = &status
	return nil
}
