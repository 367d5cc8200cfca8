package work

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"receptor/transport"
)

// pullIdle is how long a session stays open with no unit in it.
const pullIdle = 30 * time.Second

// pullKey names the session for the units of a node that are reached in one way.
type pullKey struct{ node, tlsClient string }

// puller is a session of "work follow", at the node that waits for the units.
type puller struct {
	m   *Manager
	key pullKey
	// abort ends the session for a reason.
	abort context.CancelCauseFunc

	mu     sync.Mutex
	closed bool             // takes no more units
	pulls  map[string]*pull // by the unit's name there
	out    []followRequest  // to be sent
	gone   []*pull          // not in the session any more, or never, to be told so
	wake   chan struct{}    // holds a token while out or gone are not empty
	idle   transport.Timer  // runs while pulls is empty
	// checks are those of output at the ends of units. A goroutine makes one after
	// the other, as each reads all output of a unit, while there are any.
	checks   []func()
	checking bool
}

// pull begins the exFollow of a unit, in the session of its node. It requires
// r.mu.
func (r *remote) pull() {
	l := &pull{r: r, remoteID: r.f.extra.RemoteUnitID, from: r.f.have}
	r.pulling = l
	key := r.key()
	q := followRequest{UnitID: l.remoteID, StartPos: l.from[outStream], ErrPos: &l.from[errStream]}
	signs, err := r.signs()
	if err == nil && signs != nil {
		q.Signature, err = signs(q.fields())
	}
	l.refused = err
	r.stops[exFollow] = func(error) { l.breakOff() }
	m := r.m
	m.pulls.Lock()
	defer m.pulls.Unlock()
	p := m.pullers[key]
	if p == nil || !p.add(l, q) {
		p = m.newPuller(key)
		m.pullers[key] = p
		p.add(l, q)
	}
}

// newPuller starts a session.
func (m *Manager) newPuller(key pullKey) *puller {
	p := &puller{m: m, key: key, pulls: make(map[string]*pull), wake: make(chan struct{}, 1)}
	ctx, abort := context.WithCancelCause(m.ctx)
	p.abort = abort
	m.exchanges.Add(1)
	go func() {
		defer m.exchanges.Done()
		err := p.run(ctx)
		m.pulls.Lock()
		if m.pullers[key] == p {
			delete(m.pullers, key)
		}
		m.pulls.Unlock()
		p.end(err)
		abort(nil)
	}()
	return p
}

// dropPullers ends the sessions with a node that has been away: it may have
// restarted, and know nothing of them.
func (m *Manager) dropPullers(node string) {
	m.pulls.Lock()
	defer m.pulls.Unlock()
	for key, p := range m.pullers {
		if key.node == node {
			delete(m.pullers, key)
			p.close()
			p.abort(errStopped)
		}
	}
}

// add takes a unit into the session, unless that is ending.
func (p *puller) add(l *pull, q followRequest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	l.p = p
	if p.idle != nil {
		p.idle.Stop()
		p.idle = nil
	}
	if l.refused == nil {
		p.pulls[l.remoteID] = l
		p.out = append(p.out, q)
	} else {
		p.gone = append(p.gone, l)
		p.idleSoon()
	}
	p.signal()
	return true
}

// breakOff takes the unit out of its session; it is told of that later.
func (l *pull) breakOff() {
	p := l.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.take(l) {
		p.out = append(p.out, followRequest{UnitID: l.remoteID, Stop: true})
		p.gone = append(p.gone, l)
		p.signal()
	}
}

// later has a check made beside what the session does.
func (p *puller) later(check func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checks = append(p.checks, check)
	if p.checking {
		return
	}
	p.checking = true
	p.m.exchanges.Add(1) // the session counts for one, so nobody has waited to the end yet
	go func() {
		defer p.m.exchanges.Done()
		for check := p.nextCheck(); check != nil; check = p.nextCheck() {
			check()
		}
	}()
}

func (p *puller) nextCheck() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.checks) == 0 {
		p.checks, p.checking = nil, false
		return nil
	}
	check := p.checks[0]
	p.checks = p.checks[1:]
	return check
}

// signal requires mu.
func (p *puller) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take removes a unit from the session, if it is still in it. It requires mu.
func (p *puller) take(l *pull) bool {
	if p.pulls[l.remoteID] != l {
		return false
	}
	delete(p.pulls, l.remoteID)
	p.idleSoon()
	return true
}

// idleSoon has the session end soon if there is nothing in it. It requires mu.
func (p *puller) idleSoon() {
	if len(p.pulls) == 0 && p.idle == nil && !p.closed {
		p.idle = p.m.clock.AfterFunc(pullIdle, p.endIdle)
	}
}

// endIdle ends the session if there is still nothing in it.
func (p *puller) endIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pulls) == 0 {
		p.closed = true
		p.abort(errStopped)
	}
}

// close has the session take no more units.
func (p *puller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.idle != nil {
		p.idle.Stop()
		p.idle = nil
	}
}

// end tells all units that are in the session that it has ended.
func (p *puller) end(err error) {
	p.close()
	p.mu.Lock()
	var left []*pull
	for _, id := range slices.Sorted(maps.Keys(p.pulls)) {
		left = append(left, p.pulls[id])
	}
	clear(p.pulls)
	gone := p.gone
	p.gone = nil
	p.mu.Unlock()
	for _, l := range gone {
		l.ended(l.why())
	}
	for _, l := range left {
		l.ended(err)
	}
}

// run has the session until it ends.
func (p *puller) run(ctx context.Context) error {
	c, err := p.m.connect(ctx, p.key.node, p.key.tlsClient)
	if err != nil {
		return err
	}
	defer c.close()
	s, err := c.client.Follow()
	if err != nil {
		return fmt.Errorf("follow units on node %s: %w", p.key.node, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.read(s) }()
	for {
		select {
		case err := <-ended:
			return p.cause(ctx, err)
		case <-p.wake:
		}
		if err := p.send(s); err != nil {
			c.conn.Abort("broken off")
			<-ended
			return p.cause(ctx, err)
		}
	}
}

// cause prefers the reason for which the session was ended from here.
func (p *puller) cause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return fmt.Errorf("the connection to node %s, by which it tells of units, broke: %w", p.key.node, err)
}

// send sends what is to be sent.
func (p *puller) send(w io.Writer) error {
	p.mu.Lock()
	out, gone := p.out, p.gone
	p.out, p.gone = nil, nil
	p.mu.Unlock()
	var lines []byte
	for _, q := range out {
		line, err := json.Marshal(q)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	_, err := w.Write(lines)
	for _, l := range gone {
		l.ended(l.why())
	}
	return err
}

// read takes messages until the session ends.
func (p *puller) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, followLine)
	buf := make([]byte, followPiece)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		var msg followMessage
		if err := json.Unmarshal(line, &msg); err != nil {
			return fmt.Errorf("a message is no JSON: %w", err)
		}
		if msg.Bytes < 0 || msg.Bytes > len(buf) {
			return fmt.Errorf("a message has %d bytes of output, want at most %d", msg.Bytes, len(buf))
		}
		output := buf[:msg.Bytes]
		if _, err := io.ReadFull(in, output); err != nil {
			return err
		}
		msg.clip()
		p.mu.Lock()
		l := p.pulls[msg.UnitID]
		p.mu.Unlock()
		if l != nil { // else it was broken off
			l.receive(msg, output)
		}
	}
}
