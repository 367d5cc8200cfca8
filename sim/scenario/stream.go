package scenario

import (
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Stream is a stream from a client at one node to a service at another, which
// only the full engine opens.
type Stream struct {
	From, To string
	At       time.Duration
	// Send is how many bytes the client writes, Receive how many the service.
	Send, Receive int
	// Idle is how long each of them says nothing once it has written half.
	Idle time.Duration
	// HalfClose lets the service write only once the client has closed its half.
	HalfClose bool
	// WriteFirst lets the service read only once it has written all.
	WriteFirst bool
	// By is how the client reaches the mesh; "" means ByProxy.
	By By
	// TLS says which ends have TLS. Services with it and without are two.
	TLS TLS

	line int
}

// By is a way from a client to the mesh.
type By string

// Ways from a client to the mesh.
const (
	ByProxy   By = "proxy"   // a tcp-server of its node
	ByConnect By = "connect" // the control protocol of its node
)

// maxStreamBytes bounds one direction of a stream.
const maxStreamBytes = 64 << 20

func (d *decoder) stream(n *yaml.Node) Stream {
	v := Stream{By: ByProxy, line: n.Line}
	d.mapping(n, "stream",
		required("from", scalar(d, "stream: from", &v.From, parseText)),
		required("to", scalar(d, "stream: to", &v.To, parseText)),
		optional("at", scalar(d, "stream: at", &v.At, ParseDuration)),
		optional("send", scalar(d, "stream: send", &v.Send, parseCount(0, maxStreamBytes))),
		optional("receive", scalar(d, "stream: receive", &v.Receive, parseCount(0, maxStreamBytes))),
		optional("idle", scalar(d, "stream: idle", &v.Idle, ParseDuration)),
		optional("half_close", scalar(d, "stream: half_close", &v.HalfClose, parseBool)),
		optional("write_first", scalar(d, "stream: write_first", &v.WriteFirst, parseBool)),
		optional("by", scalar(d, "stream: by", &v.By, parseOneOf(ByProxy, ByConnect))),
		optional("tls", scalar(d, "stream: tls", &v.TLS, parseTLS)))
	return v
}

func (v Stream) encode() *yaml.Node {
	m := flow()
	m.text("from", v.From)
	m.text("to", v.To)
	m.duration("at", v.At)
	m.plain("send", strconv.Itoa(v.Send))
	m.plain("receive", strconv.Itoa(v.Receive))
	if v.Idle > 0 {
		m.duration("idle", v.Idle)
	}
	if v.HalfClose {
		m.plain("half_close", "true")
	}
	if v.WriteFirst {
		m.plain("write_first", "true")
	}
	if v.By == ByConnect {
		m.text("by", string(v.By))
	}
	m.tls(v.TLS)
	return m.node
}

func (c *checker) stream(v Stream) {
	fromOK, toOK := c.node(v.line, "stream: from", v.From), c.node(v.line, "stream: to", v.To)
	if fromOK && toOK && v.From == v.To {
		c.fail(v.line, "stream: from and to are both %q: want another node that has the service", v.From)
	}
	if v.By != "" && v.By != ByProxy && v.By != ByConnect {
		c.fail(v.line, "stream: by %q is neither %s nor %s", v.By, ByProxy, ByConnect)
	}
	if text := v.TLS.problem(); text != "" {
		c.fail(v.line, "stream: %s", text)
	}
	if v.HalfClose && v.WriteFirst {
		c.fail(v.line, "stream: with half_close the service writes last, with write_first first: want one of them")
	}
	if v.At < 0 || v.Idle < 0 || v.Send < 0 || v.Send > maxStreamBytes || v.Receive < 0 || v.Receive > maxStreamBytes {
		c.fail(v.line, "stream: at %v and idle %v must not be negative, send %d and receive %d from 0 to %d",
			v.At, v.Idle, v.Send, v.Receive, maxStreamBytes)
	}
}
