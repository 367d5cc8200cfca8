package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"receptor/control"
)

const (
	// controlService is the service of the mesh that carries out commands.
	controlService = "control"
	// greetTime bounds the wait for the greeting (PROTOCOL section 5).
	greetTime = 5 * time.Second
	// busyText begins the answer of a node that is too busy for any command.
	busyText = "too many control sessions"
)

// begin starts an exchange. It requires mu.
func (r *remote) begin(x exchange) {
	if x == exFollow {
		r.pull()
		return
	}
	ctx, stop := context.WithCancelCause(r.m.ctx)
	r.stops[x] = stop
	r.m.exchanges.Add(1)
	go func() {
		defer r.m.exchanges.Done()
		defer stop(nil)
		r.carryOut(ctx, x)
	}()
}

// carryOut has an exchange with the remote node and reports how it ended.
func (r *remote) carryOut(ctx context.Context, x exchange) {
	switch x {
	case exSubmit:
		o := r.submit(ctx)
		r.ended(ctx, o.err, func(now time.Time, err error) {
			o.err = err
			r.f.submitted(now, o)
		})
	case exResults:
		r.ended(ctx, r.fetch(ctx), r.f.resultsEnded)
	case exStatus:
		s, err := r.askStatus(ctx)
		r.ended(ctx, err, func(now time.Time, err error) { r.f.statusEnded(now, s, err) })
	case exCancel, exRelease:
		id, err := r.sendOrder(ctx, x)
		r.ended(ctx, err, func(now time.Time, err error) { r.f.ordered(now, x, id, err) })
	}
}

// ended reports the end of an exchange to the follower.
func (r *remote) ended(ctx context.Context, err error, report func(time.Time, error)) {
	if err != nil && context.Cause(ctx) == errStopped {
		err = errStopped
	}
	r.step(func(now time.Time) { report(now, err) })
	r.tellProblem(err)
}

// tellProblem tells those who wait for the unit, and the operator, of an error.
func (r *remote) tellProblem(err error) {
	if err == errStopped {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.trouble = ""
		return
	}
	if r.closed {
		return
	}
	r.setBack(err)
	if err.Error() == r.trouble {
		return // a node that is long away is news once
	}
	r.trouble = err.Error()
	r.m.emit(RemoteProblem{Unit: r.id, Node: r.target.RemoteNode, Err: err})
}

// peerConn is a connection that knows whether its write side was closed.
type peerConn struct {
	Conn
	ended atomic.Bool
}

// CloseWrite implements Conn.
func (c *peerConn) CloseWrite() error {
	err := c.Conn.CloseWrite()
	if err == nil {
		c.ended.Store(true)
	}
	return err
}

// connection is a session with the control service of the remote node.
type connection struct {
	client *control.Client
	conn   *peerConn
	// keep makes the connection outlive the exchange; false means that it is
	// being closed already.
	keep func() bool
}

// connect opens a session for one command about the unit that ends it. It is
// aborted when ctx ends, unless it is kept.
func (r *remote) connect(ctx context.Context) (connection, error) {
	signs, err := r.signs()
	if err != nil {
		return connection{}, err
	}
	c, err := r.m.connect(ctx, r.target.RemoteNode, r.target.TLSClient)
	if err == nil {
		c.client.Sign = signs
	}
	return c, err
}

// connect opens a session with a node. It is aborted when ctx ends, unless it is
// kept.
func (m *Manager) connect(ctx context.Context, node, tlsClient string) (connection, error) {
	raw, err := m.dial(ctx, node, controlService, tlsClient)
	if err != nil {
		return connection{}, &unreached{err}
	}
	conn := &peerConn{Conn: raw}
	c := connection{conn: conn}
	c.abortWith(ctx)
	timer := m.clock.AfterFunc(greetTime, func() { conn.Close() })
	var greeted string
	c.client, greeted, err = control.NewClient(conn)
	switch {
	case !timer.Stop():
		err = fmt.Errorf("no greeting within %v", greetTime)
	case err == nil && greeted != node:
		err = fmt.Errorf("the greeting is that of node %s", greeted)
	}
	if err != nil {
		c.close()
		return connection{}, &unreached{fmt.Errorf("control service of node %s: %w", node, err)}
	}
	return c, nil
}

// abortWith has the session aborted when ctx ends, unless it is kept.
func (c *connection) abortWith(ctx context.Context) {
	conn := c.conn
	c.keep = context.AfterFunc(ctx, func() { conn.Abort("broken off") })
}

// close closes the session.
func (c connection) close() {
	c.keep()
	c.conn.Close()
}

// passes reports whether an error answer says only that the node has no time for the
// command, or cannot read its disk: it may have made a unit of it before it noticed
// that it stops.
func passes(text string) bool {
	return strings.HasPrefix(text, busyText) || strings.HasPrefix(text, unavailableText) || text == errStopping.Error()
}

