package work

import (
	"context"
	"errors"
	"fmt"
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
	r, err := m.newFromOrder(o)
	if err != nil {
		return nil, err
	}
	id := r.base().id
	_, err = fmt.Fprintf(s, "Work unit created with ID %s. Send stdin data and EOF.\n", id)
	if err == nil {
		err = r.base().receive(s)
	}
	if err != nil {
		r.fail(fmt.Sprintf("Error reading input data: %v", err))
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

func (m *Manager) newFromOrder(o order) (runner, error) {
	if err := checkSignature(o); err != nil {
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
	return m.create(newCommandStatus(t.Name, params), func(u *unit) runner { return &command{unit: u} })
}

func (m *Manager) newRemote(o order) (runner, error) {
	switch {
	case o.node == "":
		return nil, errors.New("work submit requires a target node")
	case o.signWork:
		return nil, errors.New("cannot sign work: this node has no key for it")
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
	return m.create(s, func(u *unit) runner { return newRemote(u, newFollower(e, s, 0)) })
}
