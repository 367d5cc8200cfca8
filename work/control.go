package work

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"receptor/control"
)

// hangUpTime bounds the wait for a client to hang up after its results.
const hangUpTime = 2 * time.Second

// Register makes the work command known (PROTOCOL section 4).
func (m *Manager) Register(r control.Registrar) { r.Handle("work", m.handle) }

func (m *Manager) handle(ctx context.Context, req *control.Request, s control.Session) (any, error) {
	o, err := parseOrder(req)
	if err != nil {
		return nil, err
	}
	o.from = s.Peer()
	if o.subcommand == "features" {
		return featuresAnswer{Features: m.Features()}, nil
	}
	if err := m.Available(); err != nil {
		return nil, err
	}
	switch o.subcommand {
	case "submit":
		return m.handleSubmit(ctx, o, s)
	case "list":
		return m.list(o)
	case "status":
		r, err := m.find(o.unitID)
		if err != nil {
			return nil, err
		}
		return answerStatus(r), nil
	case "follow":
		return nil, m.handleFollow(ctx, s)
	case "results":
		return nil, m.handleResults(ctx, o, s)
	}
	return m.handleEnd(ctx, o, s)
}

// featuresAnswer says what the node can do beyond deployed ones, as the tag
// "features" of its advertisement does.
type featuresAnswer struct {
	Features []string `json:"features"`
}

// list answers with the status of one unit, or of all: an object with their IDs, in
// order.
func (m *Manager) list(o order) (any, error) {
	if o.unitID != "" {
		r, err := m.find(o.unitID)
		if err != nil {
			return nil, err
		}
		return map[string]statusAnswer{o.unitID: answerStatus(r)}, nil
	}
	line := []byte{'{'}
	for i, r := range m.all() {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(appendString(line, r.base().id), ':')
		line = answerStatus(r).append(line)
	}
	return control.Raw(append(line, '}')), nil
}

func answerStatus(r runner) statusAnswer {
	s := r.base().load().status
	stdout, stderr := r.sizes()
	return statusAnswer{
		State: s.State, StateName: s.State.String(), Detail: r.shownDetail(s),
		StdoutSize: stdout, WorkType: s.WorkType, ExtraData: r.shown(s), StderrSize: stderr,
	}
}

// releaseLater is the field of an answer to release that names the unit when that is
// still to be done.
const releaseLater = "release pending"

// handleEnd carries out cancel, release and force-release.
func (m *Manager) handleEnd(ctx context.Context, o order, s control.Session) (any, error) {
	done, later := "released", releaseLater
	if o.subcommand == "cancel" {
		done, later = "cancelled", "cancel pending"
	}
	if o.unitID == "" {
		id, err := m.keys.withdraw(o.submission, o.from, m.clock.Now(), func() error { return m.checkWithdrawal(o, s) })
		if err != nil || id == "" {
			return map[string]string{done: ""}, err
		}
		o.unitID = id
	}
	if _, damaged := m.isDamaged(o.unitID); damaged && o.subcommand == "force-release" {
		// It may be of any work type.
		if err := m.checkSignature(o, o.signature != "" || m.signsAny(), s); err != nil {
			return nil, err
		}
		return map[string]string{done: o.unitID}, m.removeDamaged(o.unitID)
	}
	r, err := m.find(o.unitID)
	if err != nil {
		return nil, err
	}
	if err := m.checkSignature(o, r.signed(), s); err != nil {
		return nil, err
	}
	var pending bool
	if o.subcommand == "cancel" {
		pending, err = r.cancel(ctx)
	} else {
		pending, err = r.release(ctx, o.subcommand == "force-release")
	}
	switch {
	case err != nil:
		return nil, err
	case pending:
		return map[string]string{later: o.unitID}, nil
	}
	return map[string]string{done: o.unitID}, nil
}

func (m *Manager) handleResults(ctx context.Context, o order, s control.Session) error {
	r, err := m.find(o.unitID)
	if err != nil {
		return err
	}
	if err := m.checkSignature(o, r.signed(), s); err != nil {
		return err
	}
	c, ok := s.(io.Closer)
	if !ok { // nothing would end the reading by which it shows that the client has gone
		copyTo, err := openResults(ctx, r, o, s)
		if err == nil {
			_ = copyTo(s) // the client has gone, or the node stops
		}
		return err
	}
	defer c.Close()
	ctx, breakOff := context.WithCancel(ctx)
	defer breakOff()
	left, leave := context.WithCancel(context.Background())
	go func() {
		defer leave()
		if _, err := io.Copy(io.Discard, s); err != nil {
			breakOff()
		}
	}()
	copyTo, err := openResults(ctx, r, o, s)
	if err == nil {
		err = copyTo(s)
	} else {
		// The server must not: it would go on to read from the session itself.
		_, err = fmt.Fprintf(s, "ERROR: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if err == nil && s.CloseWrite() == nil {
		timer := m.clock.AfterFunc(hangUpTime, leave)
		<-left.Done()
		timer.Stop()
	}
	return nil
}

// openResults announces the results that the client wants, and returns what copies
// them. Until then an error is for the client.
func openResults(ctx context.Context, r runner, o order, s control.Session) (copyTo func(io.Writer) error, err error) {
	what := "results"
	copyTo = func(w io.Writer) error { return r.results(ctx, o.startPos, w) }
	if o.stderr {
		what = "stderr" // nodes that do not know the field answer with results
		if copyTo, err = r.stderr(ctx, o.startPos); err != nil {
			return nil, err
		}
	}
	_, err = fmt.Fprintf(s, "Streaming %s for work unit %s\n", what, o.unitID)
	return copyTo, err
}
