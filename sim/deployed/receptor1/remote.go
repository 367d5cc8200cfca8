package receptor1

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"strings"
	"time"

	"receptor/work"
	"receptor/work/vfs"
)

const (
	greetTime  = 5 * time.Second
	retryFirst = time.Second
	retryLast  = time.Minute
	askPause   = time.Second
)

// remoteExtra is the extra data of a unit on another node, as far as this has any.
type remoteExtra struct {
	RemoteNode, RemoteWorkType    string
	RemoteParams                  map[string]string
	RemoteUnitID                  string
	RemoteStarted                 bool
	LocalCancelled, LocalReleased bool
	SignWork                      bool
	TLSClient                     string
	Expiration                    time.Time
}

// remote is a unit on another node.
type remote struct {
	unit
	job job
}

// exchange is one conversation with the other node.
type exchange func(context.Context, *peer) error

func newRemote(u unit) *remote {
	r := &remote{unit: u}
	r.held.ExtraData, _ = json.Marshal(remoteExtra{RemoteParams: map[string]string{}})
	return r
}

func (r *remote) extra() (e remoteExtra) {
	_ = json.Unmarshal(r.status().ExtraData, &e)
	return e
}

// note changes the extra data.
func (r *remote) note(change func(*remoteExtra)) error {
	return r.update(func(s *status) {
		var e remoteExtra
		_ = json.Unmarshal(s.ExtraData, &e)
		change(&e)
		s.ExtraData, _ = json.Marshal(e)
	})
}

func (r *remote) setParams(params map[string]string) (err error) {
	r.held.ExtraData, err = json.Marshal(remoteExtra{RemoteParams: params})
	return err
}

// allocateRemote makes a unit that another node is to run.
func (s *units) allocateRemote(node, workType string, params map[string]string) (worker, error) {
	w, err := s.allocate(remoteType, params)
	if err != nil {
		return nil, err
	}
	return w, w.(*remote).note(func(e *remoteExtra) { e.RemoteNode, e.RemoteWorkType = node, workType })
}

// peer is a session with the control service of another node.
type peer struct {
	*Conn
	in *bufio.Reader
}

// readLine reads a line, unless ctx ends before.
func (p *peer) readLine(ctx context.Context) (string, error) {
	defer context.AfterFunc(ctx, func() { p.CancelRead(499) })()
	line, err := p.in.ReadString('\n')
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return line, err
}

// ask sends a command and returns the line that comes back.
func (p *peer) ask(ctx context.Context, fields map[string]any) (string, error) {
	b, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	if _, err := p.Write(append(b, '\n')); err != nil {
		return "", err
	}
	return p.readLine(ctx)
}

func (r *remote) connect(ctx context.Context) (*peer, error) {
	node := r.extra().RemoteNode
	c, err := r.d.Dial(ctx, node, controlName)
	if err != nil {
		return nil, err
	}
	p := &peer{c, bufio.NewReader(c)}
	greeting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer r.d.clock.AfterFunc(greetTime, cancel).Stop()
	hello, err := p.readLine(greeting)
	if err == nil && !strings.Contains(hello, node) {
		err = fmt.Errorf("while expecting node ID %s, got message: %s", node, hello)
	}
	if err != nil {
		c.CloseConnection()
		return nil, err
	}
	return p, nil
}

// reach connects for as long as it takes. It returns nil if ctx ends before.
func (r *remote) reach(ctx context.Context) *peer {
	for wait := retryFirst; ; wait = min(wait*3/2, retryLast) {
		p, err := r.connect(ctx)
		if err == nil {
			return p
		}
		r.d.log("Connection to %s failed with error: %v", r.extra().RemoteNode, err)
		if !r.d.pause(ctx, wait) {
			return nil
		}
	}
}

// once has an exchange at once if the node can be reached, and what follows it; or in
// the background when it can. That the exchange fails there is for the log.
func (r *remote) once(run *run, x exchange, forRelease bool) error {
	do := func(p *peer) error {
		if err := x(run.ctx, p); err != nil {
			run.done()
			return err
		}
		go func() {
			r.follow(run.ctx, forRelease)
			if forRelease {
				if err := r.remove(false); err != nil {
					r.d.log("Error releasing unit %s: %v", r.dir, err)
				}
			}
			run.done()
		}()
		return nil
	}
	if p, err := r.connect(run.ctx); err == nil {
		return do(p)
	}
	go func() {
		p := r.reach(run.ctx)
		if p == nil {
			run.done()
		} else if err := do(p); err != nil {
			r.d.log("Error running action function: %v", err)
		}
	}()
	return errPending
}

func (r *remote) start() error {
	run := r.job.begin(r.d.ctx, false)
	if run == nil {
		return errors.New("start or monitor process already running")
	}
	return r.once(run, r.submit, false)
}

// restart goes on with a unit that the other node has started; no other.
func (r *remote) restart() error {
	e := r.extra()
	if !e.RemoteStarted {
		return errors.New("remote work had not previously started")
	}
	run := r.job.begin(r.d.ctx, false)
	if e.LocalReleased || e.LocalCancelled {
		return r.once(run, r.order(e.LocalReleased), true)
	}
	go func() {
		r.follow(run.ctx, false)
		run.done()
	}()
	return nil
}

var createdID = regexp.MustCompile(`with ID ([a-zA-Z0-9]+)\.`)

