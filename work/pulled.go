package work

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"
)

// pull is one unit in a session: an exFollow.
type pull struct {
	r        *remote
	p        *puller
	remoteID string
	from     [streams]int64
	refused  error // the request for it cannot be signed
	// sums are those of streams that have come in this session from their first byte
	// on. They belong to the goroutine that reads, as does over.
	sums [streams]hash.Hash
	over bool // the other node has said how the unit has ended
}

// clip cuts the texts of a message to what a person can use.
func (m *followMessage) clip() {
	m.Error = clip(m.Error)
	if m.State != nil {
		m.State.Detail = clip(m.State.Detail)
	}
	if m.End != nil {
		m.End.Detail = clip(m.End.Detail)
	}
}

// receive takes a message in. An error of the unit alone ends only that.
func (l *pull) receive(msg followMessage, output []byte) {
	var err error
	switch {
	case l.over:
		return
	case msg.Error != "" && msg.End != nil:
		err = &damage{fmt.Sprintf("error from node %s: %s; there the unit is %v: %s", l.p.key.node, msg.Error, msg.End.State, msg.End.Detail)}
	case passes(msg.Error):
		err = fmt.Errorf("error from node %s: %s", l.p.key.node, msg.Error)
	case msg.Error != "":
		err = &refusal{node: l.p.key.node, text: msg.Error, unknown: strings.HasPrefix(msg.Error, "unknown work unit")}
	case msg.End != nil && l.from != [streams]int64{}:
		l.over = true
		l.p.later(func() { l.finish(*msg.End) }) // others of the session do not wait for it
	case msg.End != nil:
		l.finish(*msg.End)
	case msg.State != nil && msg.State.State != Pending && msg.State.State != Running:
		err = fmt.Errorf("node %s says that the unit is %v, before its end", l.p.key.node, msg.State.State)
	case msg.State != nil:
		l.tell(*msg.State)
	case msg.Stream == stderrName:
		err = l.append(errStream, msg.At, output)
	default:
		err = l.append(outStream, msg.At, output)
	}
	if err != nil {
		l.leave(err)
	}
}

// leave ends the exchange because of an error.
func (l *pull) leave(err error) {
	l.p.mu.Lock()
	mine := l.p.take(l)
	if mine {
		l.p.out = append(l.p.out, followRequest{UnitID: l.remoteID, Stop: true})
		l.p.signal()
	}
	l.p.mu.Unlock()
	if mine {
		l.ended(err)
	}
}

// why is how it ended that is gone.
func (l *pull) why() error {
	if l.refused != nil {
		return l.refused
	}
	return errStopped
}

// step lets something happen to the follower of the unit, unless the exchange
// has ended for it.
func (l *pull) step(happen func(f *follower, now time.Time)) {
	l.r.step(func(now time.Time) {
		if l.r.pulling == l {
			happen(&l.r.f, now)
		}
	})
}

// tell takes in the state of the unit before its end.
func (l *pull) tell(s followState) {
	l.step(func(f *follower, now time.Time) {
		l.r.trouble = ""
		f.pushed(now, s)
	})
}

// complete takes in the state of the unit at its end, when all is here.
func (l *pull) complete(s followState) {
	l.p.mu.Lock()
	mine := l.p.take(l)
	l.p.mu.Unlock()
	if mine {
		l.step(func(f *follower, now time.Time) {
			l.r.pulling, l.r.trouble = nil, ""
			f.followEnded(now, nil)
			f.pushed(now, s)
		})
	}
}

// append stores output that begins at a position.
func (l *pull) append(s stream, at int64, b []byte) error {
	if l.from[s] == 0 {
		l.sum(s).Write(b)
	}
	r := l.r
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.pulling != l:
		return nil // broken off meanwhile: the bytes come again
	case at != r.f.have[s]:
		return fmt.Errorf("node %s sends output from byte %d on, want byte %d", l.p.key.node, at, r.f.have[s])
	case s == errStream:
		r.f.extra.StderrApart = true // if the unit has ended nothing has said so yet
	}
	if r.f.delivers(); r.f.state != r.load().status.State {
		r.record()
	}
	return r.keep(s, b)
}

// sum is that of a stream from its first byte on.
func (l *pull) sum(s stream) hash.Hash {
	if l.sums[s] == nil {
		l.sums[s] = sha256.New()
	}
	return l.sums[s]
}

// total is the sum of all of a stream that is here. What came in earlier sessions is
// read for it.
func (l *pull) total(s stream, size int64) (hash.Hash, error) {
	if l.from[s] == 0 {
		return l.sum(s), nil
	}
	sum := sha256.New()
	buf := make([]byte, followPiece)
	for at := int64(0); at < size; {
		if l.r.m.ctx.Err() != nil {
			return nil, errStopped
		}
		n, err := l.r.readOutput(s, buf[:min(int64(len(buf)), size-at)], at)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, fmt.Errorf("the %s of unit %s ends at byte %d, want at least %d", s, l.r.id, at, size)
		}
		sum.Write(buf[:n])
		at += int64(n)
	}
	return sum, nil
}

// finish takes in the end of the unit, if what is here is what the other node has
// sent.
func (l *pull) finish(end followEnd) {
	if err := l.check(end); err != nil {
		l.leave(err)
		return
	}
	l.complete(end.followState)
}

// damage is how an exFollow ends whose output is not what the remote node sent.
type damage struct{ text string }

func (e *damage) Error() string { return e.text }

// check holds what is here against what the remote node says that it has sent.
func (l *pull) check(end followEnd) error {
	if !end.State.Terminal() {
		return fmt.Errorf("node %s says that the unit has ended, and that it is %v", l.p.key.node, end.State)
	}
	err := l.checkStream(outStream, end.Size, end.SHA256)
	if err == nil && end.ErrSize != nil {
		err = l.checkStream(errStream, *end.ErrSize, end.ErrSHA256)
	}
	return err
}

func (l *pull) checkStream(s stream, size int64, sha string) error {
	have := l.r.received()[s]
	sum, err := l.total(s, have)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); have != size || got != sha {
		return &damage{fmt.Sprintf("the %s is damaged: %d bytes with SHA-256 %s are here, node %s had %d bytes with SHA-256 %s",
			s, have, got, l.p.key.node, size, sha)}
	}
	return nil
}

// ended reports how the exchange has ended before the end of the unit.
func (l *pull) ended(err error) {
	l.step(func(f *follower, now time.Time) {
		l.r.pulling = nil
		f.followEnded(now, err)
	})
	l.r.tellProblem(err)
}
