package wire

import "bytes"

// Relay is a routing update as it is passed on: the frame but for the node that
// passes it on. It is never changed, and may be shared.
type Relay struct {
	head, tail []byte // what is before the ForwardingNode, and after
}

// Relay returns the update to be passed on.
func (u *RoutingUpdate) Relay() Relay {
	frame := u.Encode()
	// Only numbers and Features follow, and quotes in strings are escaped: the
	// last place is the field.
	const field = `,"ForwardingNode":`
	at := bytes.LastIndex(frame, []byte(field)) + len(field)
	end := at + len(appendJSONString(nil, u.ForwardingNode))
	return Relay{head: frame[:at:at], tail: frame[end:]}
}

// IsZero reports whether it is the zero value, of no update.
func (r *Relay) IsZero() bool { return r.head == nil }

// Len returns the length of the frames, in bytes, but for the node that passes it
// on, which takes QuotedLen more.
func (r *Relay) Len() int { return len(r.head) + len(r.tail) }

// QuotedLen returns how many bytes a text takes in a frame.
func QuotedLen(text string) int { return len(appendJSONString(nil, text)) }

// AppendFrame appends the frame by which a node passes the update on: what
// Encode makes of it with that ForwardingNode.
func (r *Relay) AppendFrame(buf []byte, forwarder string) []byte {
	buf = append(buf, r.head...)
	buf = appendJSONString(buf, forwarder)
	return append(buf, r.tail...)
}

// Frame is AppendFrame to a buffer of its own.
func (r *Relay) Frame(forwarder string) []byte {
	const quotes = 2
	return r.AppendFrame(make([]byte, 0, len(r.head)+len(forwarder)+quotes+len(r.tail)), forwarder)
}

// Forwarder reports whether a frame is this very update, and who passed it on:
// a part of the frame. It may fail to recognise one whose forwarder has a node
// ID that is written with escapes.
func (r *Relay) Forwarder(frame []byte) (id []byte, ok bool) {
	const quotes = 2
	if len(frame) <= len(r.head)+quotes+len(r.tail) || !bytes.HasPrefix(frame, r.head) || !bytes.HasSuffix(frame, r.tail) {
		return nil, false
	}
	quoted := frame[len(r.head) : len(frame)-len(r.tail)]
	id = quoted[1 : len(quoted)-1]
	if quoted[0] != '"' || quoted[len(quoted)-1] != '"' || len(id) > MaxNodeID || !isPlain(id) {
		return nil, false
	}
	return id, true
}

// appendJSONString appends a string as encoding/json writes it.
func appendJSONString(buf []byte, s string) []byte {
	if !isPlain(s) {
		return append(buf, encodeJSON(0, s)[1:]...)
	}
	buf = append(buf, '"')
	buf = append(buf, s...)
	return append(buf, '"')
}

// isPlain reports whether JSON has the string as it is, between quotes.
func isPlain[S string | []byte](s S) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
