package control

import (
	"bufio"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"receptor/mesh"
)

const (
	greetingPrefix = "Receptor Control, node "
	errorPrefix    = "ERROR: "
	unknownCommand = "Unknown command"

	// greetTime bounds the greeting, and with it a TLS handshake.
	greetTime = 10 * time.Second
	// refuseTime bounds what a refused client is waited for.
	refuseTime = 5 * time.Second
	// maxGarbage is how many lines in a row may be no commands before the session
	// ends: whoever sends them speaks another protocol, or means no good.
	maxGarbage = 20
	// lingerTime bounds the wait for a client to hang up after the last answer.
	lingerTime = 2 * time.Second
)

// errStopped is what handlers read once the server is closed.
var errStopped = errors.New("this node was stopped before the client had sent all")

// halfCloser is what a *net.UnixConn, a *net.TCPConn, a *tls.Conn and a
// *mesh.Conn have in common beyond net.Conn.
type halfCloser interface{ CloseWrite() error }

// session is one control connection, and the Session of its handlers. Its
// methods are used by one goroutine, those of Session by two: one that reads
// and one that writes.
type session struct {
	server *Server
	conn   net.Conn
	// in also holds what has been read beyond the command line.
	in *bufio.Reader
	// command is the one that is carried out, or was last.
	command string
	garbage int // lines since the last one that was a command
	// taken is set when a handler reads: what follows its command is input of
	// that command from then on, and another command only if the handler says so.
	taken bool
	// ctx is that of its commands; cancel ends it, and the session.
	ctx    context.Context
	cancel context.CancelFunc

	// These require the server's mu.
	pool      *pool // nil if it is refused, or has given way to another
	refused   bool
	place     *list.Element // among those that wait for a command
	idleSince time.Time
}

func newSession(s *Server, conn net.Conn) *session {
	ss := &session{server: s, conn: conn, in: bufio.NewReader(conn)}
	ss.ctx, ss.cancel = context.WithCancel(s.ctx)
	return ss
}

// Read implements Session.
func (ss *session) Read(p []byte) (int, error) {
	ss.taken = true
	n, err := ss.in.Read(p)
	if err != nil && err != io.EOF && ss.server.ctx.Err() != nil {
		err = errStopped // which has closed the connection
	}
	if tell := ss.server.opts.Payload; tell != nil && n > 0 {
		tell(ss.command, ss.conn.LocalAddr(), p[:n])
	}
	return n, err
}

// Write implements Session.
func (ss *session) Write(p []byte) (int, error) { return ss.conn.Write(p) }

// CloseWrite implements Session.
func (ss *session) CloseWrite() error {
	c, ok := ss.conn.(halfCloser)
	if !ok {
		return fmt.Errorf("cannot close half of a %T", ss.conn)
	}
	return c.CloseWrite()
}

// NextCommand implements Session.
func (ss *session) NextCommand() { ss.taken = false }

// Close ends the connection at once, and with it every call that waits for it.
func (ss *session) Close() error { return ss.conn.Close() }

// FromMesh implements Session.
func (ss *session) FromMesh() bool {
	_, ok := ss.conn.LocalAddr().(mesh.Addr)
	return ok
}

// Peer implements Session.
func (ss *session) Peer() string {
	addr, _ := ss.conn.RemoteAddr().(mesh.Addr)
	return addr.Node
}

// IsLocal implements Session.
func (ss *session) IsLocal() bool { return isLocal(ss.conn) }

func isLocal(conn net.Conn) bool { return conn.LocalAddr().Network() == "unix" }

// run greets and carries out commands until the client has no more, one of
// them ends the session, or the connection breaks.
func (ss *session) run() {
	if !ss.greet() {
		return
	}
	for {
		ss.server.waits(ss)
		line, err := readLine(ss.in, MaxLine)
		if errors.Is(err, errLineTooLong) {
			ss.fail(fmt.Sprintf("a command line may have %d bytes, this one is longer", MaxLine))
			return
		}
		if err != nil || !ss.server.goesOn(ss) || !ss.carryOut(line) {
			return
		}
	}
}

// carryOut runs one command line and reports whether the session goes on.
func (ss *session) carryOut(line []byte) bool {
	req, err := parseRequest(line)
	switch {
	case err != nil:
		return ss.noCommand(err.Error())
	case req == nil:
		return true
	}
	h := ss.server.handler(req.Command)
	if h == nil {
		return ss.noCommand(unknownCommand)
	}
	ss.garbage = 0
	ss.command = req.Command
	value, err := h(ss.ctx, req, ss)
	switch {
	case err != nil:
		return ss.fail(err.Error()) && !ss.taken
	case value == nil:
		return false
	}
	return ss.answer(value) && !ss.taken
}

// noCommand answers a line that is no command, and reports whether the session
// goes on.
func (ss *session) noCommand(text string) bool {
	ss.garbage++
	if ss.garbage < maxGarbage {
		return ss.fail(text)
	}
	ss.fail(fmt.Sprintf("%s; the last %d lines were no commands, and the session ends", text, maxGarbage))
	return false
}

// refuse tells a client that there are too many. It is greeted first and its
// command read, so that clients show the error as the answer to that command.
func (ss *session) refuse() {
	timer := ss.server.opts.Clock.AfterFunc(refuseTime, func() { ss.conn.Close() })
	defer timer.Stop()
	if !ss.greet() {
		return
	}
	if _, err := readLine(ss.in, MaxLine); err != nil {
		return
	}
	ss.fail(fmt.Sprintf("too many control sessions: this node serves %d at a time", ss.server.opts.MaxSessions))
}

func (ss *session) greet() bool {
	timer := ss.server.opts.Clock.AfterFunc(greetTime, func() { ss.conn.Close() })
	_, err := io.WriteString(ss.conn, greetingPrefix+ss.server.nodeID+"\n")
	inTime := timer.Stop()
	if err != nil {
		ss.server.problem(fmt.Errorf("greet a client from %s: %w", ss.conn.RemoteAddr(), err))
	}
	return inTime && err == nil
}

func (ss *session) answer(value any) bool {
	line, raw := value.(Raw)
	if !raw {
		var err error
		if line, err = json.Marshal(value); err != nil {
			return ss.fail(fmt.Sprintf("the answer has no JSON form: %v", err))
		}
	}
	_, err := ss.conn.Write(append(line, '\n'))
	return err == nil
}

// fail answers with an error, which takes one line whatever its text.
func (ss *session) fail(text string) bool {
	text = strings.NewReplacer("\r", "", "\n", " ").Replace(text)
	_, err := io.WriteString(ss.conn, errorPrefix+text+"\n")
	return err == nil
}

// end hangs up. Closing a TCP connection while there are bytes that nobody has
// read resets it, and the peer may then lose the last answer: so say that this
// was all, and read on for a while until the client hangs up too.
func (ss *session) end() {
	defer ss.conn.Close()
	if ss.CloseWrite() != nil {
		return
	}
	timer := ss.server.opts.Clock.AfterFunc(lingerTime, func() { ss.conn.Close() })
	defer timer.Stop()
	io.Copy(io.Discard, ss.in)
}