// refused turns an error answer of the remote node into a refusal. Other
// errors it returns as they are.
func (r *remote) refused(err error) error {
	var answer *control.RemoteError
	if !errors.As(err, &answer) || passes(answer.Text) {
		return err
	}
	return &refusal{
		node: r.target.RemoteNode, text: clip(answer.Text),
		unknown: strings.HasPrefix(answer.Text, "unknown work unit"),
		again:   strings.Contains(answer.Text, incompleteText) || strings.HasPrefix(answer.Text, hereText),
	}
}

// fetch receives output from the first byte that is missing.
func (r *remote) fetch(ctx context.Context) error {
	c, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	id, pos := r.position()
	output, err := c.client.Results(id, pos)
	if err != nil {
		return r.refused(err)
	}
	r.step(func(time.Time) { r.f.opened() })
	buf := make([]byte, 64<<10)
	for {
		n, err := output.Read(buf)
		if n > 0 {
			if err := r.append(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("receive output from node %s: %w", r.target.RemoteNode, err)
		}
	}
}

// position returns the unit's ID on the remote node, and how much of its
// output is here.
func (r *remote) position() (remoteID string, have int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.extra.RemoteUnitID, r.f.have[outStream]
}

// received returns how much of each stream is here.
func (r *remote) received() [streams]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.have
}

// askStatus asks the remote node for the state of the unit. The session is
// kept for the next question. If the remote node has dropped it since, a new
// one is made.
func (r *remote) askStatus(ctx context.Context) (Status, error) {
	r.mu.Lock()
	kept := r.peer
	r.peer = nil
	r.mu.Unlock()
	if kept != nil {
		keep := context.AfterFunc(ctx, func() { kept.Close() })
		s, err := r.askOver(kept, keep)
		var refused *refusal
		if err == nil || errors.As(err, &refused) || ctx.Err() != nil {
			return s, err
		}
	}
	c, err := r.connect(ctx)
	if err != nil {
		return Status{}, err
	}
	return r.askOver(c.client, c.keep)
}

// askOver asks over a session, and keeps it if it is of further use.
func (r *remote) askOver(client *control.Client, keep func() bool) (Status, error) {
	id, _ := r.position()
	answer, err := client.DoJSON(map[string]any{"command": "work", "subcommand": "status", "unitid": id})
	var s Status
	if err == nil {
		if s, err = decodeStatus(answer); err != nil {
			err = fmt.Errorf("the status from node %s is unusable: %w", r.target.RemoteNode, err)
		}
		s.Detail = clip(s.Detail)
	}
	kept := keep()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && kept && !r.closed {
		r.peer = client
	} else {
		client.Close()
	}
	return s, r.refused(err)
}

// sendOrder has the remote node cancel or release the unit. If its name there
// is not known, the key of its submission stands for it, and the node answers
// with the name, or none if there is no unit; then there will never be one.
func (r *remote) sendOrder(ctx context.Context, x exchange) (id string, err error) {
	for {
		c, kept, err := r.session(ctx)
		if err != nil {
			return "", err
		}
		id, err := r.orderOver(c, x)
		var refused *refusal
		if err == nil || err == errGoesOn || errors.As(err, &refused) {
			r.m.sessions.put(r.key(), c)
			return id, err
		}
		c.close()
		if !kept || ctx.Err() != nil {
			return "", err
		} // or else the node may have dropped just that session
	}
}

// orderOver is sendOrder in a session.
func (r *remote) orderOver(c connection, x exchange) (id string, err error) {
	fields := map[string]any{"command": "work", "subcommand": "cancel"}
	if x == exRelease {
		fields["subcommand"] = "release"
	}
	if id, _ = r.position(); id != "" {
		fields["unitid"] = id
	} else {
		fields[paramSubmission], fields["worktype"] = r.submissionKey(), r.target.RemoteWorkType
	}
	b, err := c.client.DoJSON(fields)
	if err != nil {
		return id, r.refused(err)
	}
	var answer map[string]string
	if err := json.Unmarshal(b, &answer); err != nil {
		return "", fmt.Errorf("the answer of node %s to a %s is unusable: %w", r.target.RemoteNode, fields["subcommand"], err)
	}
	if _, pending := answer[releaseLater]; pending {
		return id, errGoesOn
	}
	if id != "" {
		return id, nil
	}
	for _, name := range answer { // under "cancelled", "cancel pending"…: it has one field
		id = name
	}
	if id == "" {
		return "", nil
	}
	var taken *takenName
	if err := r.takeName(id); errors.As(err, &taken) {
		return "", &refusal{node: r.target.RemoteNode, text: err.Error()}
	} else if err != nil {
		return "", err
	}
	return id, nil
}
