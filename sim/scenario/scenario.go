// Package scenario holds the files that describe a simulated mesh and what
// happens to it: their YAML form, the generators of topologies, and the
// drawing of everything that a file leaves to the seed.
//
// A File is what a person wrote: it may contain ranges and a generator. A
// Scenario is what one seed makes of it: nothing is left to draw, and Encode
// writes it as a file that replays alone.
package scenario

import (
	"fmt"
	"time"
)

// Backend is the kind of a link: what the wire's faults do to its frames.
type Backend string

// Backends that a link can have.
const (
	// TCP delivers in order: loss means delay, and a break when it lasts.
	TCP Backend = "tcp"
	// UDP loses frames, and jitter may change their order.
	UDP Backend = "udp"
)

// Scenario is a mesh, what happens to it, and what to expect, with nothing
// left to draw.
type Scenario struct {
	Name        string
	Description string
	// Seed is the one that it was resolved with, and that a run of the written
	// file takes when it is told no other.
	Seed uint64
	// For is how long a run takes, in virtual time.
	For       time.Duration
	Nodes     []Node
	Links     []Link
	Pings     []Ping
	Datagrams []Datagram
	Services  []Service
	Units     []Unit
	Streams   []Stream
	Timeline  []Action
	Expect    Expect

	file string // that it was resolved from; "": it was built in code
}

// NodeKind says whose node it is.
type NodeKind string

// Kinds of nodes.
const (
	// KindOurs is a node of this project. It is the default: an empty Kind means
	// the same.
	KindOurs NodeKind = "ours"
	// KindDeployed is a model of a deployed receptor 1.x node, which has none of
	// our extensions and all of its habits (PROTOCOL sections 1 to 3).
	KindDeployed NodeKind = "deployed"
)

// Node is one node of the mesh.
type Node struct {
	ID   string
	Kind NodeKind
	// Clock is what its clock shows when a run begins.
	Clock Clock
	// Firewall has its rules (PROTOCOL section 6). Deployed nodes have none here.
	Firewall []Rule
	// Certificate is what it shows over TLS.
	Certificate Certificate
	// TokenLife is how long what it signs is valid; 0: DefaultTokenLife.
	TokenLife time.Duration
	// MaxParallel is how many units of a work type it runs at once, and MaxOutput how
	// many bytes of output each may have, as maxparallel and maxoutput of its
	// work-commands; 0: no limit.
	MaxParallel, MaxOutput int

	line int // of the file, for errors; 0: generated or built in code
}

// Rule is a rule of a firewall, as the configuration of a node has it.
type Rule struct {
	Action                                   string
	FromNode, ToNode, FromService, ToService string
}

// Link joins two nodes: From dials, To listens.
type Link struct {
	From, To string
	Backend  Backend
	// Cost is the same at both ends (PROTOCOL section 2.3).
	Cost float64
	// TLS has both ends show a certificate. TCP-like links alone can have it.
	TLS bool
	// Forward is what the wire does to frames from From to To, Back to the others.
	Forward, Back Wire

	line int
}

// Name names the link for a person.
func (l Link) Name() string { return l.From + "-" + l.To }

// Ping is a series of pings.
type Ping struct {
	From, To string
	At       time.Duration // of the first one
	Every    time.Duration // between two
	Count    int

	line int
}

// Datagram is a series of datagrams to the service that the simulator runs on
// every node.
type Datagram struct {
	Ping
	// Size is that of the payload, in bytes.
	Size int
	// Hops is the number of hops to live that they are sent with.
	Hops int
}

// Service is a service that a node offers and advertises for a while.
type Service struct {
	Node, Name string
	At         time.Duration
	For        time.Duration // 0: to the end

	line int
}

// Expect is what must be true of a run beyond the invariants.
type Expect struct {
	// ConvergedWithin bounds the time from the start, and from every action, to
	// the moment from which all databases and routes are right; 0: any time.
	ConvergedWithin time.Duration
	// LostPings is how many pings may go unanswered; negative: any number.
	LostPings int
	// Converges lets a run go on beyond For until nothing has disturbed the mesh
	// for the convergence bound, when everything must be right.
	Converges bool
}

// Refuse returns the error of an engine that does not have what is on a line of the
// scenario's file: 0 when no line is to blame. It is a Problems.
func (s *Scenario) Refuse(line int, format string, args ...any) error {
	return Problems{{s.file, line, fmt.Sprintf(format, args...)}}
}

// Line returns the line of the file, for errors; 0: it was generated or built in code.
func (l Link) Line() int    { return l.line }
func (v Service) Line() int { return v.line }
func (u Unit) Line() int    { return u.line }
func (v Stream) Line() int  { return v.line }
func (a Action) Line() int  { return a.line }

// Problem is one mistake in a scenario.
type Problem struct {
	File string // "" when it was built in code
	Line int    // 0 when no line is to blame
	Text string
}

// String returns file:line: text, as far as they are known.
func (p Problem) String() string {
	switch {
	case p.File != "" && p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	case p.File != "":
		return p.File + ": " + p.Text
	default:
		return p.Text
	}
}

// Problems is all that is wrong with a scenario, as an error with one line for
// each.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	text := ""
	for i, p := range ps {
		if i > 0 {
			text += "\n"
		}
		text += p.String()
	}
	return text
}
