package daemon

import (
	"fmt"
	"io"
	"net"

	"receptor/mesh"
)

// Tracing is what a node tells for the sake of those who look for a mistake. The
// zero value is nothing.
type Tracing struct {
	// Payload is how much is logged, at level Debug, of the input of units that
	// clients send: 1 that some came, and how; 2 also how much; 3 all of it, and
	// any secrets that it holds.
	Payload int
	// QLog opens the files of mesh.Config.QLog.
	QLog func(name string) io.WriteCloser
	// Events is told what happens to the node in the mesh, beside the log; it may be
	// called under the node's lock. nil: nobody is.
	Events func(mesh.Event)
}

// MaxPayloadTrace is the greatest Tracing.Payload.
const MaxPayloadTrace = 3

// tracePayload logs a piece of the input of a unit of work.
func (d *Daemon) tracePayload(command string, at net.Addr, piece []byte) {
	if command != "work" {
		return // what people type into streams is nobody's business
	}
	from := "network connection"
	if at.Network() == "unix" {
		from = "unix socket"
	}
	text := "PACKET TRACING ENABLED: Reading from " + from
	if d.host.Tracing.Payload >= 2 {
		text += fmt.Sprintf(" %d bytes", len(piece))
	}
	if d.host.Tracing.Payload >= MaxPayloadTrace {
		text += fmt.Sprintf(" with a payload of: %q", piece)
	}
	d.log.Debugf("%s", text)
}

// traceDatagram logs a datagram that comes by, without what it says.
func (d *Daemon) traceDatagram(g mesh.Datagram) {
	switch {
	case g.Own:
		d.log.Tracef("--- Sending data length %d from %s to %s", g.Length, g.From, g.To)
	case g.Here:
		d.log.Tracef("--- Received data length %d from %s to %s", g.Length, g.From, g.To)
	default:
		d.log.Tracef("    Forwarding data length %d from %s to %s, %d hops left", g.Length, g.From, g.To, g.Hops)
	}
}
