package work

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"sync"

	"receptor/control"
	"receptor/work/vfs"
)

// pusher is a session of "work follow", at the node that has the units.
type pusher struct {
	m *Manager
	s control.Session

	mu    sync.Mutex
	feeds map[string]*feed // by unit
	due   []*feed          // those with something to send, in order
	room  sync.Cond        // there are fewer than maxDue of them, or the session ends
	ended bool
	wake  chan struct{} // holds a token while due is not empty
}

// feed is one unit in a session. All but queued belongs to the goroutine that
// sends, once the feed is due for the first time.
type feed struct {
	p      *pusher
	id     string
	unit   *unit // nil if refused
	detail func(Status) string
	reason error  // why it is
	done   func() // ends the reading of the output
	queued bool   // in due; under the pusher's mu

	flows [streams]flow
	// apart tells whether the client wants stderr, and the unit keeps it apart.
	apart func() bool
	turn  stream // the one that is sent next
	told  *followState
}

// flow is a stream of output on its way to the client.
type flow struct {
	pos    int64 // the next byte to send
	hashed int64 // bytes that are in sum, which is not wanted before the end
	sum    hash.Hash
}

// handleFollow serves a session of "work follow" until the client hangs up.
func (m *Manager) handleFollow(ctx context.Context, s control.Session) error {
	if _, err := io.WriteString(s, "Following\n"); err != nil {
		return err
	}
	p := &pusher{m: m, s: s, feeds: make(map[string]*feed), wake: make(chan struct{}, 1)}
	p.room.L = &p.mu
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var reading sync.WaitGroup
	reading.Go(func() {
		defer stop()
		p.read()
	})
	p.send(ctx)
	p.mu.Lock()
	p.ended = true
	p.room.Signal()
	p.mu.Unlock()
	if c, ok := s.(io.Closer); ok {
		c.Close() // ends read
	}
	reading.Wait()
	for _, f := range p.feeds {
		f.end()
	}
	return nil
}

// read takes requests until the client has no more.
func (p *pusher) read() {
	lines := bufio.NewScanner(p.s)
	lines.Buffer(nil, followLine)
	for lines.Scan() {
		var q followRequest
		if json.Unmarshal(lines.Bytes(), &q) != nil || !p.take(q) {
			return // no client of this protocol
		}
	}
}

// take carries out a request. It reports false if that is for nothing that could
// be a unit.
func (p *pusher) take(q followRequest) bool {
	if !validUnitID(q.UnitID) || !p.awaitRoom() {
		return false
	}
	f := &feed{p: p, id: q.UnitID, apart: func() bool { return false }}
	for s := range streams {
		f.flows[s].sum = sha256.New()
	}
	f.flows[outStream].pos = q.StartPos
	if !q.Stop {
		f.done, f.reason = p.find(q, f)
	}
	p.mu.Lock()
	old := p.feeds[q.UnitID]
	if q.Stop {
		delete(p.feeds, q.UnitID)
	} else {
		p.feeds[q.UnitID] = f
	}
	p.mu.Unlock()
	if old != nil {
		old.end()
	}
	if f.unit != nil {
		f.unit.attach(f)
	}
	if !q.Stop {
		f.changed()
	}
	return true
}

// awaitRoom waits until one more feed may be due. It reports false if the session
// ends.
func (p *pusher) awaitRoom() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.due) >= maxDue && !p.ended {
		p.room.Wait()
	}
	return !p.ended
}

// find gives a feed the unit of its request, if its client may have it, with its
// output being read until done is called.
func (p *pusher) find(q followRequest, f *feed) (done func(), err error) {
	r, err := p.m.find(q.UnitID)
	if err != nil {
		return nil, err
	}
	if q.StartPos < 0 || q.ErrPos != nil && *q.ErrPos < 0 {
		return nil, fmt.Errorf("the start position must be 0 or more, not %d", q.StartPos)
	}
	if err := p.m.checkSignature(order{signature: q.Signature, hash: q.hash()}, r.signed(), p.s); err != nil {
		return nil, err
	}
	if done, err = r.read(); err != nil {
		return nil, err
	}
	if q.ErrPos != nil {
		f.flows[errStream].pos = *q.ErrPos
		f.apart = r.stderrApart()
	}
	f.unit, f.detail = r.base(), r.shownDetail
	if c, ok := r.(*command); ok {
		f.detail = c.followedDetail
	}
	return sync.OnceFunc(done), nil
}

// end has the unit forget the feed.
func (f *feed) end() {
	if f.unit != nil {
		f.unit.detach(f)
		f.done()
	}
}

// changed says that there may be something to send. It may be called with the
// unit's mu held.
func (f *feed) changed() {
	p := f.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.queued || p.feeds[f.id] != f {
		return
	}
	f.queued = true
	p.due = append(p.due, f)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// next takes the feed whose turn it is, or nil.
func (p *pusher) next() *feed {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.due) > 0 {
		f := p.due[0]
		p.due[0] = nil
		p.due = p.due[1:]
		f.queued = false
		p.room.Signal()
		if p.feeds[f.id] == f {
			return f
		}
	}
	p.due = nil
	return nil
}

