package work

import (
	"context"
	"fmt"
	"io"
	"sync"

	"receptor/control"
	"receptor/transport"
)

// FeatureSession is the feature of nodes that know the field receptor_session:
// "keep" of a submission: stdin, whose length receptor_stdin says, ends with a
// newline then, and another command may follow in the same session. They ask for it
// with "and a newline" in the place of "and EOF".
const FeatureSession = "session"

// paramSession is that field; keepSession is its value.
const (
	paramSession = "receptor_session"
	keepSession  = "keep"
)

// maxIdle is how many sessions with a node wait for a command, at most.
const maxIdle = 16

// sessions are those with the control services of other nodes that are kept for
// the next command: a new one costs the handshake of a connection. Like those
// that units are pulled by they end after pullIdle, and when there is news of the
// route to the node.
type sessions struct {
	clock transport.Clock

	mu     sync.Mutex
	closed bool
	idle   map[pullKey][]*idleSession // the one that has waited least comes last
}

type idleSession struct {
	connection
	timer transport.Timer
}

// take returns a session that was kept, if there is one whose node would still be
// believed. It is aborted when ctx ends.
func (s *sessions) take(ctx context.Context, key pullKey) (c connection, kept bool) {
	for {
		if c, kept = s.last(key); !kept {
			return connection{}, false
		}
		if c.conn.Recheck() == nil {
			c.abortWith(ctx)
			return c, true
		}
		c.conn.Close() // a new one will tell why
	}
}

// last takes out the session that has waited least.
func (s *sessions) last(key pullKey) (c connection, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.idle[key]
	if len(list) == 0 {
		return connection{}, false
	}
	last := list[len(list)-1]
	s.idle[key] = list[:len(list)-1]
	s.forgetEmpty(key)
	last.timer.Stop()
	return last.connection, true
}

// put keeps a session for another command, or closes it.
func (s *sessions) put(key pullKey, c connection) {
	if !c.keep() {
		return // it is being aborted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle[key]) >= maxIdle {
		c.conn.Close()
		return
	}
	i := &idleSession{connection: c}
	i.timer = s.clock.AfterFunc(pullIdle, func() { s.expire(key, i) })
	s.idle[key] = append(s.idle[key], i)
}

func (s *sessions) expire(key pullKey, i *idleSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, other := range s.idle[key] {
		if other == i {
			s.idle[key] = append(s.idle[key][:k:k], s.idle[key][k+1:]...)
			i.conn.Close()
		}
	}
	s.forgetEmpty(key)
}

// forgetEmpty requires mu.
func (s *sessions) forgetEmpty(key pullKey) {
	if len(s.idle[key]) == 0 {
		delete(s.idle, key)
	}
}

// drop closes the sessions with a node, or with all if that is empty.
func (s *sessions) drop(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, list := range s.idle {
		if node != "" && key.node != node {
			continue
		}
		for _, i := range list {
			i.timer.Stop()
			i.conn.Close()
		}
		delete(s.idle, key)
	}
}

func (s *sessions) close() {
	s.drop("")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// input is what a session brings of stdin, from a byte on.
func (o order) input(s control.Session, from int64) io.Reader {
	if !o.keeps {
		return s
	}
	return io.MultiReader(io.LimitReader(s, max(o.stdin.length-from, 0)), newline{s})
}

// newline is the end of a stdin whose length is known: the submitter must be able
// to put the name of the unit on record before the unit starts, also if stdin is
// empty.
type newline struct{ s control.Session }

// Read implements io.Reader: there is nothing to read, and the end must be right.
func (n newline) Read([]byte) (int, error) {
	var b [1]byte
	if _, err := io.ReadFull(n.s, b[:]); err != nil || b[0] != '\n' {
		return 0, fmt.Errorf("%s: no newline ends it", incompleteText)
	}
	n.s.NextCommand()
	return 0, io.EOF
}

// session returns a session for commands about the unit: one that was kept, or a
// new one. It is aborted when ctx ends, unless it is kept.
func (r *remote) session(ctx context.Context) (c connection, kept bool, err error) {
	signs, err := r.signs()
	if err != nil {
		return connection{}, false, err
	}
	if c, kept = r.m.sessions.take(ctx, r.key()); !kept {
		c, err = r.m.connect(ctx, r.target.RemoteNode, r.target.TLSClient)
	}
	if err == nil {
		c.client.Sign = signs
	}
	return c, kept, err
}

// key names the sessions that commands about the unit may use.
func (r *remote) key() pullKey { return pullKey{r.target.RemoteNode, r.target.TLSClient} }
