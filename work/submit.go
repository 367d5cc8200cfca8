package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"receptor/control"
)

// localhost means the own node, in any case (PROTOCOL section 2.1).
const localhost = "localhost"

// submitAnswer is the answer once the unit is started, or will be.
type submitAnswer struct {
	Result string `json:"result"`
	UnitID string `json:"unitid"`
}

// handleSubmit makes a unit, takes its stdin and starts it.
func (m *Manager) handleSubmit(ctx context.Context, o order, s control.Session) (any, error) {
	r, err := m.unitOf(o, s)
	if err != nil {
		return nil, err
	}
	id := r.base().id
	if !r.needsInput() {
		return m.answerAgain(r, o, s)
	}
	if err := receiveInput(r, o, s); err != nil {
		var here *unstored
		if o.submission == "" || errors.As(err, &here) {
			r.fail(fmt.Sprintf("Error reading input data: %v", err))
		} // or else it may be submitted again
		return nil, fmt.Errorf("receive the stdin of unit %s: %w", id, err)
	}
	pending, err := r.inputComplete(ctx)
	switch {
	case err != nil:
		return nil, err
	case pending:
		return submitAnswer{UnitID: id, Result: "Job Submitted"}, nil
	}
	return submitAnswer{UnitID: id, Result: "Job Started"}, nil
}

// unitOf makes the unit of a submission, or returns the one that the same
// submission has made before.
func (m *Manager) unitOf(o order, s control.Session) (runner, error) {
	t, _ := m.lookupType(o.workType)
	// This node does not lend its key to others.
	borrowed := o.signWork && s.FromMesh()
	if err := m.checkSignature(o, t.VerifySignature || borrowed, s); err != nil {
		return nil, m.refuseAgain(o, err)
	}
	if o.submission == "" {
		return m.newFromOrder(o)
	}
	id, err := m.keys.reserve(o.submission, m.clock.Now())
	if err != nil {
		return nil, err
	}
	if id != "" {
		return m.existing(id, o, s)
	}
	r, err := m.newFromOrder(o)
	if err != nil {
		m.keys.settle(o.submission, "", m.clock.Now())
		return nil, err
	}
	m.keys.settle(o.submission, r.base().id, m.clock.Now())
	return r, nil
}

// receiveInput has the client send what is missing of a unit's stdin.
func receiveInput(r runner, o order, s control.Session) error {
	other, isRemote := r.(*remote)
	in, err := r.base().beginInput(s, isRemote || o.stdin != nil)
	if err != nil {
		return err
	}
	if in == nil {
		return refuseInput(r, o, s)
	}
	defer in.end()
	if err := askForInput(s, r.base().id, o, in.from); err != nil {
		return err
	}
	if err := in.receive(o.input(s, in.from), o.stdin); err != nil {
		return err
	}
	if isRemote && in.marker != nil {
		other.setMark(in.marker.mark())
	}
	return nil
}

// askForInput names the unit, and the byte of stdin from which on it waits. A
// submission without a key has no use for that.
func askForInput(s control.Session, id string, o order, from int64) error {
	what := "stdin data"
	if o.submission != "" {
		what += fmt.Sprintf(" from byte %d", from)
	}
	if o.keeps {
		what += fmt.Sprintf(" to byte %d and a newline", o.stdin.length)
	} else {
		what += " and EOF"
	}
	_, err := fmt.Fprintf(s, "Work unit created with ID %s. Send %s.\n", id, what)
	return err
}

// answerAgain answers a submission whose unit has got its input before: all
// that its client does not know is how that went.
func (m *Manager) answerAgain(r runner, o order, s control.Session) (any, error) {
	if err := r.base().isSaved(); err != nil {
		return nil, fmt.Errorf("unit %s may not survive: %w", r.base().id, err)
	}
	if err := refuseInput(r, o, s); err != nil {
		return nil, err
	}
	answer := submitAnswer{UnitID: r.base().id, Result: "Job Started"}
	if r, ok := r.(*remote); ok && !r.load().started {
		answer.Result = "Job Submitted"
	}
	return answer, nil
}

// refuseInput drops what a client sends of a stdin that is all here.
func refuseInput(r runner, o order, s control.Session) error {
	var from int64
	if o.stdin != nil {
		from = o.stdin.length
	}
	if err := askForInput(s, r.base().id, o, from); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, o.input(s, from))
	return err
}

// existing returns the unit that a submission is about to go on with. Whatever
// work type that claims, it is that of the unit which counts.
func (m *Manager) existing(id string, o order, s control.Session) (runner, error) {
	r, err := m.find(id)
	if err == nil && r.signed() {
		err = m.refuseAgain(o, m.checkSignature(o, true, s))
	}
	if err == nil {
		err = r.base().of.check(*o.identity())
	}
	return r, err
}

// hereText begins the refusal of a submission whose unit is here: for want of a good
// signature it does not go on now, but it must not be taken for one that was never run.
const hereText = "its unit is here, but not for this order: "

// refuseAgain returns an error, if it is one, of a signature to a submission.
func (m *Manager) refuseAgain(o order, err error) error {
	if err != nil && m.keys.has(o.submission) {
		return fmt.Errorf("%s%w", hereText, err)
	}
	return err
}

func (m *Manager) newFromOrder(o order) (runner, error) {
	if err := m.floor.checkNew(); err != nil {
		return nil, err
	}
	if o.node == m.nodeID || strings.EqualFold(o.node, localhost) {
		return m.newCommand(o)
	}
	return m.newRemote(o)
}

func (m *Manager) newCommand(o order) (runner, error) {
	t, ok := m.lookupType(o.workType)
	switch {
	case o.ttl != "":
		return nil, errors.New("ttl option is intended for remote work only")
	case !ok:
		return nil, fmt.Errorf("unknown work type %s", o.workType)
	}
	params, err := t.withRuntime(o.params["params"])
	if err != nil {
		return nil, err
	}
	if _, err := splitParams(params); err != nil {
		return nil, err
	}
	s := newCommandStatus(t.Name, params)
	s.Submission = o.identity()
	return m.create(s, func(u *unit) runner {
		c := newCommand(u)
		if o.submission != "" {
			c.awaitInput()
		}
		return c
	})
}

func (m *Manager) newRemote(o order) (runner, error) {
	switch {
	case o.node == "":
		return nil, errors.New("work submit requires a target node")
	case o.signWork && m.sign == nil:
		return nil, errNoSigningKey
	}
	if o.tlsClient == "" && slices.ContainsFunc(slices.Collect(maps.Keys(o.params)), isSecret) {
		return nil, errors.New("cannot send secrets over a non-TLS connection")
	}
	e := RemoteExtra{
		RemoteNode: o.node, RemoteWorkType: o.workType, RemoteParams: o.params,
		SignWork: o.signWork, TLSClient: o.tlsClient,
	}
	if o.ttl != "" {
		ttl, err := time.ParseDuration(o.ttl)
		if err != nil {
			return nil, fmt.Errorf("ttl must be a duration such as 90s or 1h30m, not %q", o.ttl)
		}
		e.Expiration = m.clock.Now().Add(ttl)
	}
	s := newRemoteStatus(e)
	s.Secret, s.Submission = m.newSecret(), o.identity()
	return m.create(s, func(u *unit) runner { return newRemote(u, newFollower(e, s)) })
}
