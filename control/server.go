package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"receptor/transport"
)

const (
	// DefaultMaxSessions is what a Server accepts when Options do not say: a
	// deployed node that follows its units here holds one session for each.
	DefaultMaxSessions = 4096

	// maxRefusals is how many sessions beyond the limit are told so at any
	// time. Those beyond this as well are closed without a word.
	maxRefusals = 64

	// An accept that fails (too many open files, usually) is tried again, for
	// as long as the listener is open, after a pause that doubles.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// ErrServerClosed is what Serve returns when it is called after Close.
var ErrServerClosed = errors.New("control server is closed")

// Options are what a Server needs from its surroundings.
type Options struct {
	// Clock bounds greetings and paces accepts that fail. Required.
	Clock transport.Clock
	// MaxSessions limits the sessions open at a time, over all listeners;
	// 0 means DefaultMaxSessions. For a client beyond it, a session ends that has
	// waited for a command for a while; if there is none, the client is told so.
	// Sessions by Unix sockets are counted apart: no client elsewhere can lock the
	// owner out.
	MaxSessions int
	// Problem is told of every accept that fails, and of every client that
	// could not be greeted: with TLS that is a failed handshake. It may be nil.
	Problem func(error)
	// Payload, if set, is told of what commands read from clients beyond their own
	// line, such as the input of a unit of work, piece by piece, and at which
	// address of the node they came in. It must not keep the piece; calls for
	// several sessions may overlap.
	Payload func(command string, at net.Addr, piece []byte)
}

// Server answers control sessions. Its methods may be called from any
// goroutine; New makes one.
type Server struct {
	nodeID string
	opts   Options

	// ctx ends at Close; handlers and pauses watch it.
	ctx    context.Context
	cancel context.CancelFunc

	// running counts the Serve calls and the sessions that have not ended.
	running sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	handlers  map[string]Handler
	listeners map[net.Listener]struct{}
	sessions  pool // those of clients elsewhere
	local     pool // those by Unix sockets
	refusals  int
}

// New makes a server that greets as the given node and knows no commands yet.
func New(nodeID string, opts Options) *Server {
	if opts.Clock == nil {
		panic("control: Options.Clock is missing")
	}
	if opts.MaxSessions == 0 {
		opts.MaxSessions = DefaultMaxSessions
	}
	s := &Server{
		nodeID:    nodeID,
		opts:      opts,
		handlers:  make(map[string]Handler),
		listeners: make(map[net.Listener]struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Handle implements Registrar.
func (s *Server) Handle(command string, h Handler) {
	command = strings.ToLower(command)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.handlers[command]; ok {
		panic("control: command registered twice: " + command)
	}
	s.handlers[command] = h
}

func (s *Server) handler(command string) Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handlers[command]
}

// Serve accepts sessions from l until Close, and then returns nil; it owns l
// and has closed it when it returns. An error means that l was closed by
// somebody else, or ErrServerClosed. Accepts that fail otherwise are reported
// to Options.Problem and tried again after a pause of at most a second.
func (s *Server) Serve(l net.Listener) error {
	if !s.addListener(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.removeListener(l)
	pause := minAcceptPause
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = minAcceptPause
			s.start(conn)
			continue
		case s.ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept control sessions on %s: %w", l.Addr(), err)
		}
		s.problem(fmt.Errorf("accept a control session on %s, next try in %v: %w", l.Addr(), pause, err))
		if !s.wait(pause) {
			return nil
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

// problem reports what failed while the server was to run.
func (s *Server) problem(err error) {
	if s.opts.Problem != nil && s.ctx.Err() == nil {
		s.opts.Problem(err)
	}
}

// wait reports whether d passed before the server was closed.
func (s *Server) wait(d time.Duration) bool {
	due := make(chan struct{})
	timer := s.opts.Clock.AfterFunc(d, func() { close(due) })
	defer timer.Stop()
	select {
	case <-due:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// start runs the session of a new connection on a goroutine of its own.
func (s *Server) start(conn net.Conn) {
	ss := newSession(s, conn)
	run := s.admit(ss)
	if run == nil {
		ss.cancel()
		conn.Close()
		return
	}
	go func() {
		defer s.running.Done()
		// Closing the connection is what ends a session that waits for it.
		stop := context.AfterFunc(ss.ctx, func() { conn.Close() })
		run()
		ss.end()
		stop()
		ss.cancel()
		s.leave(ss)
	}()
}

// admit decides what becomes of a new connection: the returned function runs
// its session, which has been added to running, and is to leave. It is nil
// if the connection must be closed without a word.
func (s *Server) admit(ss *session) (run func()) {
	now := s.opts.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.sessions
	if ss.IsLocal() {
		p = &s.local
	}
	switch {
	case s.closed:
		return nil
	case p.open < s.opts.MaxSessions, p.displace(now):
		p.open++
		ss.pool, run = p, ss.run
	case s.refusals < maxRefusals:
		s.refusals++
		ss.refused, run = true, ss.refuse
	default:
		return nil
	}
	s.running.Add(1)
	return run
}

// leave is called when a session has ended.
func (s *Server) leave(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ss.refused {
		s.refusals--
	}
	if ss.pool != nil {
		ss.pool.open--
		ss.pool.busy(ss)
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	l.Close()
	s.running.Done()
}

// Close closes the listeners and the connections of all sessions, ends the
// context of their handlers, and returns when all of them and all Serve calls
// have ended; so a handler must not call it. Closing twice is harmless.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	for l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}
