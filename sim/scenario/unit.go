package scenario

import (
	"fmt"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Unit is a unit of work, which only the full engine runs.
type Unit struct {
	From, To string
	At       time.Duration
	// Stdin and Stdout are how many bytes it is given, and writes.
	Stdin, Stdout int
	// Duration is how long its command runs.
	Duration time.Duration
	// Exit is the exit code of its command.
	Exit int
	// CancelAt is when its client wants it cancelled, once it is submitted; 0: never.
	CancelAt time.Duration
	// ReleaseAt is when its client releases it, once it is submitted, whether or not it
	// has ended; 0: when its client has seen its end and its output.
	ReleaseAt time.Duration
	// Children is how many processes its command leaves in the background, which go on
	// until they are ended.
	Children int
	// IgnoreSIGINT has its command go on when it is interrupted.
	IgnoreSIGINT bool
	// Output is when its command writes; "" means Steady.
	Output Output
	// Signed has its node sign for it, and the other verify that.
	Signed bool
	// TLS says which ends have TLS when its node asks the control service of the other.
	TLS TLS

	line int
}

// Output is when a command writes what it writes.
type Output string

// Outputs.
const (
	Steady Output = "steady" // in a few parts, over its duration
	Drip   Output = "drip"   // in many small ones
	Burst  Output = "burst"  // all at once, amid its duration
)

// Bounds of a unit.
const (
	maxUnitBytes = 64 << 20
	maxExit      = 255
	maxChildren  = 1000
	maxPlaces    = 1000 // units of a node that run at once, if that is limited
)

// Stored returns how many bytes of the output of a unit are kept if the node runs it,
// and whether that is less than what is written: then the unit is to fail.
func (n *Node) Stored(u Unit) (bytes int, exceeds bool) {
	if n.MaxOutput == 0 || u.Stdout <= n.MaxOutput {
		return u.Stdout, false
	}
	return n.MaxOutput, true
}

// limits says what is wrong with those of a node, or "".
func (n *Node) limits() string {
	switch {
	case n.MaxParallel < 0 || n.MaxParallel > maxPlaces || n.MaxOutput < 0 || n.MaxOutput > maxUnitBytes:
		return fmt.Sprintf("max_parallel %d must be from 1 to %d, and max_output %d from 1 to %d", n.MaxParallel, maxPlaces, n.MaxOutput, maxUnitBytes)
	case n.Kind == KindDeployed && (n.MaxParallel > 0 || n.MaxOutput > 0):
		return "the model of a deployed node does no work; leave out kind, or max_parallel and max_output"
	}
	return ""
}

func (d *decoder) unit(n *yaml.Node) Unit {
	u := Unit{Output: Steady, line: n.Line}
	d.mapping(n, "unit",
		required("from", scalar(d, "unit: from", &u.From, parseText)),
		required("to", scalar(d, "unit: to", &u.To, parseText)),
		optional("at", scalar(d, "unit: at", &u.At, ParseDuration)),
		optional("stdin", scalar(d, "unit: stdin", &u.Stdin, parseCount(0, maxUnitBytes))),
		optional("stdout", scalar(d, "unit: stdout", &u.Stdout, parseCount(0, maxUnitBytes))),
		optional("duration", scalar(d, "unit: duration", &u.Duration, ParseDuration)),
		optional("exit", scalar(d, "unit: exit", &u.Exit, parseCount(0, maxExit))),
		optional("cancel_at", scalar(d, "unit: cancel_at", &u.CancelAt, parsePositiveDuration)),
		optional("release_at", scalar(d, "unit: release_at", &u.ReleaseAt, parsePositiveDuration)),
		optional("children", scalar(d, "unit: children", &u.Children, parseCount(0, maxChildren))),
		optional("ignore_sigint", scalar(d, "unit: ignore_sigint", &u.IgnoreSIGINT, parseBool)),
		optional("signed", scalar(d, "unit: signed", &u.Signed, parseBool)),
		optional("tls", scalar(d, "unit: tls", &u.TLS, parseTLS)),
		optional("output", scalar(d, "unit: output", &u.Output, parseOneOf(Steady, Drip, Burst))))
	return u
}

func (u Unit) encode() *yaml.Node {
	m := flow()
	m.text("from", u.From)
	m.text("to", u.To)
	m.duration("at", u.At)
	m.plain("stdin", strconv.Itoa(u.Stdin))
	m.plain("stdout", strconv.Itoa(u.Stdout))
	m.duration("duration", u.Duration)
	m.plain("exit", strconv.Itoa(u.Exit))
	m.positive("cancel_at", u.CancelAt)
	m.positive("release_at", u.ReleaseAt)
	m.count("children", u.Children)
	if u.IgnoreSIGINT {
		m.plain("ignore_sigint", "true")
	}
	if u.Signed {
		m.plain("signed", "true")
	}
	m.tls(u.TLS)
	if u.Output == Drip || u.Output == Burst {
		m.text("output", string(u.Output))
	}
	return m.node
}

func (c *checker) unit(u Unit) {
	fromOK, toOK := c.node(u.line, "unit: from", u.From), c.node(u.line, "unit: to", u.To)
	if fromOK && toOK && u.From == u.To {
		c.fail(u.line, "unit: from and to are both %q: want another node to run it", u.From)
	}
	if u.CancelAt < 0 || u.ReleaseAt < 0 {
		c.fail(u.line, "unit: cancel_at %v and release_at %v must not be negative", u.CancelAt, u.ReleaseAt)
	}
	if u.Output != "" && u.Output != Steady && u.Output != Drip && u.Output != Burst {
		c.fail(u.line, "unit: output %q is neither %s, %s nor %s", u.Output, Steady, Drip, Burst)
	}
	if text := u.TLS.problem(); text != "" {
		c.fail(u.line, "unit: %s", text)
	}
	if u.Children < 0 || u.Children > maxChildren {
		c.fail(u.line, "unit: children %d must be from 0 to %d", u.Children, maxChildren)
	}
	if u.At < 0 || u.Duration < 0 || u.Stdin < 0 || u.Stdin > maxUnitBytes || u.Stdout < 0 || u.Stdout > maxUnitBytes || u.Exit < 0 || u.Exit > maxExit {
		c.fail(u.line, "unit: at %v and duration %v must not be negative, stdin %d and stdout %d from 0 to %d, exit %d from 0 to %d",
			u.At, u.Duration, u.Stdin, u.Stdout, maxUnitBytes, u.Exit, maxExit)
	}
}