// send sends what is due until ctx ends or the client has gone.
func (p *pusher) send(ctx context.Context) {
	buf := make([]byte, followPiece)
	for ctx.Err() == nil {
		f := p.next()
		if f == nil {
			select {
			case <-p.wake:
			case <-ctx.Done():
			}
			continue
		}
		more, err := f.step(buf)
		if err != nil {
			return
		}
		if more {
			f.changed()
		}
	}
}

// step sends one piece of what there is, and reports whether there is more. An
// error is one of the session.
func (f *feed) step(buf []byte) (more bool, err error) {
	if f.unit == nil {
		return false, f.finish(followMessage{Error: f.reason.Error()})
	}
	s := f.unit.load()
	if s.released {
		return false, f.finish(followMessage{Error: unknownUnit(f.id).Error()})
	}
	state := followState{State: s.status.State, Detail: f.detail(s.status), Size: s.size}
	apart := f.apart()
	if apart {
		state.ErrSize = &s.errSize
	}
	ended := state.State.Terminal()
	if f.told == nil || !ended && (f.told.State != state.State || f.told.Detail != state.Detail || apart && f.told.ErrSize == nil) {
		f.told = &state
		if !ended {
			if err := f.p.write(followMessage{UnitID: f.id, State: &state}, nil); err != nil {
				return false, err
			}
		}
	}
	for range streams {
		turn := f.turn
		f.turn = (f.turn + 1) % streams
		if turn == errStream && !apart {
			continue
		}
		if sent, err := f.send(turn, s, state, buf); sent || err != nil {
			return sent, err
		}
	}
	if !ended {
		return false, nil
	}
	end := followEnd{followState: state, SHA256: f.flows[outStream].text()}
	if apart {
		end.ErrSHA256 = f.flows[errStream].text()
	}
	return false, f.finish(followMessage{End: &end})
}

// send sends a piece of a stream, or says why nothing more comes of the unit. It
// reports whether it has done either.
func (f *feed) send(s stream, u *snapshot, state followState, buf []byte) (sent bool, err error) {
	o, size := &f.flows[s], u.size
	if s == errStream {
		size = u.errSize
	}
	fresh, n, err := o.next(f.unit, s, buf, size)
	if want := max(size, o.pos); err == nil && n == 0 && state.State.Terminal() && o.hashed < want {
		lost := fmt.Sprintf("the %v of unit %s has only %d bytes, not %d", s, f.id, o.hashed, want)
		return true, f.finish(followMessage{End: &followEnd{followState: state}, Error: lost})
	}
	if err != nil {
		return true, f.finish(followMessage{Error: err.Error()})
	}
	if len(fresh) > 0 {
		msg := followMessage{UnitID: f.id, At: o.pos - int64(len(fresh)), Bytes: len(fresh)}
		if s == errStream {
			msg.Stream = stderrName
		}
		if err := f.p.write(msg, fresh); err != nil {
			return false, err
		}
	}
	return n > 0, nil
}

// next reads a piece of n bytes. fresh is what is new to the client. If there is no
// such thing the piece is one of those that the client has, which are added to the
// sum then: it does not wait for that.
func (o *flow) next(u *unit, s stream, buf []byte, size int64) (fresh []byte, n int, err error) {
	if n, err = o.read(u, s, buf, o.pos, size); n > 0 && err == nil {
		fresh = buf[:n]
		if o.hashed == o.pos {
			o.add(fresh)
		}
		o.pos += int64(n)
		return fresh, n, nil
	}
	if err == nil && o.hashed < o.pos {
		n, err = o.read(u, s, buf, o.hashed, min(o.pos, size))
		o.add(buf[:n])
	}
	return nil, n, err
}

// read reads a piece that ends before a byte.
func (o *flow) read(u *unit, s stream, buf []byte, at, end int64) (int, error) {
	if at >= end {
		return 0, nil
	}
	return u.readOutput(s, buf[:min(int64(len(buf)), end-at)], at)
}

func (o *flow) add(b []byte) {
	o.sum.Write(b)
	o.hashed += int64(len(b))
}

func (o *flow) text() string { return hex.EncodeToString(o.sum.Sum(nil)) }

// readOutput reads output at a position; fewer bytes than fit mean that there
// are no more on disk.
func (u *unit) readOutput(s stream, b []byte, at int64) (int, error) {
	out, err := u.m.store.fs.Open(path.Join(u.dir, s.file()), vfs.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open the output of unit %s: %w", u.id, err)
	}
	defer out.Close()
	n, err := out.ReadAt(b, at)
	if err != nil && err != io.EOF {
		return n, fmt.Errorf("read the output of unit %s: %w", u.id, err)
	}
	return n, nil
}

// finish sends the last message of the unit.
func (f *feed) finish(msg followMessage) error {
	f.p.mu.Lock()
	if f.p.feeds[f.id] == f {
		delete(f.p.feeds, f.id)
	}
	f.p.mu.Unlock()
	f.end()
	msg.UnitID = f.id
	return f.p.write(msg, nil)
}

// write sends a message and the output that belongs to it.
func (p *pusher) write(msg followMessage, output []byte) error {
	line, err := json.Marshal(msg)
	if err != nil {
		return err
	}
	_, err = p.s.Write(append(append(line, '\n'), output...))
	return err
}
