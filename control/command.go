package control

import (
	"context"
	"io"
)

// Handler carries out one control command. It returns the value whose JSON is
// the one-line answer, or an error whose text follows "ERROR: " in the answer.
// A nil value with a nil error means that the handler has written all there is
// to say itself; the session then ends. It also ends after the answer of a
// handler that has read from it: what is left of that input is no command.
//
// A handler runs on its session's goroutine and may block; ctx ends when the
// server closes.
type Handler func(ctx context.Context, req *Request, s Session) (any, error)

// Raw is an answer that is JSON already, in one line and without its end, for those
// too long to be looked through again. The session owns it.
type Raw []byte

// Request is one command line in either of its two forms (PROTOCOL section 4).
type Request struct {
	// Command is the name, in lower case.
	Command string
	// Args are the words after the name, separated by single blanks: two in a
	// row have an empty word between them. Nil in the JSON form.
	Args []string
	// Fields is the JSON object, numbers as json.Number. Nil in the word form.
	Fields map[string]any
}

// Session is the connection that a command came by, as its handler sees it.
// Reads begin with the byte after the command line.
type Session interface {
	io.Reader
	io.Writer
	// CloseWrite tells the client that nothing more will be written.
	CloseWrite() error
	// NextCommand says that the input of the command has been read to its end: what
	// follows is another command.
	NextCommand()
	// IsLocal reports whether the client came by a Unix socket: the owner of
	// the node, whom signatures need not vouch for.
	IsLocal() bool
	// FromMesh reports whether the client came by a service of the mesh: any
	// node, unless that asks for certificates.
	FromMesh() bool
	// Peer returns which node that is, "" if the client came by another way. A node
	// that is on the way can claim to be another.
	Peer() string
}

// Registrar is where packages announce the commands they carry out.
type Registrar interface {
	// Handle registers the handler of a command; registering a name twice is
	// a bug and panics.
	Handle(command string, h Handler)
}