// submit submits the unit: once, whatever happens.
func (r *remote) submit(ctx context.Context, p *peer) error {
	defer p.CloseConnection()
	e := r.extra()
	fields := make(map[string]any)
	for name, value := range e.RemoteParams {
		fields[name] = value
	}
	maps.Copy(fields, map[string]any{
		"command": "work", "subcommand": "submit", "node": e.RemoteNode, "worktype": e.RemoteWorkType, "tlsclient": e.TLSClient,
	})
	line, err := p.ask(ctx, fields)
	if err != nil {
		return fmt.Errorf("read error reading from %s: %w", e.RemoteNode, err)
	}
	id := createdID.FindStringSubmatch(line)
	if id == nil {
		return fmt.Errorf("could not parse response: %s", strings.TrimRight(line, "\n"))
	}
	r.note(func(e *remoteExtra) { e.RemoteUnitID = id[1] })
	stdin, err := content(r.d.units.fs, path.Join(r.dir, stdinName))
	if err == nil {
		_, err = p.Write(stdin)
	}
	if err == nil {
		err = p.Close()
	}
	if err != nil {
		return fmt.Errorf("error sending stdin file: %w", err)
	}
	if line, err = p.readLine(ctx); err != nil {
		return fmt.Errorf("read error reading from %s: %w", e.RemoteNode, err)
	}
	if _, text, refused := strings.Cut(line, "ERROR: "); refused {
		return fmt.Errorf("error from remote: %s", strings.TrimRight(text, "\n"))
	}
	r.note(func(e *remoteExtra) { e.RemoteStarted = true })
	return nil
}

// order returns the exchange that cancels or releases the unit.
func (r *remote) order(release bool) exchange {
	return func(ctx context.Context, p *peer) error {
		defer p.CloseConnection()
		subcommand := "cancel"
		if release {
			subcommand = "release"
		}
		line, err := p.ask(ctx, map[string]any{"command": "work", "subcommand": subcommand, "unitid": r.extra().RemoteUnitID})
		if err == nil && strings.HasPrefix(line, "ERROR") {
			err = fmt.Errorf("error cancelling remote unit: %s", line)
		}
		return err
	}
}

func (r *remote) cancel() error            { return r.give(false, false) }
func (r *remote) release(force bool) error { return r.give(true, force) }

// give gives the other node an order, if it has started the unit.
func (r *remote) give(release, force bool) error {
	r.note(func(e *remoteExtra) {
		e.LocalCancelled = true
		e.LocalReleased = e.LocalReleased || release
	})
	if !r.extra().RemoteStarted {
		r.job.end()
		if release {
			return r.remove(true)
		}
		r.update(basic(work.Failed, "Locally Cancelled", 0))
		return nil
	}
	if release && force {
		if p, err := r.connect(r.d.ctx); err == nil {
			_ = r.order(true)(r.d.ctx, p)
		}
		return r.remove(true)
	}
	return r.once(r.job.begin(r.d.ctx, true), r.order(release), release)
}

// follow keeps up with the unit until it is complete, and all its output here; for a
// release, until the other node does not know it.
func (r *remote) follow(ctx context.Context, forRelease bool) {
	ctx, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		defer cancel()
		r.followStatus(ctx, forRelease)
	}()
	if !forRelease {
		r.followOutput(ctx)
		cancel()
	}
	<-asked
}

// followStatus asks for the status every second.
func (r *remote) followStatus(ctx context.Context, forRelease bool) {
	id := r.extra().RemoteUnitID
	var p *peer
	defer func() {
		if p != nil {
			p.CloseConnection()
		}
	}()
	for failures := 0; ; {
		if p == nil {
			if p = r.reach(ctx); p == nil {
				return
			}
		}
		_, err := fmt.Fprintf(p, "work status %s\n", id)
		var line string
		if err == nil {
			line, err = p.readLine(ctx)
		}
		if err != nil {
			p.CloseConnection()
			p = nil
			continue
		}
		if strings.HasPrefix(line, "ERROR") {
			if strings.Contains(line, "unknown work unit") && !forRelease {
				r.update(basic(work.Failed, "Remote work unit is gone", -1))
			}
			r.d.log("Remote error: %s", strings.TrimRight(line, "\n"))
			return
		}
		var s status
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return
		}
		if r.update(basic(s.State, s.Detail, s.StdoutSize)) == nil {
			failures = 0
		} else if failures++; failures > maxReportFailures {
			return
		}
		if !r.d.pause(ctx, askPause) {
			return
		}
	}
}

// followOutput fetches the output that the status tells of, from the first byte that is
// missing, until the unit is complete.
func (r *remote) followOutput(ctx context.Context) {
	name := path.Join(r.dir, stdoutName)
	for first := true; ; first = false {
		if !first && !r.d.pause(ctx, askPause) || ctx.Err() != nil {
			return
		}
		if err := r.load(); err != nil {
			r.d.log("Could not read status file: %v", err)
			return
		}
		s := r.status()
		have := r.d.units.stdoutSize(r.dir)
		if s.complete() && have >= s.StdoutSize {
			return
		}
		if have >= s.StdoutSize {
			continue
		}
		p := r.reach(ctx)
		if p == nil {
			return
		}
		err := r.fetch(ctx, p, name, have)
		p.CloseConnection()
		if err != nil {
			r.d.log("Could not copy to stdout file %s: %v", name, err)
		}
	}
}

// fetch appends what comes of the output to a file.
func (r *remote) fetch(ctx context.Context, p *peer, name string, from int64) error {
	line, err := p.ask(ctx, map[string]any{"command": "work", "subcommand": "results", "unitid": r.extra().RemoteUnitID, "startpos": from})
	if err != nil {
		return err
	}
	if !strings.Contains(line, "Streaming results") {
		return errors.New("remote node did not stream results")
	}
	out, err := r.d.units.fs.Open(name, vfs.Append)
	if err != nil {
		return err
	}
	defer out.Close()
	defer context.AfterFunc(ctx, func() { p.CancelRead(499) })()
	_, err = io.Copy(onlyWriter{out}, onlyReader{p.in})
	return err
}
